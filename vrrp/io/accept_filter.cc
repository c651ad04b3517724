#include "vrrp/io/accept_filter.hpp"

namespace tandem::vrrp {
namespace {

std::string elements(const std::set<IpAddress>& addresses, IpAddress::Family family) {
  std::string list;
  for (const IpAddress& each : addresses)
    if (each.family == family) list += (list.empty() ? "" : ", ") + each.text();
  return list.empty() ? "" : " elements = { " + list + " };";
}

}  // namespace

std::string accept_table(const std::set<IpAddress>& unaccepted) {
  // Adding before deleting makes the deletion succeed when there is no such table yet.
  std::string commands =
      "add table inet tandem_accept\n"
      "delete table inet tandem_accept\n";
  if (unaccepted.empty()) return commands;
  return commands +
         "table inet tandem_accept {\n"
         "  comment \"Made by tandemd: virtual addresses on which this box itself does not answer (accept: false)\"\n"
         "  set ipv4 { type ipv4_addr;" +
         elements(unaccepted, IpAddress::Family::kIpv4) +
         " }\n"
         "  set ipv6 { type ipv6_addr;" +
         elements(unaccepted, IpAddress::Family::kIpv6) +
         " }\n"
         "  chain input {\n"
         "    type filter hook input priority -300; policy accept;\n"
         "    iifname \"lo\" accept\n"
         "    ip daddr @ipv4 drop\n"
         // Without them nobody finds the address.
         "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n"
         "    ip6 daddr @ipv6 drop\n"
         "  }\n"
         "}\n";
}

netlink::Nft::Outcome set_unaccepted(const std::set<IpAddress>& addresses) {
  return netlink::Nft().run(accept_table(addresses));
}

}  // namespace tandem::vrrp
