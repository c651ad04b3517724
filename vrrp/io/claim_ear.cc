#include "vrrp/io/claim_ear.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "daemon/loop/fd.hpp"

namespace tandem::vrrp {
namespace {

constexpr uint32_t kArpSender = 14 + 14;  // Ethernet, then up to the sender's protocol address
constexpr uint32_t kArpSenderHardware = 14 + 8;
constexpr uint32_t kIpv6NextHeader = 14 + 6;
constexpr uint32_t kIcmpType = 14 + 40;
constexpr uint32_t kTarget = 14 + 40 + 8;
constexpr uint32_t kNeighbourAdvert = 136;
constexpr size_t kLongestFrame = 14 + 40 + 24 + 8;
constexpr size_t kMostCompared = 128;  // jumps of the old filter language reach 255
constexpr int kSmallBuffer = 64 * 1024;
constexpr int kFramesPerTurn = 64;

// Accepts what comes from others and claims one of the addresses; with very many of them, everything of the kind.
std::vector<sock_filter> filter_for(IpAddress::Family family, const std::set<IpAddress>& addresses) {
  const bool v4 = family == IpAddress::Family::kIpv4;
  std::vector<sock_filter> code{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  if (!v4) {
    code.insert(code.end(),
                {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kIpv6NextHeader), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 58, 1, 0),
                 BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kIcmpType),
                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kNeighbourAdvert, 1, 0), BPF_STMT(BPF_RET | BPF_K, 0)});
  }
  if (addresses.size() <= kMostCompared) {
    // The last four octets tell them apart well enough; the rest is compared when it has arrived.
    code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, v4 ? kArpSender : kTarget + 12));
    size_t left = addresses.size();
    for (const IpAddress& each : addresses) {
      uint32_t word = each.v4.value;
      if (!v4) {
        std::memcpy(&word, each.v6.bytes.data() + 12, sizeof word);
        word = ntohl(word);
      }
      code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word, static_cast<uint8_t>(left), 0));
      --left;
    }
    code.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, kLongestFrame));
  return code;
}

}  // namespace

ClaimEar::~ClaimEar() {
  ++*turn_;
}

void ClaimEar::set(int interface_index, std::set<IpAddress> addresses) {
  if (interface_index == index_ && addresses == addresses_) return;
  index_ = interface_index;
  addresses_ = std::move(addresses);
  ++*turn_;
  readable_.reset();
  if (index_ != 0 && !addresses_.empty()) open();
}

void ClaimEar::open() {
  // Bound after the filter is there: a socket without a protocol hears nothing until bind().
  loop::UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return;
  std::vector<sock_filter> code = filter_for(family_, addresses_);
  const sock_fprog filter{static_cast<uint16_t>(code.size()), code.data()};
  if (setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) return;
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kSmallBuffer, sizeof kSmallBuffer);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(family_ == IpAddress::Family::kIpv4 ? ETH_P_ARP : ETH_P_IPV6);
  address.sll_ifindex = index_;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
  readable_.emplace(io_, fd.release());
  wait();
}

void ClaimEar::wait() {
  readable_->async_wait(boost::asio::posix::descriptor_base::wait_read,
                        [this, turn = turn_, mine = *turn_](const boost::system::error_code& error) {
                          if (error || *turn != mine) return;
                          read();
                          if (*turn == mine) wait();
                        });
}

void ClaimEar::read() {
  std::array<uint8_t, kLongestFrame> frame{};
  const auto turn = turn_;
  const int mine = *turn;
  for (int i = 0; i < kFramesPerTurn && *turn == mine; ++i) {
    const ssize_t length = recv(readable_->native_handle(), frame.data(), frame.size(), 0);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return;
    IpAddress claimed;
    MacAddress by;
    if (family_ == IpAddress::Family::kIpv4) {
      if (static_cast<size_t>(length) < kArpSender + 4) continue;
      uint32_t word = 0;
      std::memcpy(&word, frame.data() + kArpSender, sizeof word);
      claimed = Ipv4Address{ntohl(word)};
      std::memcpy(by.bytes.data(), frame.data() + kArpSenderHardware, by.bytes.size());
    } else {
      if (static_cast<size_t>(length) < kTarget + 16) continue;
      Ipv6Address target;
      std::memcpy(target.bytes.data(), frame.data() + kTarget, target.bytes.size());
      claimed = target;
      std::memcpy(by.bytes.data(), frame.data() + 6, by.bytes.size());  // the frame's own source
    }
    if (addresses_.contains(claimed)) on_claim_(claimed, by);
  }
}

}  // namespace tandem::vrrp
