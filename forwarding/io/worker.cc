#include "forwarding/io/worker.hpp"

#include <linux/if_ether.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <shared_mutex>
#include <utility>

#include "daemon/base/assert.hpp"
#include "daemon/loop/clock.hpp"
#include "daemon/loop/process.hpp"

namespace tandem::forwarding {
namespace {

// The sweep looks at the whole table once a second, in steps of about so many flows: 0.2 ms without a packet.
constexpr Duration kPass = 1s;
constexpr uint64_t kFlowsPerStep = 2000;
constexpr Duration kShortestSweepPause = 1ms;
constexpr Duration kLongestSweepPause = 100ms;  // with flows; an empty table is looked at once a second
constexpr Duration kSnapshotEvery = 100ms;
constexpr Duration kForgetAgain = 50ms;  // the fast path's ways, where it was too soon
// Batches of one port before the others have their turn.
constexpr int kBatchesInARow = 4;
// A sender that is told sends no more of them; the rest of its window is told nothing.
constexpr size_t kTooLongAtOnce = 16;
// Of which the table's part in use is about as large as a processor's own caches.
constexpr uint64_t kFlowsInCaches = 8192;
// More than the kernel's thread that takes frames from the card (ksoftirqd, 0): under more frames than one processor can forward it
// would otherwise spend half of its time, or more, on frames that find the ring full. With this they stay in the card. Less than
// what must be punctual; a processor that is busy with packets still has a tenth for others.
constexpr int kNice = -10;
// No interface has such an index.
constexpr uint32_t kWakeUp = 0;
constexpr uint32_t kFastEvents = UINT32_MAX;
// The connections that the fast path tells of go on meanwhile, and a hundred events cost hardly more than one.
constexpr Duration kHearWithin = 2ms;

struct EthernetHeader {
  std::array<uint8_t, 6> destination;
  std::array<uint8_t, 6> source;
  be16 type;
};
static_assert(sizeof(EthernetHeader) == ETH_HLEN);

// The kernel's header counts from the frame's begin, the engine's Offload from the IP header.

Offload from_virtio(const VnetHeader& header) {
  const auto from_ip = [](uint16_t offset) { return static_cast<uint16_t>(offset > ETH_HLEN ? offset - ETH_HLEN : 0); };
  return {.checksum_unfilled = (header.flags & VnetHeader::kNeedsChecksum) != 0,
          .gso_type = header.gso_type,
          .gso_size = header.gso_size,
          .header_length = from_ip(header.header_length),
          .checksum_start = from_ip(header.checksum_start),
          .checksum_offset = header.checksum_offset};
}

// `link`: bytes before the IP header.
VnetHeader to_virtio(const Offload& offload, uint16_t link = ETH_HLEN) {
  VnetHeader header{};
  if (offload.checksum_unfilled) {
    header.flags = VnetHeader::kNeedsChecksum;
    header.checksum_start = static_cast<uint16_t>(offload.checksum_start + link);
    header.checksum_offset = offload.checksum_offset;
  }
  if (offload.gso_kind() != Offload::kNone) {
    header.gso_type = offload.gso_type;
    header.gso_size = offload.gso_size;
    header.header_length = static_cast<uint16_t>(offload.header_length + link);
  }
  return header;
}

bool is_ipv6(Bytes packet) {
  return std::to_integer<unsigned>(packet[0]) >> 4 == 6;
}

bool is_tcp_stretch(const Offload& offload) {
  return offload.gso_kind() == Offload::kTcp4 || offload.gso_kind() == Offload::kTcp6;
}

// Bytes of IP and TCP (or UDP) headers of a super-packet, which the engine has checked.
size_t headers_of(Bytes packet, const Offload& offload) {
  // A super-packet's checksum is unfilled, as a rule; it begins where the headers of IP end.
  const size_t ip = offload.checksum_unfilled ? offload.checksum_start
                    : is_ipv6(packet)         ? 40
                                              : (std::to_integer<size_t>(packet[0]) & 0xf) * 4;
  if (!is_tcp_stretch(offload)) return ip + 8;
  return ip + 12 < packet.size() ? ip + (std::to_integer<size_t>(packet[ip + 12]) >> 4) * 4 : packet.size();
}

void add(PortCounters& sum, const PortCounters& more) {
  sum.received += more.received;
  sum.receive_dropped += more.receive_dropped;
  sum.receive_malformed += more.receive_malformed;
  sum.sent += more.sent;
  sum.sent_by_xdp += more.sent_by_xdp;
  sum.send_retried += more.send_retried;
  sum.send_dropped += more.send_dropped;
}

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  // A cpuset may forbid it; an unpinned worker works as well.
  (void)sched_setaffinity(0, sizeof set, &set);
}

}  // namespace

WorkerStats& WorkerStats::operator+=(const WorkerStats& more) {
  add(ports, more.ports);
  hops.lookups += more.hops.lookups;
  hops.held += more.hops.held;
  hops.dropped_waiting += more.hops.dropped_waiting;
  hops.dropped_no_route += more.hops.dropped_no_route;
  dropped_no_port += more.dropped_no_port;
  dropped_too_long += more.dropped_too_long;
  delivered_locally += more.delivered_locally;
  dropped_local += more.dropped_local;
  return *this;
}

namespace {

FrameIn as_input(const FrameBatch::Frame& frame, uint32_t ifindex) {
  return {.buffer = {frame.bytes.data() - FrameBatch::kHeadroom, frame.bytes.size() + FrameBatch::kHeadroom},
          .ip_offset = FrameBatch::kHeadroom + ETH_HLEN,
          .ip_length = frame.bytes.size() - ETH_HLEN,
          .offload = from_virtio(frame.offload),
          .ifindex = ifindex};
}

}  // namespace

Worker::Worker(Engine& engine, FlowTable& flows, const ServiceTable& services, BatchGate& gate,
               std::unique_ptr<NetworkView> network, const Settings& settings, Callbacks callbacks)
    : engine_(engine),
      flows_(flows),
      services_(services),
      gate_(gate),
      network_(std::move(network)),
      settings_(settings),
      callbacks_(std::move(callbacks)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_up_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      hops_(*network_),
      send_([this](MutableBytes packet, const Offload& offload, const Way& way) { transmit(packet, offload, way); }) {
  TANDEM_ASSERT(epoll_ && wake_up_);
  // Nobody follows the neighbours of ways that earlier workers told.
  forget_fast_hops_ = settings_.fast != nullptr && settings_.sweep_slots != 0;
  epoll_event event{.events = EPOLLIN, .data = {.u32 = kWakeUp}};
  TANDEM_ASSERT(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_up_.get(), &event) == 0);
  if (settings_.dealer != nullptr) {
    // Once for each time that the ring was empty before.
    epoll_event told{.events = EPOLLIN | EPOLLET, .data = {.u32 = kFastEvents}};
    TANDEM_ASSERT(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, settings_.events->fd(), &told) == 0);
  }
  thread_ = std::thread([this] { run(); });
}

WorkerStats Worker::stop() {
  stopping_ = true;
  eventfd_write(wake_up_.get(), 1);
  if (thread_.joinable()) thread_.join();
  return stats();
}

void Worker::post(Letter letter) {
  {
    const std::lock_guard guard(mail_lock_);
    mail_.push_back(std::move(letter));
  }
  eventfd_write(wake_up_.get(), 1);
}

void Worker::add_port(std::unique_ptr<PacketPort> port) {
  post(AddPort{std::move(port)});
}
void Worker::remove_port(uint32_t ifindex) {
  post(RemovePort{ifindex});
}
void Worker::send_by(uint32_t ifindex, std::shared_ptr<XdpSender> sender) {
  post(SendBy{ifindex, std::move(sender)});
}
void Worker::use(std::shared_ptr<const TapPrograms> programs) {
  post(std::move(programs));
}
void Worker::neighbour_changed(const netlink::NeighbourChange& change) {
  post(change);
}
void Worker::route_changed(const Prefix& destination) {
  post(RouteChanged{destination});
}
void Worker::deliver_by(std::shared_ptr<LocalStack> local) {
  post(DeliverBy{std::move(local)});
}
void Worker::forget_next_hops() {
  post(ForgetNextHops{});
}

WorkerStats Worker::stats() const {
  const std::lock_guard guard(stats_lock_);
  return stats_;
}

void Worker::run() {
  loop::set_thread_name("packets");
  if (settings_.cpu) pin_to(*settings_.cpu);
  // Of this thread alone. Without CAP_SYS_NICE it works as well, until it is flooded.
  (void)setpriority(PRIO_PROCESS, 0, kNice);
  now_ = loop::monotonic_now();
  last_sweep_ = next_sweep_ = last_snapshot_ = now_;
  std::array<epoll_event, 32> events;
  while (!stopping_) {
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), milliseconds_to_wait());
    now_ = loop::monotonic_now();
    if (count > 0) snapshot_due_ = true;
    for (int i = 0; i < count; ++i) {
      if (events[i].data.u32 == kWakeUp)
        read_mail();
      else if (events[i].data.u32 == kFastEvents)
        hear_next_ = hear_next_.value_or(now_ + kHearWithin);
      else
        serve(events[i].data.u32);
    }
    tick();
  }
  take_snapshot();
}

TimePoint Worker::next_duty() const {
  TimePoint next = settings_.sweep_slots != 0 ? next_sweep_ : now_ + kPass;
  if (snapshot_due_ || hops_.waiting()) next = std::min(next, last_snapshot_ + kSnapshotEvery);
  if (hear_next_) next = std::min(next, *hear_next_);
  if (settings_.dealer != nullptr && settings_.dealer->is_dealing()) next = std::min(next, now_ + Dealer::kLookEvery);
  // Nothing that goes by the fast path wakes this thread, and meanwhile it goes by former ways.
  if (forget_fast_hops_) next = std::min(next, now_ + kForgetAgain);
  if (std::ranges::any_of(ports_, [](const auto& port) { return port.second->has_waiting(); }))
    next = std::min(next, now_ + Duration(1ms));
  return next;
}

int Worker::milliseconds_to_wait() const {
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next_duty() - now_).count();
  return static_cast<int>(std::clamp<int64_t>(wait, 0, 1000));
}

void Worker::read_mail() {
  eventfd_t ignored = 0;
  eventfd_read(wake_up_.get(), &ignored);
  std::vector<Letter> letters;
  {
    const std::lock_guard guard(mail_lock_);
    letters.swap(mail_);
  }
  for (Letter& letter : letters) open(letter);
  flush();
}

void Worker::open(Letter& letter) {
  if (auto* add_port = std::get_if<AddPort>(&letter)) {
    const uint32_t ifindex = add_port->port->ifindex();
    close_port(ifindex);
    epoll_event event{.events = EPOLLIN, .data = {.u32 = ifindex}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, add_port->port->fd(), &event) == 0)
      ports_[ifindex] = std::move(add_port->port);
  } else if (const auto* remove = std::get_if<RemovePort>(&letter)) {
    close_port(remove->ifindex);
  } else if (auto* send_by = std::get_if<SendBy>(&letter)) {
    if (const auto port = ports_.find(send_by->ifindex); port != ports_.end())
      port->second->send_by(std::move(send_by->sender));
  } else if (const auto* programs = std::get_if<Programs>(&letter)) {
    for (auto& [ifindex, port] : ports_) port->use(**programs);
  } else if (const auto* neighbour = std::get_if<netlink::NeighbourChange>(&letter)) {
    if (hops_.on_neighbour(neighbour->neighbour, neighbour->removed, send_)) forget_fast_hops();
  } else if (const auto* route = std::get_if<RouteChanged>(&letter)) {
    if (hops_.forget_routes(route->destination)) forget_fast_hops();
  } else if (auto* deliver_by = std::get_if<DeliverBy>(&letter)) {
    local_ = std::move(deliver_by->local);
  } else {
    hops_.forget_all();
    forget_fast_hops();
  }
}

void Worker::close_port(uint32_t ifindex) {
  const auto port = ports_.find(ifindex);
  if (port == ports_.end()) return;
  std::erase(unflushed_, port->second.get());
  add(closed_ports_, port->second->counters());
  ports_.erase(port);  // closing its descriptor takes it out of the epoll set
}

void Worker::serve(uint32_t ifindex) {
  const auto port = ports_.find(ifindex);
  if (port == ports_.end()) return;
  for (int i = 0; i < kBatchesInARow; ++i) {
    const PacketPort::Receive outcome = port->second->receive(batch_);
    if (outcome == PacketPort::Receive::kBroken) {
      close_port(ifindex);
      callbacks_.port_broken(ifindex);
      return;
    }
    handle_batch(*port->second);
    port->second->release();
    if (outcome == PacketPort::Receive::kDone) break;
    now_ = loop::monotonic_now();
  }
  if (settings_.fast != nullptr) offer_to_fast_path();
}

void Worker::handle_batch(PacketPort& port) {
  if (batch_.frames().empty()) return;
  {
    const std::shared_lock pass(gate_);
    const uint32_t ifindex = port.ifindex();
    // What the engine decides is decided by what is true now.
    if (settings_.events != nullptr) hear_fast_path();
    if (settings_.sweeping->flow_count() > kFlowsInCaches)
      for (const FrameBatch::Frame& frame : batch_.frames()) engine_.expect(as_input(frame, ifindex));
    for (const FrameBatch::Frame& frame : batch_.frames()) engine_.handle(as_input(frame, ifindex), now_, outputs_);
    for (const OutPacket& out : outputs_.packets()) send_out(out);
    if (!too_long_.empty()) deal_with_too_long();
  }
  flush();
  outputs_.clear();
}

void Worker::send_out(const OutPacket& out) {
  if (std::holds_alternative<ToLocal>(out.destination)) return deliver(out.packet, out.offload);
  const auto* to_server = std::get_if<ToServer>(&out.destination);
  if (to_server == nullptr) {
    const Way* way = hops_.send(std::get<ToAddress>(out.destination).address, out.packet, out.offload, now_, send_);
    if (way != nullptr) note_way(out.answered, *way);
    return;
  }
  const tandem_recipe& recipe = services_.recipe(to_server->slot);
  if ((recipe.flags & TANDEM_RECIPE_NEIGHBOUR_KNOWN) == 0) {
    hops_.send(server_address(recipe), out.packet, out.offload, now_, send_);
    return;
  }
  Way way{.ifindex = recipe.ifindex, .source = {}, .destination = {}, .mtu = recipe.mtu};
  std::ranges::copy(recipe.source_mac, way.source.bytes.begin());
  std::ranges::copy(recipe.destination_mac, way.destination.bytes.begin());
  transmit(out.packet, out.offload, way);
}

// What the engine makes of it fits; should it not, it is left.
void Worker::deal_with_too_long() {
  const size_t sent = outputs_.packets().size();
  for (TooLong& each : too_long_)
    engine_.too_long({.buffer = each.bytes,
                      .ip_offset = kHeadroom,
                      .ip_length = each.bytes.size() - kHeadroom,
                      .offload = each.offload,
                      .ifindex = 0},
                     each.mtu, now_, outputs_);
  too_long_.clear();
  for (const OutPacket& out : outputs_.packets().subspan(sent)) send_out(out);
  dropped_too_long_ += too_long_.size();
  too_long_.clear();
}

void Worker::keep_too_long(Bytes packet, const Offload& offload, size_t mtu) {
  if (too_long_.size() >= kTooLongAtOnce) {
    ++dropped_too_long_;
    return;
  }
  TooLong& kept = too_long_.emplace_back(TooLong{.bytes = std::vector<std::byte>(kHeadroom + packet.size()),
                                                 .offload = offload,
                                                 .mtu = static_cast<uint16_t>(mtu)});
  std::ranges::copy(packet, kept.bytes.begin() + kHeadroom);
}

void Worker::transmit(MutableBytes packet, const Offload& offload, const Way& way) {
  const auto found = ports_.find(way.ifindex);
  if (found == ports_.end()) {
    ++dropped_no_port_;
    return;
  }
  PacketPort& port = *found->second;
  VnetHeader header = to_virtio(offload);
  if (way.mtu != 0) {
    if (offload.gso_kind() == Offload::kNone) {
      if (packet.size() > way.mtu) return keep_too_long(packet, offload, way.mtu);
    } else if (const size_t headers = headers_of(packet, offload); headers + offload.gso_size > way.mtu) {
      // A super-packet is a stretch of a TCP stream: it is cut where it leaves, and smaller pieces are as good.
      if (!is_tcp_stretch(offload) || headers >= way.mtu) {
        ++dropped_too_long_;
        return;
      }
      header.gso_size = static_cast<uint16_t>(way.mtu - headers);
    }
  }
  std::byte* const begin = packet.data() - ETH_HLEN;
  const uint16_t type = is_ipv6(packet) ? ETH_P_IPV6 : ETH_P_IP;
  const EthernetHeader ethernet{way.destination.bytes, way.source.bytes, be16(type)};
  std::memcpy(begin, &ethernet, sizeof ethernet);
  if (unflushed_.empty() || unflushed_.back() != &port) {
    if (std::ranges::find(unflushed_, &port) == unflushed_.end()) unflushed_.push_back(&port);
  }
  port.send({begin, packet.size() + ETH_HLEN}, header);
}

void Worker::deliver(Bytes packet, const Offload& offload) {
  if (local_ && local_->deliver(packet, to_virtio(offload, 0)))
    ++delivered_locally_;
  else
    ++dropped_local_;
}

void Worker::flush() {
  for (PacketPort* port : unflushed_) port->flush();
  unflushed_.clear();
  hops_.forget_released();
}

void Worker::tick() {
  for (auto& [ifindex, port] : ports_)
    if (port->has_waiting()) port->flush();
  if (settings_.sweep_slots != 0 && now_ >= next_sweep_) sweep();
  if (flows_.take_news()) callbacks_.flows_dirty();
  if (settings_.fast != nullptr) look_after_fast_path();
  if (now_ - last_snapshot_ < kSnapshotEvery) return;
  if (hops_.waiting()) {
    hops_.tick(now_);
    snapshot_due_ = true;
  }
  if (snapshot_due_) take_snapshot();
}

void Worker::sweep() {
  // As much of the table as the time that passed is of a pass.
  const auto due = std::min<Duration>(now_ - last_sweep_, kPass);
  const auto slots = settings_.sweep_slots * static_cast<size_t>(due.count()) / static_cast<size_t>(kPass.count());
  last_sweep_ = now_;
  bool done = false;
  {
    const std::shared_lock pass(gate_);
    done = engine_.expire(now_, slots + 1, kFlowsPerStep);
  }
  const uint64_t flows = engine_.flow_count();
  Duration pause = kPass;
  if (!done)  // more flows than the last pass met
    pause = kShortestSweepPause;
  else if (flows != 0)
    pause = std::clamp<Duration>(kPass * kFlowsPerStep / (2 * flows), kShortestSweepPause, kLongestSweepPause);
  next_sweep_ = now_ + pause;
}

void Worker::take_snapshot() {
  last_snapshot_ = now_;
  snapshot_due_ = false;
  WorkerStats fresh{.ports = closed_ports_,
                    .hops = hops_.counters(),
                    .dropped_no_port = dropped_no_port_,
                    .dropped_too_long = dropped_too_long_,
                    .delivered_locally = delivered_locally_,
                    .dropped_local = dropped_local_};
  for (auto& [ifindex, port] : ports_) add(fresh.ports, port->counters());
  const std::lock_guard guard(stats_lock_);
  stats_ = fresh;
}

}  // namespace tandem::forwarding
