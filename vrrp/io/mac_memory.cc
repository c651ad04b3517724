#include "vrrp/io/mac_memory.hpp"

#include <utility>

namespace tandem::vrrp {

std::vector<std::string> MacMemory::look(const InterfaceTable& table, const std::set<std::string>& names) {
  std::vector<std::string> changed;
  std::erase_if(known_, [&](const auto& each) { return !names.contains(each.first); });
  for (const std::string& name : names) {
    const netlink::Link* link = table.find(name);
    if (link == nullptr || link->mac.is_zero()) continue;
    const auto [known, is_new] = known_.emplace(name, link->mac);
    if (!is_new && std::exchange(known->second, link->mac) != link->mac) changed.push_back(name);
  }
  return changed;
}

}  // namespace tandem::vrrp
