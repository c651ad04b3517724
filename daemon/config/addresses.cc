// Addresses in the site file: of hosts, with the length of their network part, of networks, in ranges.
#include "daemon/base/address_traits.hpp"
#include "daemon/base/assert.hpp"
#include "daemon/config/parsing.hpp"

namespace tandem::config {
namespace {

// A server may be this box itself (method_rules.cc).
bool is_lost_loopback(const Key& key, const IpAddress& address) {
  return is_loopback(address) && key.section != Section::kServer;
}

Parsed<Ipv4Address> parse_ipv4(const Key& key, const Node& node, std::string_view text) {
  if (const auto v4 = Ipv4Address::parse(text)) {
    if (v4->is_unspecified()) return wrong<Ipv4Address>(key, node, "that is no host's address");
    if (is_lost_loopback(key, *v4)) return wrong<Ipv4Address>(key, node, "a loopback address never leaves its box");
    if (v4->is_multicast()) return wrong<Ipv4Address>(key, node, "that is a multicast group");
    if (v4->value == 0xffffffff) return wrong<Ipv4Address>(key, node, "that is the broadcast address");
    return *v4;
  }
  return wrong<Ipv4Address>(key, node);
}

Parsed<IpAddress> parse_ipv6(const Key& key, const Node& node, std::string_view text) {
  const auto v6 = Ipv6Address::parse(text);
  if (!v6) return wrong<IpAddress>(key, node);
  if (*v6 == Ipv6Address()) return wrong<IpAddress>(key, node, "that is no host's address");
  if (is_multicast(*v6)) return wrong<IpAddress>(key, node, "that is a multicast group");
  if (is_lost_loopback(key, *v6)) return wrong<IpAddress>(key, node, "a loopback address never leaves its box");
  if (is_ipv4_mapped(*v6))
    return wrong<IpAddress>(key, node, "that is an IPv4 address in IPv6's clothes; write it as IPv4");
  return *v6;
}

Parsed<IpAddress> parse_either(const Key& key, const Node& node, std::string_view text) {
  if (Ipv6Address::parse(text)) return parse_ipv6(key, node, text);
  return parse_ipv4(key, node, text);
}

// Where nothing says on which link it is. `text`: the node's, or a part of it.
Parsed<IpAddress> parse_host(const Key& key, const Node& node, std::string_view text) {
  const size_t percent = text.find('%');
  const auto v6 = Ipv6Address::parse(text.substr(0, percent));
  if (v6 && (percent != std::string_view::npos || is_link_local(*v6)))
    return wrong<IpAddress>(key, node,
                            "a link-local address means another host on every link; give it a global or a unique local "
                            "one (fd00::/8)");
  return parse_either(key, node, text);
}

Parsed<IpAddress> parse_host(const Key& key, const Node& node) {
  if (node.kind != Node::Kind::kScalar) return wrong<IpAddress>(key, node);
  const size_t slash = node.text.find('/');
  if (slash != std::string::npos && IpAddress::parse(std::string_view(node.text).substr(0, slash)))
    return wrong<IpAddress>(key, node, "write it without the length of its network part");
  return parse_host(key, node, node.text);
}

}  // namespace

Parsed<IpAddress> parse_address(const Key& key, const Node& node) {
  TANDEM_ASSERT(key.type == Type::kAddress);
  return parse_host(key, node);
}

Parsed<IpAddress> parse_unicast_address(const Key& key, const Node& node) {
  TANDEM_ASSERT(key.type == Type::kUnicast || key.type == Type::kGateway);
  if (node.kind != Node::Kind::kScalar) return wrong<IpAddress>(key, node);
  return parse_either(key, node, node.text);
}

Parsed<Prefix> parse_network(const Key& key, const Node& node) {
  TANDEM_ASSERT(key.type == Type::kNetwork);
  if (node.kind != Node::Kind::kScalar) return wrong<Prefix>(key, node);
  if (node.text == "default") return Prefix{Ipv4Address{}, 0};
  const auto prefix = Prefix::parse(node.text);
  if (!prefix) return wrong<Prefix>(key, node);
  if (first_of(*prefix) != prefix->address) return wrong<Prefix>(key, node, "it has host bits beyond its length");
  return *prefix;
}

Parsed<Prefix> parse_prefix(const Key& key, const Node& node) {
  TANDEM_ASSERT(key.type == Type::kPrefix || key.type == Type::kVirtualAddresses);
  if (node.kind != Node::Kind::kScalar) return wrong<Prefix>(key, node);
  const std::string_view text = node.text;
  const size_t slash = text.find('/');
  if (Ipv6Address::parse(text.substr(0, slash))) {
    const auto address = parse_ipv6(key, node, text.substr(0, slash));
    if (!address) return std::unexpected(address.error());
    const auto prefix = Prefix::parse(text);
    if (!prefix || prefix->length == 0) return wrong<Prefix>(key, node, "the length is a whole number from 1 to 128");
    return *prefix;
  }
  const auto address = parse_ipv4(key, node, text.substr(0, slash));
  if (!address) return std::unexpected(address.error());
  if (slash == std::string_view::npos) return Prefix{*address, 32};
  const auto prefix = Prefix::parse(text);
  if (!prefix || prefix->length == 0) return wrong<Prefix>(key, node, "the length is a whole number from 1 to 32");
  if (prefix->length <= 30) {
    const uint32_t host_bits = 0xffffffffU >> prefix->length;
    const uint32_t host = address->value & host_bits;
    if (host == 0) return wrong<Prefix>(key, node, "that is the network itself, no host in it");
    if (host == host_bits) return wrong<Prefix>(key, node, "that is the network's broadcast address");
  }
  return *prefix;
}

Parsed<std::vector<IpAddress>> parse_addresses(const Key& key, const Node& node) {
  TANDEM_ASSERT(key.type == Type::kAddresses);
  return one_or_several<IpAddress>(key, node, [&](const Node& each) { return parse_host(key, each); });
}

namespace {

// "198.51.100.10-198.51.100.20", "198.51.100.16/28", or one address; as a range, whose ends hosts can have.
struct AddressRange {
  IpAddress first, last;
};
Parsed<AddressRange> parse_range(const Key& key, const Node& node) {
  if (node.kind != Node::Kind::kScalar) return wrong<AddressRange>(key, node);
  const std::string_view text = node.text;
  const size_t dash = text.find('-'), slash = text.find('/');
  std::string_view first = text.substr(0, dash), last = dash == text.npos ? text : text.substr(dash + 1);
  std::string of_network;
  if (slash != text.npos) {
    const auto prefix = Prefix::parse(text);
    if (!prefix) return wrong<AddressRange>(key, node);
    if (first_of(*prefix) != prefix->address)
      return wrong<AddressRange>(key, node, "it has host bits beyond its length");
    of_network = last_of(*prefix).text();
    first = text.substr(0, slash), last = of_network;
  }
  const auto from = parse_host(key, node, first);
  if (!from) return std::unexpected(from.error());
  const auto to = parse_host(key, node, last);
  if (!to) return std::unexpected(to.error());
  if (from->family != to->family) return wrong<AddressRange>(key, node, "both ends are of one family");
  if (*from > *to) return wrong<AddressRange>(key, node, "the smaller one comes first");
  return AddressRange{*from, *to};
}

}  // namespace

Parsed<std::vector<IpAddress>> parse_address_ranges(const Key& key, const Node& node) {
  TANDEM_ASSERT(key.type == Type::kAddressRanges);
  const auto ranges = one_or_several<AddressRange>(key, node, [&](const Node& each) { return parse_range(key, each); });
  if (!ranges) return std::unexpected(ranges.error());
  std::vector<IpAddress> all;
  for (const AddressRange& range : *ranges) {
    for (IpAddress address = range.first;; address = next_of(address)) {
      if (all.size() == kMostSources)
        return std::unexpected("expected at most " + std::to_string(kMostSources) + " addresses, found more");
      all.push_back(address);
      if (address == range.last) break;
    }
  }
  return all;
}

}  // namespace tandem::config
