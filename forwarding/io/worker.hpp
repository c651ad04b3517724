// A packet worker: one thread that waits for frames on its ports, runs them through its Engine and sends what comes of it.
// It also sweeps the flow table in slices.
//
// What may be touched by whom. The service table is shared and changes only behind the BatchGate, which the worker passes
// once for each batch. Ports and next hops are the worker's own: the room's thread leaves changes of them in a mailbox,
// which is emptied between batches. Counters go the other way as atomics and as a snapshot under a lock.
//
// There may be several. Each has its own Engine and its own sockets, in a fanout group for each interface, over the same tables;
// nothing in here knows how many there are, except that one alone sweeps.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "daemon/loop/fd.hpp"
#include "daemon/netlink/monitor.hpp"
#include "forwarding/dealer.hpp"
#include "forwarding/engine.hpp"
#include "forwarding/io/batch_gate.hpp"
#include "forwarding/io/fast_events.hpp"
#include "forwarding/io/local_stack.hpp"
#include "forwarding/io/next_hops.hpp"
#include "forwarding/io/packet_port.hpp"

namespace tandem::forwarding {

struct WorkerStats {
  PortCounters ports;
  NextHopCounters hops;
  uint64_t dropped_no_port = 0;   // the way out leads over an interface without a port
  uint64_t dropped_too_long = 0;  // for the interface it was to leave by
  uint64_t delivered_locally = 0;
  uint64_t dropped_local = 0;  // there is no way to this box's own programs, or the kernel did not take it
  WorkerStats& operator+=(const WorkerStats& more);
};

class Worker {
 public:
  struct Settings {
    std::optional<int> cpu;            // to be pinned to
    size_t sweep_slots = 0;            // of the flow table, about once a second; 0: another one sweeps
    const Engine* sweeping = nullptr;  // the engine of the one who does, which knows how many flows there are
    FastPath* fast = nullptr;          // where there is a fast path
    FastEvents* events = nullptr;      // and what it tells
    Dealer* dealer = nullptr;          // of the one who deals to it
  };
  // Called in the worker's thread.
  struct Callbacks {
    std::function<void(uint32_t ifindex)> port_broken;  // the port is of no more use; it has been closed
    std::function<void()> flows_dirty;                  // a peer that awaits news has some to be told
  };

  Worker(Engine& engine, FlowTable& flows, const ServiceTable& services, BatchGate& gate,
         std::unique_ptr<NetworkView> network, const Settings& settings, Callbacks callbacks);
  ~Worker() { stop(); }
  // Stops the thread; waits for the batch under way. Returns everything that was counted.
  WorkerStats stop();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // From any thread, carried out between two batches.
  void add_port(std::unique_ptr<PacketPort> port);
  void remove_port(uint32_t ifindex);
  void send_by(uint32_t ifindex, std::shared_ptr<XdpSender> sender);
  void use(std::shared_ptr<const TapPrograms> programs);
  void neighbour_changed(const netlink::NeighbourChange& change);
  void route_changed(const Prefix& destination);
  void forget_next_hops();
  // Where packets for this box's own programs go; nothing: they are dropped.
  void deliver_by(std::shared_ptr<LocalStack> local);

  // As of at most 100 ms ago, when packets came since.
  WorkerStats stats() const;

 private:
  struct AddPort {
    std::unique_ptr<PacketPort> port;
  };
  struct RemovePort {
    uint32_t ifindex;
  };
  struct SendBy {
    uint32_t ifindex;
    std::shared_ptr<XdpSender> sender;
  };
  struct RouteChanged {
    Prefix destination;
  };
  struct ForgetNextHops {};
  struct TooLong {
    std::vector<std::byte> bytes;  // kHeadroom of them before the packet
    Offload offload;
    uint16_t mtu;
  };
  using Programs = std::shared_ptr<const TapPrograms>;
  struct DeliverBy {
    std::shared_ptr<LocalStack> local;
  };
  using Letter = std::variant<AddPort, RemovePort, SendBy, Programs, netlink::NeighbourChange, RouteChanged,
                              ForgetNextHops, DeliverBy>;

  void post(Letter letter);
  void run();
  void read_mail();
  void open(Letter& letter);
  void serve(uint32_t ifindex);
  void handle_batch(PacketPort& port);
  void send_out(const OutPacket& out);
  // Packets that are longer than their way takes are kept until the batch is done, and then given back to the engine.
  void keep_too_long(Bytes packet, const Offload& offload, size_t mtu);
  void deal_with_too_long();
  void transmit(MutableBytes packet, const Offload& offload, const Way& way);
  void deliver(Bytes packet, const Offload& offload);
  void close_port(uint32_t ifindex);
  // What was handled is sent: flows and ways to clients that were found fit for the fast path are given to it.
  void offer_to_fast_path();
  // What the fast path has told. REQUIRES: the gate is passed.
  void hear_fast_path();
  void forget_fast_hops();
  void look_after_fast_path();
  // An answer of this flow went this way.
  void note_way(const FlowName& answered, const Way& way);
  void flush();
  void tick();
  void sweep();
  void take_snapshot();
  // Until when nothing is to be done unless something comes.
  TimePoint next_duty() const;
  int milliseconds_to_wait() const;

  Engine& engine_;
  FlowTable& flows_;
  const ServiceTable& services_;
  BatchGate& gate_;
  std::unique_ptr<NetworkView> network_;
  const Settings settings_;
  const Callbacks callbacks_;

  loop::UniqueFd epoll_;
  loop::UniqueFd wake_up_;
  std::atomic<bool> stopping_ = false;
  std::mutex mail_lock_;
  std::vector<Letter> mail_;

  // The thread's own.
  TimePoint now_{};
  TimePoint last_sweep_{};
  TimePoint next_sweep_{};
  TimePoint last_snapshot_{};
  bool snapshot_due_ = true;  // something was counted since
  NextHops hops_;
  NextHops::Send send_;
  FrameBatch batch_;
  Outputs outputs_;
  std::vector<TooLong> too_long_;
  std::vector<std::pair<FlowName, FastWay>> fast_hops_;  // to be offered
  bool forget_fast_hops_ = false;                        // is still to be done
  TimePoint confirmed_{};
  TimePoint heard_{};
  std::optional<TimePoint> hear_next_;  // when what is in the ring is to be heard
  std::unordered_map<uint32_t, std::unique_ptr<PacketPort>> ports_;
  std::vector<PacketPort*> unflushed_;
  PortCounters closed_ports_;
  uint64_t dropped_no_port_ = 0;
  uint64_t dropped_too_long_ = 0;
  std::shared_ptr<LocalStack> local_;
  uint64_t delivered_locally_ = 0;
  uint64_t dropped_local_ = 0;

  mutable std::mutex stats_lock_;
  WorkerStats stats_;

  std::thread thread_;
};

}  // namespace tandem::forwarding
