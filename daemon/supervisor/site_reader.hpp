// Reads and validates the site file in a thread of its own: a file of 10,000 servers takes a good part of a second, and
// a disk may take for ever; the supervisor has rooms to keep meanwhile.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "daemon/bus/messages.hpp"
#include "daemon/config/site.hpp"
#include "daemon/supervisor/program_desk.hpp"

namespace tandem::supervisor {

struct ReadSiteFile {
  std::shared_ptr<const config::Site> site;  // null when there are errors
  bus::SiteText message;                     // complete but for the generation
  std::vector<std::string> errors;           // file:line:column: text
  std::vector<std::string> warnings;
  std::vector<std::string> difference;  // to the site it was compared with
  Programs programs;                    // of its checks, with their users looked up
};

// Reads now, in this thread. `director` is the name this box was given; when empty, its host name is looked for, whole or
// up to the first dot. A box that the site does not name is an error. `before`, when not null, is what to compare with.
ReadSiteFile read_site_file(const std::string& path, const std::string& director, const config::Site* before);

// Reads in another thread and calls `done` on `io`. REQUIRES: `io` lives until the end of the process.
void read_site_file_async(boost::asio::io_context& io, const std::string& path, const std::string& director,
                          std::shared_ptr<const config::Site> before, std::function<void(ReadSiteFile)> done);

}  // namespace tandem::supervisor
