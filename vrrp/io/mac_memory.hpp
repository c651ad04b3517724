// Which interfaces have another MAC address than when they were last looked at.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "vrrp/io/interface_table.hpp"

namespace tandem::vrrp {

class MacMemory {
 public:
  // Looks at these interfaces; others are forgotten. One that is not there now, or has no MAC address, keeps the one it had: it may come
  // back with another. The first look at an interface is no change.
  std::vector<std::string> look(const InterfaceTable& table, const std::set<std::string>& names);

 private:
  std::map<std::string, MacAddress> known_;
};

}  // namespace tandem::vrrp
