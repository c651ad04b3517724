// The disk's side of the configuration: loading the site file, and looking up the files it names.
//
// check_site_file() is what `tandemctl check` and the daemon both call, at start and at every reload, so that a file that
// passes the one is taken by the other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/config/diagnostic.hpp"
#include "daemon/config/reader.hpp"
#include "daemon/config/site.hpp"

namespace tandem::config {

enum class FileError : uint8_t {
  kMissing,
  kDirectory,
  kNotRegular,  // a device, socket or pipe: reading it could wait for ever
  kUnreadable,  // no permission, or the disk failed
  kTooBig,
  kOpenToOthers,  // keys: group or others have any right to it (mode & 077)
  kNotAKey,       // keys: something else than 64 hex digits and at most one newline
  kNotExecutable,
  kWritableByOthers,
  kFolderWritableByOthers,  // scripts: somebody else could put another in its place
  kNoCertificate,           // certificates: nothing in PEM form in it
  kNoRevocationList,
  kNoPrivateKey,
  kOpenToEveryone,  // a check's private key: others than owner and group have a right to it (mode & 007)
  kNoSuchUser,      // users: this box has none of that name
  kNotItsUsers,     // scripts: who runs it may not execute it, read it (where an interpreter must), or come to it
};

// What is wrong, in words that say what to do: "/etc/tandem/peer.key does not exist; ...".
std::string describe(FileError error, const std::string& path);

// The bytes of a regular file of at most `limit` bytes. Never waits: a pipe is refused, not read.
Result<std::string, FileError> load_file(const std::string& path, size_t limit = kSiteFileLimit);

// The site's secret, from which the peer link's TLS key is made.
using PeerKey = std::array<std::byte, 32>;
Result<PeerKey, FileError> load_peer_key(const std::string& path);

// What the files named by a site file have wrong, each at the place of the value that names it. Empty: nothing.
std::vector<Diagnostic> check_files(const std::vector<NamedFile>& files, const std::string& file_name);

// Everything that is to be said about a site file.
struct CheckedSite {
  std::optional<Site> site;          // present exactly when errors is empty
  std::string text;                  // the file as it was read; what is handed to the rooms
  std::vector<Diagnostic> errors;    // sorted by place
  std::vector<Diagnostic> warnings;  // sorted by place
};

CheckedSite check_site_file(const std::string& path);

}  // namespace tandem::config
