// One server of one service as the workers see it, and how its connections are counted.
//
// Thresholds. With `upper` set, a server that has as many connections as that, active and inactive, is overloaded: it takes
// no new flows until it has fewer than `lower`, or without `lower` fewer than three quarters of `upper`. Templates of
// persistence are no connections. The rule is that of IPVS (ip_vs_bind_dest, ip_vs_unbind_dest).
//
// Counting. A flow weighs active or inactive, as IPVS has it (tcp_state.hpp). Workers count what
// they change. Flows that others write (the peer link, XDP, an earlier process) are found by the
// sweep over the table: it counts afresh while it goes, and what a worker changes meanwhile behind
// the sweep is counted twice, once in each. At the end of a pass the fresh counts replace the old
// ones, so whatever went wrong is right again a pass later. What can go wrong is one flow, which is changed in the very moment
// in which the sweep looks at it.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"
#include "forwarding/recipe.h"

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

// What a server is fit for now.
struct ServerStanding {
  uint32_t weight = 1;      // in force; 0 takes no new flows: it is drained
  bool up = true;           // false: known to be dead, so also its UDP flows leave it
  bool in_rotation = true;  // false: dead or not looked at yet; the scheduler deals as if it did not exist
  bool operator==(const ServerStanding&) const = default;
};

// How packets are wrapped for a server behind TANDEM_TUN: IPVS's --tun-type, --tun-port and --tun-csum.
struct TunnelSetting {
  tandem_tunnel type = TANDEM_IPIP;
  uint16_t port = 6080;   // of GUE
  bool checksum = false;  // of GRE and GUE
  bool operator==(const TunnelSetting&) const = default;
};

// What of the way to a tunnel's end is narrower than the link it begins with, as routers there have said (RFC 1191, RFC 8201).
class PathMtu {
 public:
  static constexpr Duration kLifetime = 10min;  // Linux's net.ipv4.route.mtu_expires; RFC 8201, 4

  // Bytes of IP; 0: nothing is known, or not any more.
  uint16_t at(TimePoint now) const {
    const uint64_t word = word_.load(std::memory_order_relaxed);
    return word != 0 && milliseconds(now) < (word & kTime) ? static_cast<uint16_t>(word >> kTimeBits) : uint16_t{0};
  }
  // A larger one is not believed while the smaller one holds.
  void learn(uint16_t mtu, TimePoint now) {
    const uint16_t known = at(now);
    if (known != 0 && known < mtu) return;
    word_.store(uint64_t{mtu} << kTimeBits | (milliseconds(now + kLifetime) & kTime), std::memory_order_relaxed);
  }
  void forget() { word_.store(0, std::memory_order_relaxed); }

 private:
  static constexpr int kTimeBits = 48;
  static constexpr uint64_t kTime = (uint64_t{1} << kTimeBits) - 1;
  static uint64_t milliseconds(TimePoint time) {
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
  }

  std::atomic<uint64_t> word_ = 0;  // the MTU and until when
};

struct Server {
  uint16_t slot = 0;
  uint16_t service_slot = 0;
  uint8_t protocol = 0;
  tandem_method method = TANDEM_NAT;
  TunnelSetting tunnel;
  uint16_t port = 0;
  IpAddress address;
  uint32_t weight = 1;
  uint32_t last_weight = 1;  // the last one above 0; 0 when there was none
  bool up = true;
  bool in_rotation = true;
  uint32_t upper = 0;  // thresholds; 0: none
  uint32_t lower = 0;
  std::string name;
  std::string service_name;
  PathMtu path_mtu;                      // behind TANDEM_TUN
  Server* next_same_endpoint = nullptr;  // another service's NAT server with this address and port

  std::atomic<int64_t> active = 0;
  std::atomic<int64_t> inactive = 0;
  std::atomic<int64_t> fresh_active = 0;  // of the sweep under way
  std::atomic<int64_t> fresh_inactive = 0;
  std::atomic<uint64_t> connections = 0;  // ever
  // Picks of it that are being dealt (dealer.hpp): to the scheduler, connections it has.
  std::atomic<int64_t> dealt = 0;
  // Of a watched service (witness.hpp); taken by whoever tells them.
  std::atomic<uint64_t> unanswered = 0, refused = 0;
  std::atomic<uint64_t> failed_clients = 0;  // their marks
  std::atomic<bool> overloaded = false;      // by the thresholds
  std::atomic<uint32_t> latency_us = 0;      // of its checks, damped; 0: not known

  bool takes_new_flows() const { return weight > 0 && !overloaded.load(std::memory_order_relaxed); }

  void set_weight(uint32_t now) {
    weight = now;
    if (now != 0) last_weight = now;
  }
  // An edit that raises or removes the upper threshold forgives an overload.
  void set_thresholds(uint32_t now_upper, uint32_t now_lower) {
    if (now_upper == 0 || now_upper > upper) overloaded = false;
    upper = now_upper, lower = now_lower;
  }
  // A check took so long: the first one counts whole, every later one an eighth (as TCP's smoothed round trip, RFC 6298, 2.3).
  void heard_latency(uint32_t us) {
    const int64_t before = latency_us.load(std::memory_order_relaxed);
    const int64_t after = before == 0 ? int64_t{us} : before + (int64_t{us} - before) / 8;
    latency_us.store(static_cast<uint32_t>(std::max<int64_t>(after, 1)), std::memory_order_relaxed);
  }

  int64_t total_connections() const {
    return active.load(std::memory_order_relaxed) + inactive.load(std::memory_order_relaxed);
  }
  void judge_after_more() {
    if (upper != 0 && total_connections() >= int64_t{upper}) overloaded.store(true, std::memory_order_relaxed);
  }
  void judge_after_fewer() {
    if (!overloaded.load(std::memory_order_relaxed)) return;
    const int64_t total = total_connections();
    const bool relieved = lower != 0 ? total < int64_t{lower} : upper == 0 || total * 4 < int64_t{upper} * 3;
    if (relieved) overloaded.store(false, std::memory_order_relaxed);
  }
};

// In IPVS's order: the last of the configuration first.
using ServerList = std::vector<Server*>;

class FlowCounts {
 public:
  // The flow in slot `index` of the table now weighs `to` on `server` where it weighed `from`.
  void change(Server& server, size_t index, Load from, Load to) {
    if (from == to) return;
    add(server.active, server.inactive, from, to);
    if (index < swept_.load(std::memory_order_relaxed)) add(server.fresh_active, server.fresh_inactive, from, to);
    if (from == Load::kNone) server.judge_after_more();
    if (to == Load::kNone) server.judge_after_fewer();
  }
  // The sweep: a flow met, everything below `index` done, and the end of a pass for one server.
  void met(Server& server, Load load) { add(server.fresh_active, server.fresh_inactive, Load::kNone, load); }
  void swept_below(size_t index) { swept_.store(index, std::memory_order_release); }
  // What workers change meanwhile is in both counts, so only the difference is made good.
  static void replace(Server& server) {
    server.active.fetch_add(server.fresh_active.load() - server.active.load());
    server.inactive.fetch_add(server.fresh_inactive.load() - server.inactive.load());
    server.judge_after_fewer();
    server.judge_after_more();
  }
  // Of the next pass. REQUIRES: after swept_below(0).
  static void begin(Server& server) { server.fresh_active = server.fresh_inactive = 0; }

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
