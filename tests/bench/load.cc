// A packet generator for the bench: small frames of many flows, sent as fast as asked (or as can be) by AF_PACKET.
//
//   load --interface c --to-mac MAC --from ADDRESS --flows N --to ADDRESS:PORT --protocol tcp|udp
//        [--what open|data|connections|answers] [--rate PACKETS_A_SECOND] [--seconds S] [--apart CONNECTIONS]
//
// open: SYN and ACK of every flow, once. data: packets of established flows, every flow in turn, in an order that no cache can guess. connections: every flow is
// new: SYN, ACK, request, FIN, ACK, and between two of them others have their turn (--apart, 512), as a client waits for its answer. answers: data
// from --to to the clients, as a NAT server sends it.
// Prints how many frames (and connections) were sent in how many seconds.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/bytes.hpp"

namespace {

using namespace tandem;

constexpr size_t kBatch = 64;
constexpr size_t kFrame = 60;  // what Ethernet pads to
constexpr uint32_t kPortsOfAnAddress = 64;
constexpr uint8_t kFin = 1, kSyn = 2, kPush = 8, kAck = 16;
constexpr std::array<uint8_t, 5> kConnection = {kSyn, kAck, kPush | kAck, kFin | kAck, kAck};

struct Endpoint {
  uint32_t address;
  uint16_t port;
};

using Frame = std::array<std::byte, kFrame>;

double now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "load: %s\n", what.c_str());
  std::exit(1);
}

class Load {
 public:
  explicit Load(std::map<std::string, std::string> words) : words_(std::move(words)) {}

  int run() {
    open_socket();
    const std::string what = word("what", "data");
    const auto flows = std::strtoul(word("flows", "1000").c_str(), nullptr, 10);
    first_client_ = Ipv4Address::parse(word("from"))->value;
    const std::string to = word("to");
    const size_t colon = to.find(':');
    fixed_ = {Ipv4Address::parse(to.substr(0, colon))->value,
              static_cast<uint16_t>(std::strtoul(to.substr(colon + 1).c_str(), nullptr, 10))};
    tcp_ = word("protocol", "udp") == "tcp";
    const double rate = std::strtod(word("rate", "0").c_str(), nullptr);
    const double seconds = std::strtod(word("seconds", "1").c_str(), nullptr);

    std::vector<Frame> frames;
    const bool opening = what == "open";
    const uint64_t apart = opening ? 1 : std::max(1UL, std::strtoul(word("apart", "512").c_str(), nullptr, 10));
    const size_t each = opening ? 2 : kConnection.size();
    const uint64_t limit = opening ? (2 * flows + kBatch - 1) / kBatch * kBatch : UINT64_MAX;
    if (what == "data" || what == "answers") {
      frames.resize(flows);
      // Coprime to the number of flows, and far from its neighbours: every flow once, in no order.
      uint64_t step = 0x9e3779b1 % flows | 1;
      while (gcd(step, flows) != 1) step += 2;
      for (uint64_t i = 0, flow = 0; i < flows; ++i, flow = (flow + step) % flows)
        frames[i] = make(client(flow), kPush | kAck, what == "answers");
    }
    std::array<Frame, kBatch> fresh;
    uint64_t sent = 0, refused = 0;
    const double begin = now(), end = begin + seconds;
    double at;
    for (uint64_t next = 0; (at = now()) < end && next < limit;) {
      if (rate > 0 && static_cast<double>(sent) > (at - begin) * rate) {
        const timespec pause{0, 100'000};
        nanosleep(&pause, nullptr);
        continue;
      }
      for (size_t i = 0; i < kBatch; ++i, ++next) {
        if (frames.empty()) {
          const uint64_t group = next / (each * apart), flow = group * apart + next % apart;
          fresh[i] = make(client(flow % flows), kConnection[next / apart % each], false);
          parts_[i].iov_base = fresh[i].data();
        } else {
          parts_[i].iov_base = frames[next % flows].data();
        }
      }
      const size_t count = send();
      sent += count;
      refused += kBatch - count;
    }
    std::printf("sent %lu refused %lu connections %lu seconds %.4f\n", sent, refused, frames.empty() ? sent / each : 0,
                at - begin);
    return 0;
  }

 private:
  std::string word(const char* key, std::optional<std::string> otherwise = std::nullopt) const {
    const auto found = words_.find(key);
    if (found != words_.end()) return found->second;
    if (!otherwise) fail(std::string("--") + key + " is missing");
    return *otherwise;
  }

  static uint64_t gcd(uint64_t a, uint64_t b) { return b == 0 ? a : gcd(b, a % b); }

  Endpoint client(uint64_t flow) const {
    return {first_client_ + static_cast<uint32_t>(flow / kPortsOfAnAddress),
            static_cast<uint16_t>(10000 + flow % kPortsOfAnAddress)};
  }

  void open_socket() {
    fd_ = socket(AF_PACKET, SOCK_RAW, 0);
    ifindex_ = if_nametoindex(word("interface").c_str());
    ifreq request{};
    std::strncpy(request.ifr_name, word("interface").c_str(), IFNAMSIZ - 1);
    if (fd_ < 0 || ifindex_ == 0 || ioctl(fd_, SIOCGIFHWADDR, &request) != 0) fail(std::strerror(errno));
    std::memcpy(ethernet_.data() + 6, request.ifr_hwaddr.sa_data, 6);
    const auto mac = MacAddress::parse(word("to-mac"));
    if (!mac) fail("--to-mac is none");
    std::memcpy(ethernet_.data(), mac->bytes.data(), mac->bytes.size());
    ethernet_[12] = std::byte{8};
    const sockaddr_ll where = {.sll_family = AF_PACKET,
                               .sll_protocol = 0,
                               .sll_ifindex = static_cast<int>(ifindex_),
                               .sll_hatype = 0,
                               .sll_pkttype = 0,
                               .sll_halen = 0,
                               .sll_addr = {}};
    const int on = 1, bytes = 4 << 20;
    setsockopt(fd_, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
    setsockopt(fd_, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    if (bind(fd_, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) fail(std::strerror(errno));
    for (size_t i = 0; i < kBatch; ++i) {
      parts_[i].iov_len = kFrame;
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  size_t send() {
    size_t done = 0;
    while (done < kBatch) {
      const int count = sendmmsg(fd_, messages_.data() + done, static_cast<unsigned>(kBatch - done), 0);
      if (count <= 0) {
        if (errno != ENOBUFS && errno != EAGAIN) fail(std::strerror(errno));
        break;
      }
      done += static_cast<size_t>(count);
    }
    return done;
  }

  Frame make(const Endpoint& client, uint8_t flags, bool answer) const {
    Frame frame{};
    std::memcpy(frame.data(), ethernet_.data(), ethernet_.size());
    const MutableBytes packet = MutableBytes(frame).subspan(ETH_HLEN);
    const size_t length = tcp_ ? 40 + 6 : 28 + 18;
    const Endpoint& from = answer ? fixed_ : client;
    const Endpoint& to = answer ? client : fixed_;
    auto put16 = [&](size_t at, uint32_t value) {
      packet[at] = static_cast<std::byte>(value >> 8);
      packet[at + 1] = static_cast<std::byte>(value);
    };
    auto put32 = [&](size_t at, uint32_t value) {
      put16(at, value >> 16);
      put16(at + 2, value & 0xffff);
    };
    packet[0] = std::byte{0x45};
    put16(2, static_cast<uint32_t>(length));
    put16(6, 0x4000);
    packet[8] = std::byte{64};
    packet[9] = static_cast<std::byte>(tcp_ ? IPPROTO_TCP : IPPROTO_UDP);
    put32(12, from.address);
    put32(16, to.address);
    put16(10, sum(packet.first(20), 0));
    put16(20, from.port);
    put16(22, to.port);
    size_t checksum_at = 36;
    if (tcp_) {
      put32(24, 1000 + (flags == kSyn ? 0 : 1));
      put32(28, flags == kSyn ? 0 : 1);
      put16(32, 0x5000u | flags);
      put16(34, 65535);
    } else {
      put16(24, static_cast<uint32_t>(length - 20));
      checksum_at = 26;
    }
    uint32_t pseudo = static_cast<uint32_t>(length - 20) + std::to_integer<uint32_t>(packet[9]);
    for (const uint32_t address : {from.address, to.address}) pseudo += (address >> 16) + (address & 0xffff);
    put16(checksum_at, sum(packet.subspan(20, length - 20), pseudo));
    return frame;
  }

  static uint32_t sum(Bytes bytes, uint32_t start) {
    for (size_t i = 0; i + 1 < bytes.size(); i += 2)
      start += std::to_integer<uint32_t>(bytes[i]) << 8 | std::to_integer<uint32_t>(bytes[i + 1]);
    while (start >> 16 != 0) start = (start & 0xffff) + (start >> 16);
    return ~start & 0xffff;
  }

  std::map<std::string, std::string> words_;
  int fd_ = -1;
  unsigned ifindex_ = 0;
  uint32_t first_client_ = 0;
  Endpoint fixed_{};
  bool tcp_ = false;
  std::array<std::byte, ETH_HLEN> ethernet_{};
  std::array<iovec, kBatch> parts_{};
  std::array<mmsghdr, kBatch> messages_{};
};

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> words;
  for (int i = 1; i + 1 < argc; i += 2) words[argv[i] + 2] = argv[i + 1];
  return Load(std::move(words)).run();
}
