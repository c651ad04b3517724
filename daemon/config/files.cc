#include "daemon/config/files.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

namespace tandem::config {
namespace {

constexpr size_t kKeyFileLimit = 4096;
constexpr size_t kScriptLimit = size_t{1} << 20;  // what is larger is no script
constexpr size_t kCertificateFileLimit = size_t{16} << 20;

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

struct LoadedFile {
  std::string text;
  mode_t mode = 0;  // of the very file that was read
};

Result<LoadedFile, FileError> load(const std::string& path, size_t limit) {
  // O_NONBLOCK: opening a pipe would wait for its writer.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0)
    return Failure(errno == ENOENT || errno == ENOTDIR ? FileError::kMissing : FileError::kUnreadable);
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return Failure(FileError::kUnreadable);
  if (S_ISDIR(status.st_mode)) return Failure(FileError::kDirectory);
  if (!S_ISREG(status.st_mode)) return Failure(FileError::kNotRegular);
  if (status.st_size > 0 && static_cast<size_t>(status.st_size) > limit) return Failure(FileError::kTooBig);
  LoadedFile loaded{{}, status.st_mode};
  // Not by the size it said: it may grow meanwhile, and files of /proc say 0.
  size_t length = 0;
  while (true) {
    loaded.text.resize(std::min(limit + 1, std::max<size_t>(length * 2, 65536)));
    const ssize_t got = read(file.get(), loaded.text.data() + length, loaded.text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failure(FileError::kUnreadable);
    if (got == 0) break;
    length += static_cast<size_t>(got);
    if (length > limit) return Failure(FileError::kTooBig);
  }
  loaded.text.resize(length);
  return loaded;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Who runs a script.
struct Runner {
  uid_t uid = 0;
  std::vector<gid_t> groups;
};

std::optional<Runner> runner_of(const std::string& user) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> words(size_t{1} << 16);
  if (user.empty() || getpwnam_r(user.c_str(), &entry, words.data(), words.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  Runner runner{.uid = found->pw_uid, .groups = std::vector<gid_t>(64)};
  for (auto count = static_cast<int>(runner.groups.size());; runner.groups.resize(static_cast<size_t>(count))) {
    const bool all = getgrouplist(user.c_str(), found->pw_gid, runner.groups.data(), &count) >= 0;
    if (!all && static_cast<size_t>(count) > runner.groups.size()) continue;
    runner.groups.resize(all ? static_cast<size_t>(count) : 0);
    return runner;
  }
}

// Bits as the last digit of a mode has them: 4 to read, 1 to execute or to go through.
bool may(const Runner& runner, const struct stat& status, mode_t bits) {
  if (runner.uid == 0) return true;
  if (status.st_uid == runner.uid) return (status.st_mode >> 6 & bits) == bits;
  if (std::ranges::find(runner.groups, status.st_gid) != runner.groups.end())
    return (status.st_mode >> 3 & bits) == bits;
  return (status.st_mode & bits) == bits;
}

// `runner`: who runs the script is free to change it, who gains nothing by that.
bool others_may_change(const struct stat& status, const std::optional<Runner>& runner) {
  return (status.st_mode & 022) != 0 ||
         (status.st_uid != 0 && status.st_uid != geteuid() && (!runner || status.st_uid != runner->uid));
}

// Whether a folder on the way, as it is written and as the kernel goes it, is somebody else's to change. In one with the sticky
// bit (/tmp) nobody can take away what is root's.
bool others_may_replace(const std::string& path, const std::optional<Runner>& runner) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr), std::free);
  for (std::string way : {path, real ? std::string(real.get()) : path}) {
    for (size_t slash = way.rfind('/'); slash != std::string::npos; slash = way.rfind('/')) {
      way.erase(slash);
      struct stat folder{};
      if (stat(way.empty() ? "/" : way.c_str(), &folder) != 0) return true;
      folder.st_mode &= (folder.st_mode & S_ISVTX) != 0 ? ~mode_t{022} : ~mode_t{0};
      if (others_may_change(folder, runner)) return true;
    }
  }
  return false;
}

// The shell that finds a script unreadable ends with an exit code, which would mean a weight to a check.
bool can_be_run_by(const Runner& runner, const std::string& path, const struct stat& status) {
  const auto text = load(path, kScriptLimit);
  const bool is_script = text && text->text.starts_with("#!");
  if (!may(runner, status, is_script ? 5 : 1)) return false;
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr), std::free);
  std::string way = real ? real.get() : path;
  for (size_t slash = way.rfind('/'); slash != std::string::npos; slash = way.rfind('/')) {
    way.erase(slash);
    struct stat folder{};
    if (stat(way.empty() ? "/" : way.c_str(), &folder) != 0 || !may(runner, folder, 1)) return false;
  }
  return true;
}

std::optional<FileError> wrong_unless(bool good, FileError error) {
  return good ? std::nullopt : std::optional(error);
}

std::optional<FileError> what_is_wrong(const NamedFile& file) {
  if (file.key == "key_file") {
    auto key = load_peer_key(file.path);
    if (!key) return key.error();
    explicit_bzero(key->data(), key->size());
    return std::nullopt;
  }
  if (file.key == "script" || file.key == "command") {
    struct stat status{};
    if (stat(file.path.c_str(), &status) != 0)
      return errno == ENOENT || errno == ENOTDIR ? FileError::kMissing : FileError::kUnreadable;
    if (S_ISDIR(status.st_mode)) return FileError::kDirectory;
    if (!S_ISREG(status.st_mode)) return FileError::kNotRegular;
    if ((status.st_mode & 0111) == 0) return FileError::kNotExecutable;
    const auto runner = runner_of(file.user);
    if (others_may_change(status, runner)) return FileError::kWritableByOthers;
    if (others_may_replace(file.path, runner)) return FileError::kFolderWritableByOthers;
    return wrong_unless(!runner || can_be_run_by(*runner, file.path, status), FileError::kNotItsUsers);
  }
  if (file.key == "user") return wrong_unless(runner_of(file.path).has_value(), FileError::kNoSuchUser);
  const auto loaded = load(file.path, kCertificateFileLimit);
  if (!loaded) return loaded.error();
  const auto holds = [&](std::string_view words) { return loaded->text.find(words) != std::string::npos; };
  if (file.key == "crl_file") return wrong_unless(holds("-----BEGIN X509 CRL-----"), FileError::kNoRevocationList);
  if (file.key == "key") {
    if (!holds("PRIVATE KEY-----")) return FileError::kNoPrivateKey;
    return wrong_unless((loaded->mode & 007) == 0, FileError::kOpenToEveryone);
  }
  return wrong_unless(holds("-----BEGIN "), FileError::kNoCertificate);
}

}  // namespace

std::string describe(FileError error, const std::string& path) {
  switch (error) {
    case FileError::kMissing:
      return path + " does not exist";
    case FileError::kDirectory:
      return path + " is a directory; expected a file";
    case FileError::kNotRegular:
      return path + " is a device, socket or pipe; expected a file";
    case FileError::kUnreadable:
      return path + " cannot be read; are its owner and mode right, and are you root?";
    case FileError::kTooBig:
      return path + " is too big to be what it should be";
    case FileError::kOpenToOthers:
      return path + " can be used by its group or by everyone; a key is its owner's alone: chmod 600 " + path;
    case FileError::kNotAKey:
      return path + " is not a key; expected exactly 64 hex digits: (umask 077; openssl rand -hex 32 > " + path + ")";
    case FileError::kNotExecutable:
      return path + " is not executable; chmod 755 " + path;
    case FileError::kWritableByOthers:
      return path + " can be changed by others than root, who could make it do anything; chown root and chmod go-w";
    case FileError::kFolderWritableByOthers:
      return path + " lies in a folder that others than root can change, who could put anything in its place";
    case FileError::kNoCertificate:
      return path + " holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)";
    case FileError::kNoRevocationList:
      return path + " holds no revocation list in PEM form (-----BEGIN X509 CRL-----)";
    case FileError::kNoPrivateKey:
      return path + " holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)";
    case FileError::kOpenToEveryone:
      return path + " can be used by everyone; a key is for its owner and the checks: chgrp tandem, chmod 640 " + path;
    case FileError::kNoSuchUser:
      return "there is no user '" + path + "' on this box";
    case FileError::kNotItsUsers:
      return path + " cannot be run by its user; chmod 755, and the folders on the way too";
  }
  return path;
}

Result<std::string, FileError> load_file(const std::string& path, size_t limit) {
  auto loaded = load(path, limit);
  if (!loaded) return Failure(loaded.error());
  return std::move(loaded->text);
}

Result<PeerKey, FileError> load_peer_key(const std::string& path) {
  auto loaded = load(path, kKeyFileLimit);
  if (!loaded) return Failure(loaded.error() == FileError::kTooBig ? FileError::kNotAKey : loaded.error());
  if ((loaded->mode & 077) != 0) return Failure(FileError::kOpenToOthers);
  std::string& text = loaded->text;
  PeerKey key;
  const bool has_newline = text.ends_with('\n');
  if (text.size() != key.size() * 2 + (has_newline ? 1 : 0)) return Failure(FileError::kNotAKey);
  for (size_t i = 0; i < key.size(); ++i) {
    const int high = hex_digit(text[i * 2]);
    const int low = hex_digit(text[i * 2 + 1]);
    if (high < 0 || low < 0) return Failure(FileError::kNotAKey);
    key[i] = static_cast<std::byte>(high << 4 | low);
  }
  explicit_bzero(text.data(), text.size());
  return key;
}

std::vector<Diagnostic> check_files(const std::vector<NamedFile>& files, const std::string& file_name) {
  std::vector<Diagnostic> errors;
  // One look at each, however many name it.
  std::map<std::tuple<std::string, std::string, std::string>, std::optional<FileError>> known;
  for (const NamedFile& file : files) {
    const auto [it, is_new] = known.try_emplace({file.key, file.path, file.user});
    if (is_new) it->second = what_is_wrong(file);
    if (it->second)
      errors.push_back(
          {file_name, file.place.line, file.place.column, file.key + ": " + describe(*it->second, file.path)});
  }
  return errors;
}

CheckedSite check_site_file(const std::string& path) {
  CheckedSite checked;
  auto text = load_file(path);
  if (!text) {
    checked.errors.push_back({path, 1, 1, describe(text.error(), "the site file " + path)});
    return checked;
  }
  checked.text = std::move(*text);
  Reading reading = read_site(checked.text, path);
  checked.errors = std::move(reading.errors);
  checked.warnings = std::move(reading.warnings);
  std::ranges::move(check_files(reading.files, path), std::back_inserter(checked.errors));
  std::ranges::sort(checked.errors, {}, [](const Diagnostic& d) { return std::tie(d.line, d.column, d.text); });
  if (checked.errors.empty()) checked.site = std::move(reading.site);
  return checked;
}

}  // namespace tandem::config
