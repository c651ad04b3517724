// One server of one service as the workers see it, and how its connections are counted.
//
// Counting. A flow weighs active or inactive, as IPVS has it (tcp_state.hpp). Workers count what
// they change. Flows that others write (the peer link, XDP, an earlier process) are found by the
// sweep over the table: it counts afresh while it goes, and what a worker changes meanwhile behind
// the sweep is counted twice, once in each. At the end of a pass the fresh counts replace the old
// ones, so whatever went wrong is right again a pass later.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "daemon/base/address.hpp"

namespace tandem::forwarding {

class SpinLock {
 public:
  void lock() {
    while (taken_.test_and_set(std::memory_order_acquire)) {
      while (taken_.test(std::memory_order_relaxed)) pause();
    }
  }
  void unlock() { taken_.clear(std::memory_order_release); }

 private:
  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  std::atomic_flag taken_;
};

// What a flow weighs on its server.
enum class Load : uint8_t { kNone, kInactive, kActive };

struct Server {
  uint16_t slot = 0;
  uint16_t service_slot = 0;
  uint8_t protocol = 0;
  uint16_t port = 0;
  Ipv4Address address;
  uint32_t weight = 1;
  bool up = true;
  bool overloaded = false;  // takes no new flows (the thresholds of part 4)
  std::string name;
  std::string service_name;
  Server* next_same_endpoint = nullptr;  // another service's NAT server with this address and port

  std::atomic<int64_t> active = 0;
  std::atomic<int64_t> inactive = 0;
  std::atomic<int64_t> fresh_active = 0;  // of the sweep under way
  std::atomic<int64_t> fresh_inactive = 0;
  std::atomic<uint64_t> connections = 0;  // ever

  bool takes_new_flows() const { return weight > 0 && !overloaded; }
};

// In IPVS's order: last added first.
using ServerList = std::vector<Server*>;

class FlowCounts {
 public:
  // The flow in slot `index` of the table now weighs `to` on `server` where it weighed `from`.
  void change(Server& server, size_t index, Load from, Load to) {
    if (from == to) return;
    add(server.active, server.inactive, from, to);
    if (index < swept_.load(std::memory_order_relaxed)) add(server.fresh_active, server.fresh_inactive, from, to);
  }
  // The sweep: a flow met, everything below `index` done, and the end of a pass for one server.
  void met(Server& server, Load load) { add(server.fresh_active, server.fresh_inactive, Load::kNone, load); }
  void swept_below(size_t index) { swept_.store(index, std::memory_order_relaxed); }
  static void replace(Server& server) {
    server.active.store(server.fresh_active.exchange(0));
    server.inactive.store(server.fresh_inactive.exchange(0));
  }

 private:
  static void add(std::atomic<int64_t>& active, std::atomic<int64_t>& inactive, Load from, Load to) {
    if (from == Load::kActive) active.fetch_sub(1, std::memory_order_relaxed);
    if (from == Load::kInactive) inactive.fetch_sub(1, std::memory_order_relaxed);
    if (to == Load::kActive) active.fetch_add(1, std::memory_order_relaxed);
    if (to == Load::kInactive) inactive.fetch_add(1, std::memory_order_relaxed);
  }
  std::atomic<size_t> swept_ = 0;
};

}  // namespace tandem::forwarding
