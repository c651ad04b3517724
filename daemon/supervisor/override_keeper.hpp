// Keeps the operators' words about servers: says them to the rooms at the start, writes down what changes, and ends those
// whose server a reload took away.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include <boost/asio/io_context.hpp>

#include "daemon/bus/messages.hpp"
#include "daemon/config/site.hpp"
#include "daemon/supervisor/kept_file.hpp"
#include "daemon/supervisor/override_book.hpp"

namespace tandem::supervisor {

class OverrideKeeper {
 public:
  struct Callbacks {
    std::function<void(const bus::Message&)> say;
    std::function<void(bus::Severity, std::string id, std::string subject, std::string text)> event;
  };

  // REQUIRES: `io` lives until the end of the process.
  OverrideKeeper(boost::asio::io_context& io, const std::filesystem::path& state_directory, Callbacks callbacks);

  // Reads the file and says what stands in it.
  void begin(const config::Site& site);
  // An operator spoke, or took it back; anything else is left alone.
  void hear(const bus::Message& message);
  void site_changed(const config::Site& site);

 private:
  void keep_only_of(const config::Site& site);

  std::filesystem::path path_;
  Callbacks callbacks_;
  KeptFile file_;
  OverrideBook book_;
};

}  // namespace tandem::supervisor
