#include "forwarding/io/fast_hook.hpp"

#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <string_view>

#include "daemon/netlink/connection.hpp"
#include "forwarding/io/libbpf_words.hpp"

namespace tandem::forwarding {
namespace {

bpf_tc_hook hook_of(uint32_t ifindex, int where = BPF_TC_INGRESS) {
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = static_cast<int>(ifindex);
  hook.attach_point = static_cast<bpf_tc_attach_point>(where);
  return hook;
}

bpf_tc_opts our_place() {
  bpf_tc_opts place{};
  place.sz = sizeof place;
  place.handle = kFastHandle;
  place.priority = kFastPriority;
  return place;
}

std::string on(uint32_t ifindex) {
  std::array<char, IF_NAMESIZE> name{};
  return if_indextoname(ifindex, name.data()) != nullptr ? name.data() : "interface " + std::to_string(ifindex);
}

bool is_gone(int error) {
  return error == -ENODEV || error == -ENOENT || error == -EINVAL;
}

// Calls `each` for every filter below one of the two hooks.
netlink::Outcome<void> list_filters(netlink::Connection& connection, uint32_t ifindex, uint32_t hook,
                                    const netlink::Connection::Each& each) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = static_cast<int>(ifindex);
  header.tcm_parent = TC_H_MAKE(TC_H_CLSACT, hook);
  return connection.ask(netlink::Request(RTM_GETTFILTER, NLM_F_DUMP, header), "listing filters", each);
}

// Where the kernel does not say, it is not.
bool is_empty(uint32_t ifindex) {
  auto connection = netlink::Connection::open();
  if (!connection) return false;
  size_t filters = 0;
  for (const uint32_t hook : {TC_H_MIN_INGRESS, TC_H_MIN_EGRESS})
    if (!list_filters(*connection, ifindex, hook, [&](const nlmsghdr& message) {
          if (message.nlmsg_type == RTM_NEWTFILTER) ++filters;
        }))
      return false;
  return filters == 0;
}

void remove_qdisc(uint32_t ifindex) {
  bpf_tc_hook both = hook_of(ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);
  bpf_tc_hook_destroy(&both);
}

// libbpf names a filter after its program: "fast_forward:[17]".
bool is_ours(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWTFILTER || nlmsg_datalen(&message) < static_cast<int>(sizeof(tcmsg))) return false;
  const auto& filter = *static_cast<const tcmsg*>(nlmsg_data(&message));
  if (filter.tcm_handle != kFastHandle || TC_H_MAJ(filter.tcm_info) >> 16 != kFastPriority) return false;
  std::array<nlattr*, TCA_MAX + 1> attributes{};
  std::array<nlattr*, TCA_BPF_MAX + 1> options{};
  // libnl takes no const message, and changes none.
  if (nlmsg_parse(const_cast<nlmsghdr*>(&message), sizeof(tcmsg), attributes.data(), TCA_MAX, nullptr) != 0)
    return false;
  if (attributes[TCA_KIND] == nullptr || nla_strcmp(attributes[TCA_KIND], "bpf") != 0) return false;
  if (attributes[TCA_OPTIONS] == nullptr ||
      nla_parse_nested(options.data(), TCA_BPF_MAX, attributes[TCA_OPTIONS], nullptr) != 0 ||
      options[TCA_BPF_NAME] == nullptr)
    return false;
  const std::string_view name(static_cast<const char*>(nla_data(options[TCA_BPF_NAME])),
                              static_cast<size_t>(nla_len(options[TCA_BPF_NAME])));
  return name.starts_with(std::string(kFastProgram) + ":");
}

}  // namespace

std::optional<uint32_t> program_at_ingress(uint32_t ifindex) {
  const LibbpfWords words;
  const bpf_tc_hook hook = hook_of(ifindex);
  bpf_tc_opts place = our_place();
  if (bpf_tc_query(&hook, &place) != 0) return std::nullopt;
  return place.prog_id;
}

std::expected<Qdisc, std::string> put_at_ingress(uint32_t ifindex, int program) {
  const LibbpfWords words;
  bpf_tc_hook hook = hook_of(ifindex);
  const int made = bpf_tc_hook_create(&hook);
  if (made != 0 && made != -EEXIST) return std::unexpected(words.about("a clsact qdisc on " + on(ifindex), made));
  bpf_tc_opts place = our_place();
  place.prog_fd = program;
  place.flags = BPF_TC_F_REPLACE;
  if (const int error = bpf_tc_attach(&hook, &place); error != 0) {
    const std::string why = words.about("a filter on " + on(ifindex), error);
    if (made == 0) remove_qdisc(ifindex);
    return std::unexpected(why);
  }
  return made == 0 ? Qdisc::kMade : Qdisc::kFound;
}

std::expected<void, std::string> take_from_ingress(uint32_t ifindex, bool qdisc) {
  const LibbpfWords words;
  const bpf_tc_hook hook = hook_of(ifindex);
  const bpf_tc_opts place = our_place();
  if (const int error = bpf_tc_detach(&hook, &place); error != 0 && !is_gone(error))
    return std::unexpected(words.about("removing a filter from " + on(ifindex), error));
  if (qdisc && is_empty(ifindex)) remove_qdisc(ifindex);
  return {};
}

std::expected<void, std::string> clear_ingress() {
  auto connection = netlink::Connection::open();
  if (!connection) return std::unexpected(connection.error().text());
  const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> interfaces(if_nameindex(), &if_freenameindex);
  if (!interfaces) return std::unexpected("listing interfaces failed");
  std::expected<void, std::string> all;
  for (const struct if_nameindex* each = interfaces.get(); each->if_index != 0; ++each) {
    bool ours = false;
    const auto listed = list_filters(*connection, each->if_index, TC_H_MIN_INGRESS,
                                     [&](const nlmsghdr& message) { ours = ours || is_ours(message); });
    if (!listed && listed.error().kind != netlink::ErrorKind::kNotFound) all = std::unexpected(listed.error().text());
    if (!ours) continue;
    if (const auto taken = take_from_ingress(each->if_index, true); !taken) all = taken;
  }
  return all;
}

}  // namespace tandem::forwarding
