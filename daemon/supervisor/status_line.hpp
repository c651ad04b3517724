// The one line of `systemctl status tandem`: who this box is and how it stands. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/bus/messages.hpp"

namespace tandem::supervisor {

class StatusLine {
 public:
  explicit StatusLine(std::string director) : director_(std::move(director)) {}

  // Takes in what it shows; other messages are ignored.
  void hear(const bus::Message& message);
  // "dir-a: web active, mail backup; 5 of 6 servers up".
  std::string text(const std::vector<std::string>& rooms_not_ready) const;

 private:
  std::string director_;
  std::map<std::string, bus::RouterState> routers_;
  std::map<std::string, bus::ServiceHealth> services_;
};

}  // namespace tandem::supervisor
