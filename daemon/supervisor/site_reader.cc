#include "daemon/supervisor/site_reader.hpp"

#include <openssl/evp.h>
#include <unistd.h>

#include <csignal>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "daemon/config/diff.hpp"
#include "daemon/config/files.hpp"
#include "daemon/loop/process.hpp"
#include "daemon/supervisor/program_runner.hpp"

namespace tandem::supervisor {

namespace {

std::string sha256_hex(const std::string& text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), digest, &length, EVP_sha256(), nullptr);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < length; ++i) hex += {kDigits[digest[i] >> 4], kDigits[digest[i] & 15]};
  return hex;
}

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

// Which of the site's directors is meant; empty when none is.
std::string director_in(const config::Site& site, const std::string& wanted) {
  if (!wanted.empty()) return site.director(wanted) != nullptr ? wanted : "";
  const std::string whole = host_name();
  for (const auto& name : {whole, whole.substr(0, whole.find('.'))})
    if (site.director(name) != nullptr) return name;
  return {};
}

std::string no_such_director(const config::Site& site, const std::string& path, const std::string& wanted) {
  std::string names;
  for (const auto& director : site.directors) names += (names.empty() ? "" : ", ") + director.name;
  const std::string advice = "; the site's directors are " + (names.empty() ? "none" : names);
  if (!wanted.empty()) return path + ": no director is named " + wanted + advice;
  return path + ": no director is named like this host, " + host_name() + advice +
         " (--director says which one this is)";
}

std::vector<std::string> rendered(const std::vector<config::Diagnostic>& findings) {
  std::vector<std::string> lines;
  for (const auto& finding : findings) lines.push_back(finding.render());
  return lines;
}

}  // namespace

ReadSiteFile read_site_file(const std::string& path, const std::string& director, const config::Site* before) {
  auto checked = config::check_site_file(path);
  ReadSiteFile read{.errors = rendered(checked.errors), .warnings = rendered(checked.warnings)};
  if (!checked.site) return read;
  const std::string name = director_in(*checked.site, director);
  if (name.empty()) {
    read.errors.push_back(no_such_director(*checked.site, path, director));
    return read;
  }
  if (before != nullptr) read.difference = config::describe_difference(*before, *checked.site);
  read.programs = programs_of(*checked.site);
  read.message.digest = sha256_hex(checked.text);
  read.message.text = std::move(checked.text);
  read.message.path = path;
  read.message.director = name;
  read.site = std::make_shared<const config::Site>(std::move(*checked.site));
  return read;
}

void read_site_file_async(boost::asio::io_context& io, const std::string& path, const std::string& director,
                          std::shared_ptr<const config::Site> before, std::function<void(ReadSiteFile)> done) {
  // Signals are for the loop's thread.
  sigset_t all, previous;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous);
  // Detached: one that waits for a dead disk must not hold up the end of the process.
  std::thread([&io, path, director, before = std::move(before), done = std::move(done)]() mutable {
    loop::set_thread_name("site-reader");
    auto read = std::make_shared<ReadSiteFile>(read_site_file(path, director, before.get()));
    before.reset();
    boost::asio::post(io, [read, done = std::move(done)] { done(std::move(*read)); });
  }).detach();
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
}

}  // namespace tandem::supervisor
