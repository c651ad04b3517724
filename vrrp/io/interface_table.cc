#include "vrrp/io/interface_table.hpp"

#include <algorithm>
#include <utility>

namespace tandem::vrrp {

using netlink::InterfaceAddress;
using netlink::Link;

std::set<std::string> InterfaceTable::replace(InterfaceSnapshot snapshot) {
  std::set<std::string> names;  // everything may have changed; whoever is told compares with what it knew
  for (const auto& [index, link] : links_) names.insert(link.name);
  links_.clear();
  for (Link& link : snapshot.links) {
    names.insert(link.name);
    links_.emplace(link.index, std::move(link));
  }
  addresses_ = std::move(snapshot.addresses);
  return names;
}

std::set<std::string> InterfaceTable::apply(const netlink::LinkChange& change) {
  std::set<std::string> names;
  const auto known = links_.find(change.link.index);
  if (change.removed) {
    if (known == links_.end()) return names;
    names.insert(known->second.name);
    links_.erase(known);
    // The kernel reports the end of each address, but not if it comes after the interface's own.
    std::erase_if(addresses_, [&](const auto& each) { return each.interface_index == change.link.index; });
    return names;
  }
  if (known == links_.end()) {
    names.insert(change.link.name);
    links_.emplace(change.link.index, change.link);
  } else if (known->second != change.link) {
    names.insert(known->second.name);  // it may have been renamed
    names.insert(change.link.name);
    known->second = change.link;
  }
  return names;
}

std::set<std::string> InterfaceTable::apply(const netlink::AddressChange& change) {
  const auto same = [&](const InterfaceAddress& each) {
    return each.interface_index == change.address.interface_index && each.prefix == change.address.prefix;
  };
  const auto known = std::ranges::find_if(addresses_, same);
  if (change.removed) {
    if (known == addresses_.end()) return {};
    addresses_.erase(known);
  } else if (known == addresses_.end()) {
    addresses_.push_back(change.address);
  } else if (*known != change.address) {
    *known = change.address;
  } else {
    return {};
  }
  const Link* link = find(change.address.interface_index);
  return link != nullptr ? std::set<std::string>{link->name} : std::set<std::string>{};
}

const Link* InterfaceTable::find(std::string_view name) const {
  for (const auto& [index, link] : links_)
    if (link.name == name) return &link;
  return nullptr;
}

const Link* InterfaceTable::find(int index) const {
  const auto found = links_.find(index);
  return found != links_.end() ? &found->second : nullptr;
}

bool InterfaceTable::has_mac(const MacAddress& mac) const {
  return std::ranges::any_of(links_, [&](const auto& each) { return each.second.mac == mac; });
}

bool InterfaceTable::usable(std::string_view name) const {
  const Link* link = find(name);
  return link != nullptr && link->usable();
}

std::vector<Prefix> InterfaceTable::own_prefixes(std::string_view name, IpAddress::Family family) const {
  std::vector<Prefix> prefixes;
  const Link* link = find(name);
  if (link == nullptr) return prefixes;
  for (const InterfaceAddress& each : addresses_)
    if (each.interface_index == link->index && each.prefix.address.family == family && !each.ours())
      prefixes.push_back(each.prefix);
  return prefixes;
}

std::optional<IpAddress> InterfaceTable::primary(std::string_view name, IpAddress::Family family) const {
  const Link* link = find(name);
  if (link == nullptr) return std::nullopt;
  if (family == IpAddress::Family::kIpv4) return netlink::primary_ipv4(addresses_, link->index);
  return netlink::primary_ipv6(addresses_, link->index);
}

bool InterfaceTable::has_own(std::string_view name, const IpAddress& address) const {
  const Link* link = find(name);
  return link != nullptr && std::ranges::any_of(addresses_, [&](const InterfaceAddress& each) {
           return each.interface_index == link->index && each.prefix.address == address && !each.ours() &&
                  !each.tentative;
         });
}

bool InterfaceTable::has(std::string_view name, const Prefix& prefix) const {
  const Link* link = find(name);
  return link != nullptr && std::ranges::any_of(addresses_, [&](const InterfaceAddress& each) {
           return each.interface_index == link->index && each.prefix == prefix;
         });
}

bool InterfaceTable::has_ours(std::string_view name, const Prefix& prefix) const {
  const Link* link = find(name);
  return link != nullptr && std::ranges::any_of(addresses_, [&](const InterfaceAddress& each) {
           return each.interface_index == link->index && each.prefix == prefix && each.ours();
         });
}

}  // namespace tandem::vrrp
