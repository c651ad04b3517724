#include "forwarding/io/packet_port.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "daemon/loop/fd.hpp"
#include "forwarding/io/receive_ring.hpp"

namespace tandem::forwarding {
namespace {

// For frames longer than a place of the ring: a burst of super-packets while the worker is not scheduled for some milliseconds.
constexpr int kReceiveQueueBytes = 32 << 20;
constexpr int kSendQueueBytes = 8 << 20;
constexpr size_t kWaitingFrames = 128;
constexpr size_t kWaitingBytes = 2 << 20;

class PacketSocket final : public PacketPort {
 public:
  PacketSocket(uint32_t ifindex, loop::UniqueFd fd, int fast_tap)
      : ifindex_(ifindex), fd_(std::move(fd)), fast_tap_(fast_tap) {
    outgoing_.reserve(2 * FrameBatch::kFrames);
  }
  // Everything but the programs: nothing is received yet. 0, or errno.
  int prepare();
  // Joins the fanout group of that number, or makes one where there is none; returns its number, or nothing (errno).
  std::optional<uint16_t> join(std::optional<uint16_t> group);

  uint32_t ifindex() const override { return ifindex_; }
  int fd() const override { return fd_.get(); }
  Receive receive(FrameBatch& batch) override;
  void release() override { ring_.release(); }
  void send(Bytes frame, const VnetHeader& offload) override { outgoing_.push_back({frame, offload}); }
  void flush() override;
  bool has_waiting() const override { return !waiting_.empty() || (sender_ && sender_->has_waiting()); }
  void send_by(std::shared_ptr<XdpSender> sender) override { sender_ = std::move(sender); }
  void use(const TapPrograms& programs) override;
  PortCounters counters() override;

 private:
  struct Outgoing {
    Bytes bytes;
    VnetHeader offload;
  };
  struct Waiting {
    std::vector<std::byte> bytes;
    VnetHeader offload;
  };

  bool is_for_xdp(const Outgoing& frame) const {
    return sender_ && frame.offload.flags == 0 && frame.offload.gso_type == 0 &&
           frame.bytes.size() <= XdpSender::kLongest;
  }
  // How many of `frames` are dealt with: sent, or refused by the kernel for good and counted.
  size_t transmit(std::span<Outgoing> frames);
  size_t transmit_by_socket(std::span<Outgoing> frames);
  size_t transmit_by_xdp(std::span<Outgoing> frames);
  // False: frames that were given to the sender still wait.
  bool flush_sender();
  void keep_for_later(const Outgoing& frame);

  uint32_t ifindex_;
  loop::UniqueFd fd_;
  int fast_tap_;  // -1: none
  ReceiveRing ring_;
  std::shared_ptr<XdpSender> sender_;
  bool shares_ = false;  // is one of a fanout group
  PortCounters counters_;
  uint64_t dropped_ = 0;  // by the kernel: the ring was full
  std::vector<Outgoing> outgoing_;
  std::deque<Waiting> waiting_;
  size_t waiting_bytes_ = 0;
};

PacketPort::Receive PacketSocket::receive(FrameBatch& batch) {
  batch.clear();
  if (!ring_.receive(batch)) return Receive::kMore;
  if (!batch.frames().empty()) return Receive::kDone;
  // Woken up without a frame: the interface may have gone.
  int why = 0;
  socklen_t length = sizeof why;
  if (getsockopt(fd(), SOL_SOCKET, SO_ERROR, &why, &length) != 0 || why != 0) return Receive::kBroken;
  return Receive::kDone;
}

// Of one kind after another: a connection's packets must not overtake each other.
size_t PacketSocket::transmit(std::span<Outgoing> frames) {
  size_t done = 0;
  while (done < frames.size()) {
    const bool by_xdp = is_for_xdp(frames[done]);
    size_t end = done + 1;
    while (end < frames.size() && is_for_xdp(frames[end]) == by_xdp) ++end;
    const auto run = frames.subspan(done, end - done);
    const size_t sent = by_xdp ? transmit_by_xdp(run) : transmit_by_socket(run);
    done += sent;
    if (sent < run.size()) break;
  }
  return done;
}

size_t PacketSocket::transmit_by_xdp(std::span<Outgoing> frames) {
  const std::lock_guard guard(*sender_);
  size_t done = 0;
  for (const Outgoing& frame : frames) {
    if (!sender_->add(frame.bytes)) break;
    ++done;
  }
  counters_.sent += done;
  counters_.sent_by_xdp += done;
  sender_->flush();  // what it cannot send now it keeps, in order
  return done;
}

size_t PacketSocket::transmit_by_socket(std::span<Outgoing> frames) {
  if (!flush_sender()) return 0;
  constexpr size_t kAtOnce = FrameBatch::kFrames;
  std::array<mmsghdr, kAtOnce> messages;
  std::array<std::array<iovec, 2>, kAtOnce> parts;
  size_t done = 0;
  while (done < frames.size()) {
    const size_t count = std::min(kAtOnce, frames.size() - done);
    for (size_t i = 0; i < count; ++i) {
      Outgoing& frame = frames[done + i];
      parts[i][0] = {.iov_base = &frame.offload, .iov_len = sizeof frame.offload};
      parts[i][1] = {.iov_base = const_cast<std::byte*>(frame.bytes.data()), .iov_len = frame.bytes.size()};
      messages[i] = {.msg_hdr = {.msg_iov = parts[i].data(), .msg_iovlen = 2}};
    }
    const int sent = sendmmsg(fd(), messages.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
    if (sent > 0) {
      done += static_cast<size_t>(sent);
      counters_.sent += static_cast<uint64_t>(sent);
    } else if (sent == 0 || errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) {
      break;
    } else if (errno != EINTR) {
      // This frame will never go: longer than the interface takes, or the interface is down (receive() will say so).
      ++counters_.send_dropped;
      ++done;
    }
  }
  return done;
}

bool PacketSocket::flush_sender() {
  if (!sender_ || !sender_->has_waiting()) return true;
  const std::lock_guard guard(*sender_);
  return sender_->flush();
}

void PacketSocket::keep_for_later(const Outgoing& frame) {
  if (waiting_.size() >= kWaitingFrames || waiting_bytes_ + frame.bytes.size() > kWaitingBytes) {
    ++counters_.send_dropped;
    return;
  }
  ++counters_.send_retried;
  waiting_bytes_ += frame.bytes.size();
  waiting_.push_back({{frame.bytes.begin(), frame.bytes.end()}, frame.offload});
}

void PacketSocket::flush() {
  flush_sender();
  // Older frames first, or a connection's packets would overtake each other.
  while (!waiting_.empty()) {
    Outgoing oldest{waiting_.front().bytes, waiting_.front().offload};
    if (transmit(std::span(&oldest, 1)) == 0) break;
    waiting_bytes_ -= waiting_.front().bytes.size();
    waiting_.pop_front();
  }
  size_t done = 0;
  if (waiting_.empty() && !outgoing_.empty()) done = transmit(outgoing_);
  for (; done < outgoing_.size(); ++done) keep_for_later(outgoing_[done]);
  outgoing_.clear();
}

PortCounters PacketSocket::counters() {
  tpacket_stats since_last{};
  socklen_t length = sizeof since_last;
  if (getsockopt(fd(), SOL_PACKET, PACKET_STATISTICS, &since_last, &length) == 0) dropped_ += since_last.tp_drops;
  PortCounters counters = counters_;
  counters.received = ring_.counters().received;
  counters.receive_malformed = ring_.counters().malformed;
  counters.receive_dropped = dropped_ + ring_.counters().dropped;
  return counters;
}

template <class Value>
bool set_option(int fd, int level, int name, const Value& value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

bool attach(int fd, const std::vector<sock_filter>& program, int level, int name) {
  const sock_fprog wrapped = {.len = static_cast<uint16_t>(program.size()),
                              .filter = const_cast<sock_filter*>(program.data())};
  return set_option(fd, level, name, wrapped);
}

int PacketSocket::prepare() {
  if (!attach(fd(), no_frames(), SOL_SOCKET, SO_ATTACH_FILTER)) return errno;
  if (!set_option(fd(), SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)) return errno;
  if (!ring_.open(fd())) return errno;
  // Without CAP_NET_ADMIN in the first namespace the forcing fails, and the system's limits hold.
  if (!set_option(fd(), SOL_SOCKET, SO_RCVBUFFORCE, kReceiveQueueBytes))
    set_option(fd(), SOL_SOCKET, SO_RCVBUF, kReceiveQueueBytes);
  if (!set_option(fd(), SOL_SOCKET, SO_SNDBUFFORCE, kSendQueueBytes))
    set_option(fd(), SOL_SOCKET, SO_SNDBUF, kSendQueueBytes);
  const sockaddr_ll where = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = static_cast<int>(ifindex_),
                             .sll_hatype = 0,
                             .sll_pkttype = 0,
                             .sll_halen = 0,
                             .sll_addr = {}};
  return bind(fd(), reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0 ? 0 : errno;
}

std::optional<uint16_t> PacketSocket::join(std::optional<uint16_t> group) {
  const uint32_t how = PACKET_FANOUT_CBPF | (group ? 0U : uint32_t{PACKET_FANOUT_FLAG_UNIQUEID});
  if (!set_option(fd(), SOL_PACKET, PACKET_FANOUT, group.value_or(0) | how << 16)) return std::nullopt;
  shares_ = true;
  uint32_t joined = 0;
  socklen_t length = sizeof joined;
  if (getsockopt(fd(), SOL_PACKET, PACKET_FANOUT, &joined, &length) != 0) return std::nullopt;
  return static_cast<uint16_t>(joined);
}

void PacketSocket::use(const TapPrograms& programs) {
  // A program is refused for want of memory alone. Of what deals frames out, the one before goes on.
  if (shares_) attach(fd(), programs.client, SOL_PACKET, PACKET_FANOUT_DATA);
  if (fast_tap_ >= 0 && set_option(fd(), SOL_SOCKET, SO_ATTACH_BPF, fast_tap_)) return;
  const auto take = [this](const auto& program) { return attach(fd(), program, SOL_SOCKET, SO_ATTACH_FILTER); };
  if (take(programs.wanted)) return;
  // The one before knows other addresses, so it must not stay; and as long as it does it takes memory too.
  take(no_frames());
  if (!take(programs.wanted)) take(programs.any);
}

// Whether a socket takes what `attach_to(fd)` does, that has a program already, as a port's.
template <class AttachTo>
std::expected<void, int> try_on_a_socket(AttachTo attach_to) {
  const loop::UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!fd || !attach(fd.get(), no_frames(), SOL_SOCKET, SO_ATTACH_FILTER) || !attach_to(fd.get()))
    return std::unexpected(errno);
  return {};
}

}  // namespace

std::expected<void, int> try_program(const std::vector<sock_filter>& program) {
  return try_on_a_socket([&](int fd) { return attach(fd, program, SOL_SOCKET, SO_ATTACH_FILTER); });
}

std::expected<void, int> try_fast_tap(int program) {
  return try_on_a_socket([&](int fd) { return set_option(fd, SOL_SOCKET, SO_ATTACH_BPF, program); });
}

std::expected<std::vector<std::unique_ptr<PacketPort>>, int> open_packet_sockets(uint32_t ifindex, size_t count,
                                                                                 const TapPrograms& programs,
                                                                                 int fast_tap) {
  std::vector<std::unique_ptr<PacketPort>> ports;
  std::optional<uint16_t> group;
  for (size_t i = 0; i < count; ++i) {
    // Protocol 0: nothing is received before the filter and the interface are set.
    loop::UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return std::unexpected(errno);
    auto port = std::make_unique<PacketSocket>(ifindex, std::move(fd), fast_tap);
    if (const int why = port->prepare(); why != 0) return std::unexpected(why);
    if (count > 1 && !(group = port->join(group))) return std::unexpected(errno);
    ports.push_back(std::move(port));
  }
  // Until all have joined each would get every frame.
  for (const auto& port : ports) port->use(programs);
  return ports;
}

}  // namespace tandem::forwarding
