#include "forwarding/io/tap_filter.hpp"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "daemon/base/assert.hpp"

namespace tandem::forwarding {
namespace {

constexpr uint32_t kWanted = 0x40000;  // bytes that go up, of a frame that has fewer

// The kernel's special areas, below zero. Bytes are read from where the kernel stands instead (by SKF_NET_OFF each would cost a
// call): a tap at the frame's begin, a fanout group at the IP header.
constexpr auto kProtocol = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PROTOCOL);
constexpr auto kPacketType = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE);
constexpr auto kHasVlanTag = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT);
constexpr auto kVlanTag = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_VLAN_TAG);
constexpr uint32_t kVlanNumber = 0xfff;  // of the tag; the rest is its priority

// Where each version of IP has what is asked for.
struct Layout {
  uint32_t protocol, source, destination;
};
constexpr Layout layout_of(IpAddress::Family family, uint32_t ip_at) {
  if (family == IpAddress::Family::kIpv4)
    return {.protocol = ip_at + 9, .source = ip_at + 12, .destination = ip_at + 16};
  return {.protocol = ip_at + 6, .source = ip_at + 8, .destination = ip_at + 24};
}

std::array<uint32_t, 4> words_of(const Ipv6Address& address) {
  std::array<uint32_t, 4> words{};
  for (size_t i = 0; i < 16; ++i) words[i / 4] = words[i / 4] << 8 | address.bytes[i];
  return words;
}

// What an address is looked up by: itself, or four words of IPv6 in one.
uint32_t fold_of(const IpAddress& address) {
  if (address.is_v4()) return address.v4.value;
  uint32_t fold = 0;
  for (const uint32_t word : words_of(address.v6)) fold ^= word;
  return fold;
}

// Writes a program whose jumps, all forward, go to labels. A condition of classic BPF reaches 255 instructions, its
// unconditional jump all of them.
class Program {
 public:
  using Label = size_t;

  Label label() {
    places_.push_back(0);
    return places_.size() - 1;
  }
  void here(Label label) { places_[label] = code_.size(); }
  void load_word(uint32_t at) { add(BPF_LD | BPF_W | BPF_ABS, at); }
  void load_byte(uint32_t at) { add(BPF_LD | BPF_B | BPF_ABS, at); }
  void keep_at(uint32_t place) { add(BPF_ST, place); }
  void load_kept(uint32_t place) { add(BPF_LD | BPF_W | BPF_MEM, place); }
  void add(uint16_t code, uint32_t k) { code_.push_back({.code = code, .jt = 0, .jf = 0, .k = k}); }
  void jump(Label to) {
    jumps_.emplace_back(code_.size(), to);
    add(BPF_JMP | BPF_JA, 0);
  }
  void jump_if_equal(uint32_t k, Label to) { condition(BPF_JEQ, k, 0, 1), jump(to); }
  void jump_unless_equal(uint32_t k, Label to) { condition(BPF_JEQ, k, 1, 0), jump(to); }
  void jump_if_at_least(uint32_t k, Label to) { condition(BPF_JGE, k, 0, 1), jump(to); }
  void end(uint32_t value) { add(BPF_RET | BPF_K, value); }

  std::vector<sock_filter> finish() {
    for (const auto& [from, to] : jumps_) {
      TANDEM_ASSERT(places_[to] > from);
      code_[from].k = static_cast<uint32_t>(places_[to] - from - 1);
    }
    TANDEM_ASSERT(code_.size() <= BPF_MAXINSNS);
    return std::move(code_);
  }

 private:
  void condition(uint16_t test, uint32_t k, uint8_t if_true, uint8_t if_false) {
    code_.push_back({.code = static_cast<uint16_t>(BPF_JMP | test | BPF_K), .jt = if_true, .jf = if_false, .k = k});
  }

  std::vector<sock_filter> code_;
  std::vector<size_t> places_;
  std::vector<std::pair<size_t, Label>> jumps_;
};

// The addresses of one family in the order of their folds.
std::vector<IpAddress> of_family(const std::set<IpAddress>& addresses, IpAddress::Family family) {
  std::vector<IpAddress> found;
  for (const IpAddress& address : addresses)
    if (address.family == family) found.push_back(address);
  std::ranges::sort(found, {}, fold_of);
  return found;
}

// The fold of the address that stands at `at`. IPv6's words are kept at 0-3: the kernel makes some fifteen instructions of its own
// of one that reads the frame, and one of one that reads what was kept.
void load_fold(Program& program, IpAddress::Family family, uint32_t at) {
  program.load_word(at);
  if (family == IpAddress::Family::kIpv4) return;
  program.keep_at(0);
  for (uint32_t word = 1; word < 4; ++word) {
    program.add(BPF_MISC | BPF_TAX, 0);
    program.load_word(at + 4 * word);
    program.keep_at(word);
    program.add(BPF_ALU | BPF_XOR | BPF_X, 0);
  }
}
constexpr uint32_t kNotAWord = 4;  // the first place after those

// Goes on at `yes` when the address that load_fold() has just loaded is one of `sorted`, else at `no`.
void search(Program& program, std::span<const IpAddress> sorted, Program::Label yes, Program::Label no) {
  if (sorted.empty()) return program.jump(no);
  const uint32_t middle = fold_of(sorted[sorted.size() / 2]);
  if (fold_of(sorted.front()) != fold_of(sorted.back())) {
    // Split where a fold begins, so that equal ones stay together.
    const auto split = middle != fold_of(sorted.front()) ? std::ranges::lower_bound(sorted, middle, {}, fold_of)
                                                         : std::ranges::upper_bound(sorted, middle, {}, fold_of);
    const auto left = static_cast<size_t>(split - sorted.begin());
    const Program::Label above = program.label();
    program.jump_if_at_least(fold_of(sorted[left]), above);
    search(program, sorted.first(left), yes, no);
    program.here(above);
    return search(program, sorted.subspan(left), yes, no);
  }
  if (sorted.front().is_v4()) {
    program.jump_if_equal(middle, yes);
    return program.jump(no);
  }
  program.jump_unless_equal(middle, no);
  for (const IpAddress& address : sorted) {
    const Program::Label other = program.label();
    const auto words = words_of(address.v6);
    for (uint32_t word = 0; word < 4; ++word) {
      program.load_kept(word);
      program.jump_unless_equal(words[word], other);
    }
    program.jump(yes);
    program.here(other);
  }
  program.jump(no);
}

void want_by_address(Program& program, IpAddress::Family family, const TapAddresses& addresses, Program::Label yes,
                     Program::Label no) {
  const Layout layout = layout_of(family, ETH_HLEN);
  const Program::Label by_address = program.label();
  program.load_byte(layout.protocol);
  if (family == IpAddress::Family::kIpv4) {
    // An error is about one of our packets if what it quotes says so.
    program.jump_if_equal(IPPROTO_ICMP, yes);
  } else {
    // Of ICMPv6 errors alone: neighbour discovery is the kernel's.
    program.jump_unless_equal(IPPROTO_ICMPV6, by_address);
    program.load_byte(ETH_HLEN + 40);
    program.jump_if_at_least(ICMP6_PARAM_PROB + 1, by_address);
    program.jump(yes);
  }
  program.here(by_address);
  const Program::Label not_service = program.label(), through = program.label();
  load_fold(program, family, layout.destination);
  search(program, of_family(addresses.services, family), yes, not_service);
  program.here(not_service);
  load_fold(program, family, layout.destination);
  search(program, of_family(addresses.own, family), no, through);
  program.here(through);
  load_fold(program, family, layout.source);
  search(program, of_family(addresses.servers, family), yes, no);
}

bool are_too_many(const TapAddresses& addresses) {
  // An IPv6 address takes four times as many instructions.
  size_t weight = 0;
  for (const auto* set : {&addresses.services, &addresses.servers, &addresses.own})
    for (const IpAddress& address : *set) weight += address.is_v4() ? 1 : 4;
  return weight > kMostTapAddresses;
}

// `addresses`: nothing: any.
std::vector<sock_filter> frames_to_us(const TapAddresses* addresses) {
  Program program;
  const auto yes = program.label(), no = program.label(), here = program.label(), untagged = program.label(),
             five = program.label(), six = program.label();
  program.load_word(kPacketType);
  program.jump_if_equal(PACKET_HOST, here);
  program.jump_unless_equal(PACKET_OTHERHOST, no);
  program.load_word(0);
  program.jump_unless_equal(0x00005e00, no);
  program.load_byte(4);
  program.jump_if_equal(1, here);
  program.jump_unless_equal(2, no);
  program.here(here);
  // A frame that has lost its tag, on the VLAN's own interface, may still have the number.
  program.load_word(kHasVlanTag);
  program.jump_if_equal(0, untagged);
  program.load_word(kVlanTag);
  program.add(BPF_ALU | BPF_AND | BPF_K, kVlanNumber);
  program.jump_unless_equal(0, no);
  program.here(untagged);
  program.load_word(kProtocol);
  program.jump_if_equal(ETH_P_IP, five);
  program.jump_if_equal(ETH_P_IPV6, six);
  program.jump(no);
  for (const auto& [place, family] : {std::pair(five, IpAddress::Family::kIpv4), {six, IpAddress::Family::kIpv6}}) {
    program.here(place);
    if (addresses == nullptr)
      program.jump(yes);
    else
      want_by_address(program, family, *addresses, yes, no);
  }
  program.here(yes);
  program.end(kWanted);
  program.here(no);
  program.end(0);
  return program.finish();
}

}  // namespace

std::vector<sock_filter> wanted_frames(const TapAddresses& addresses) {
  return frames_to_us(are_too_many(addresses) ? nullptr : &addresses);
}

std::vector<sock_filter> any_frames() {
  return frames_to_us(nullptr);
}

std::vector<sock_filter> no_frames() {
  Program program;
  program.end(0);
  return program.finish();
}

std::vector<sock_filter> number_of_client(const TapAddresses& addresses) {
  Program program;
  const auto other = program.label(), mixed = program.label();
  const bool all = are_too_many(addresses);
  program.load_word(kProtocol);
  for (const auto family : {IpAddress::Family::kIpv4, IpAddress::Family::kIpv6}) {
    const Layout layout = layout_of(family, 0);
    const auto next = program.label(), to_service = program.label(), to_client = program.label();
    program.jump_unless_equal(family == IpAddress::Family::kIpv4 ? ETH_P_IP : ETH_P_IPV6, next);
    load_fold(program, family, layout.destination);
    if (all) {
      // Each direction keeps its worker; the two may have different ones.
      program.keep_at(kNotAWord);
      load_fold(program, family, layout.source);
      program.add(BPF_LDX | BPF_W | BPF_MEM, kNotAWord);
      program.add(BPF_ALU | BPF_XOR | BPF_X, 0);
      program.jump(mixed);
    } else {
      search(program, of_family(addresses.services, family), to_service, to_client);
      program.here(to_service);
      load_fold(program, family, layout.source);
      program.jump(mixed);
      program.here(to_client);
      load_fold(program, family, layout.destination);
      program.jump(mixed);
    }
    program.here(next);
  }
  program.jump(other);
  program.here(mixed);
  program.add(BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1);
  program.add(BPF_ALU | BPF_RSH | BPF_K, 16);
  program.add(BPF_RET | BPF_A, 0);
  program.here(other);
  program.end(0);
  return program.finish();
}

}  // namespace tandem::forwarding
