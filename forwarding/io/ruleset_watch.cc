#include "forwarding/io/ruleset_watch.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace tandem::forwarding {
namespace {

constexpr std::string_view kTable = "tandem";

bool is_removal(uint16_t type) {
  if (type >> 8 != NFNL_SUBSYS_NFTABLES) return false;
  switch (type & 0xff) {
    case NFT_MSG_DELTABLE:
    case NFT_MSG_DELCHAIN:
    case NFT_MSG_DELRULE:
    case NFT_MSG_DELSET:
    case NFT_MSG_DELSETELEM:
      return true;
    default:
      return false;
  }
}

// The table's name is attribute 1 of each of these messages (NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, ...).
bool names_our_table(const std::byte* attributes, size_t length) {
  while (length >= sizeof(nlattr)) {
    nlattr attribute;
    std::memcpy(&attribute, attributes, sizeof attribute);
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > length) return false;
    if ((attribute.nla_type & NLA_TYPE_MASK) == NFTA_TABLE_NAME) {
      const std::string_view name(reinterpret_cast<const char*>(attributes) + NLA_HDRLEN,
                                  attribute.nla_len - size_t{NLA_HDRLEN});
      return name.substr(0, name.find('\0')) == kTable;
    }
    const size_t step = NLA_ALIGN(attribute.nla_len);
    if (step >= length) return false;
    attributes += step;
    length -= step;
  }
  return false;
}

bool tells_of_loss(const std::byte* bytes, size_t length) {
  bool loss = false;
  while (length >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, bytes, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > length) break;
    constexpr size_t kFixed = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(nfgenmsg));
    if (is_removal(header.nlmsg_type) && header.nlmsg_len >= kFixed) {
      nfgenmsg generic;
      std::memcpy(&generic, bytes + NLMSG_HDRLEN, sizeof generic);
      loss = loss ||
             (generic.nfgen_family == NFPROTO_NETDEV && names_our_table(bytes + kFixed, header.nlmsg_len - kFixed));
    }
    const size_t step = NLMSG_ALIGN(header.nlmsg_len);
    if (step >= length) break;
    bytes += step;
    length -= step;
  }
  return loss;
}

}  // namespace

std::expected<RulesetWatch, int> RulesetWatch::open() {
  loop::UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!socket) return std::unexpected(errno);
  const int group = NFNLGRP_NFTABLES;
  sockaddr_nl address{.nl_family = AF_NETLINK, .nl_pad = 0, .nl_pid = 0, .nl_groups = 0};
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      setsockopt(socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
    return std::unexpected(errno);
  return RulesetWatch(std::move(socket));
}

bool RulesetWatch::drain() {
  bool loss = false;
  std::array<std::byte, 32768> buffer;
  for (;;) {
    const ssize_t length = recv(socket_.get(), buffer.data(), buffer.size(), MSG_TRUNC);
    if (length >= 0) {
      const auto size = static_cast<size_t>(length);
      loss = loss || size > buffer.size() || tells_of_loss(buffer.data(), size);
    } else if (errno == ENOBUFS) {
      loss = true;  // more happened than the socket holds: look at it as the worst
    } else if (errno != EINTR) {
      return loss;
    }
  }
}

}  // namespace tandem::forwarding
