// What flows cost: `flow_costs cost|expiry|memory|workers [FLOWS...]`. The engine alone, without sockets.
//
// cost     ns a packet (parse, decide, apply; NAT, DR) at so many flows, in an order that no cache can guess; best of five
// expiry   so many flows time out at once: the longest pause of the worker that sweeps them, and how long it takes in all
// memory   bytes of the flow table that are resident, by flow, IPv4 and IPv6, everything in the mapping counted
// workers  ns a packet when 1, 2, ... threads work at once: each on clients of its own, as the fanout deals them, and all on the same
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "daemon/base/assert.hpp"
#include "daemon/base/checksum.hpp"
#include "forwarding/engine.hpp"
#include "forwarding/testing/director.hpp"
#include "forwarding/testing/packet_builder.hpp"

namespace {

using namespace tandem;
using namespace tandem::forwarding;
using forwarding::testing::packet;
using forwarding::testing::web;

constexpr uint32_t kBuckets = 1 << 19;  // the daemon's: 2 M slots
constexpr size_t kBatch = 64;
constexpr size_t kStepFlows = 2000;  // of the worker's sweep
constexpr uint32_t kPortsOfAnAddress = 64;

double seconds(clockid_t clock = CLOCK_MONOTONIC) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

class Memory {
 public:
  explicit Memory(size_t bytes) : bytes_(bytes) {
    void* const at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    TANDEM_ASSERT(at != MAP_FAILED);
    at_ = static_cast<std::byte*>(at);
  }
  ~Memory() { munmap(at_, bytes_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  MutableBytes bytes() { return {at_, bytes_}; }
  size_t resident() const {
    std::vector<unsigned char> pages((bytes_ + 4095) / 4096);
    TANDEM_ASSERT(mincore(at_, bytes_, pages.data()) == 0);
    return static_cast<size_t>(std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; })) * 4096;
  }

 private:
  std::byte* at_ = nullptr;
  size_t bytes_;
};

FlowTable table_in(Memory& memory) {
  auto table = FlowTable::format(memory.bytes(), {kBuckets, {0x1234567, 0x89abcdef}});
  TANDEM_ASSERT(table.has_value());
  return *table;
}

struct Site {
  explicit Site(tandem_method method)
      : memory(FlowTable::bytes_needed(kBuckets)), flows(table_in(memory)), services(flows) {
    services.apply({web(method)}, now);
  }
  TimePoint now{Duration(1000s)};
  Memory memory;
  FlowTable flows;
  ServiceTable services;
};

// The packets of a worker's clients: a batch of frames that are written anew each time.
class Clients {
 public:
  Clients(uint32_t first, uint32_t count, bool syn) : first_(first), count_(count) {
    auto sentence = packet().ipv4("10.64.0.1", "198.51.100.10").tcp(10000, 80).payload(6);
    model_ = (syn ? sentence.syn() : sentence.ack()).build();
    stride_ = (model_.buffer.size() + 127) / 64 * 64;
    memory_.resize(stride_ * kBatch);
    // Every flow once, far from its neighbours.
    step_ = 0x9e3779b1 % count | 1;
    while (std::gcd(step_, uint64_t{count}) != 1) step_ += 2;
  }
  FrameIn frame(size_t place) {
    std::byte* const at = memory_.data() + place * stride_;
    std::memcpy(at, model_.buffer.data(), model_.buffer.size());
    const uint64_t flow = first_ + next_;
    next_ = (next_ + step_) % count_;
    const be32 address(0x0a400001 + static_cast<uint32_t>(flow / kPortsOfAnAddress));
    const be16 port(static_cast<uint16_t>(10000 + flow % kPortsOfAnAddress));
    be32 before;
    be16 checksum;
    std::memcpy(&before, at + kHeadroom + 12, sizeof before);
    std::memcpy(&checksum, at + kHeadroom + 10, sizeof checksum);
    checksum = checksum_update32(checksum, before, address);
    std::memcpy(at + kHeadroom + 10, &checksum, sizeof checksum);
    std::memcpy(at + kHeadroom + 12, &address, sizeof address);
    std::memcpy(at + kHeadroom + 20, &port, sizeof port);
    return {.buffer = {at, model_.buffer.size()},
            .ip_offset = kHeadroom,
            .ip_length = model_.length,
            .offload = {},
            .ifindex = 1};
  }

 private:
  testing::Frame model_;
  uint64_t first_, count_, step_ = 1, next_ = 0;
  size_t stride_ = 0;
  std::vector<std::byte> memory_;
};

// As the worker does it with many flows.
bool expecting = false;

void handle(Engine* engine, Clients& clients, uint64_t packets, TimePoint now, Outputs& outputs) {
  for (uint64_t done = 0; done < packets; done += kBatch) {
    std::array<FrameIn, kBatch> frames;
    for (size_t i = 0; i < kBatch; ++i) frames[i] = clients.frame(i);
    if (engine == nullptr) continue;
    if (expecting)
      for (const FrameIn& frame : frames) engine->expect(frame);
    for (const FrameIn& frame : frames) engine->handle(frame, now, outputs);
    outputs.clear();
  }
}

void open_all(Site& site, Engine& engine, uint32_t first, uint32_t count) {
  Outputs outputs;
  for (const bool syn : {true, false}) {
    Clients clients(first, count, syn);
    handle(&engine, clients, (count + kBatch - 1) / kBatch * kBatch, site.now, outputs);
  }
}

// Nearly all: of a table that is half full a few flows are pushed out. A packet that is dropped costs little, and would look good.
void must_have_forwarded(const Engine& engine) {
  const Counters& counters = engine.counters();
  TANDEM_ASSERT(counters.value(Counter::kToServer) > counters.value(Counter::kFrames) / 10'000 * 9'999);
}

double cost_of(Engine* engine, Clients& clients, uint64_t packets, TimePoint now) {
  Outputs outputs;
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    const double begin = seconds(CLOCK_THREAD_CPUTIME_ID);
    handle(engine, clients, packets, now, outputs);
    best = std::min(best, (seconds(CLOCK_THREAD_CPUTIME_ID) - begin) / static_cast<double>(packets));
  }
  return best * 1e9;
}

void cost(const std::vector<uint32_t>& counts) {
  for (const auto& [name, method] : {std::pair{"nat", TANDEM_NAT}, std::pair{"dr", TANDEM_DR}}) {
    double first = 0;
    for (const uint32_t count : counts) {
      Site site(method);
      Engine engine(site.flows, site.services);
      open_all(site, engine, 0, count);
      Clients clients(0, count, false);
      const uint64_t packets = std::max<uint64_t>(1'000'000, 2 * count) / kBatch * kBatch;
      const double ns = cost_of(&engine, clients, packets, site.now) - cost_of(nullptr, clients, packets, site.now);
      expecting = count > 8192;
      const double ns_expecting =
          cost_of(&engine, clients, packets, site.now) - cost_of(nullptr, clients, packets, site.now);
      expecting = false;
      if (first == 0) first = ns;
      std::printf(
          "%-3s %8u flows  %6.1f ns a packet, %.2f of the first (as the worker does it; without looking ahead %.1f)\n",
          name, count, ns_expecting, ns_expecting / first, ns);
      must_have_forwarded(engine);
    }
  }
}

void expiry(const std::vector<uint32_t>& counts) {
  for (const uint32_t count : counts) {
    Site site(TANDEM_NAT);
    Engine engine(site.flows, site.services);
    open_all(site, engine, 0, count);
    must_have_forwarded(engine);
    const auto sweep = [&](const char* what, size_t until) {
      // By the processor's time: on a busy machine the clock's shows who else ran.
      std::vector<double> pauses;
      double total = 0, longest_by_clock = 0;
      const uint64_t before = engine.counters().value(Counter::kExpired);
      for (size_t met = 0; met < until; met += kStepFlows) {
        const double begin = seconds(CLOCK_THREAD_CPUTIME_ID), clock = seconds();
        engine.expire(site.now, site.flows.slots(), kStepFlows);
        pauses.push_back((seconds(CLOCK_THREAD_CPUTIME_ID) - begin) * 1e3);
        longest_by_clock = std::max(longest_by_clock, (seconds() - clock) * 1e3);
        total += pauses.back();
      }
      std::ranges::sort(pauses);
      std::printf(
          "%8u flows, %s: %zu steps, %.2f ms in all, median %.3f ms, longest %.3f ms (%.3f by the clock), %lu "
          "expired\n",
          count, what, pauses.size(), total, pauses[pauses.size() / 2], pauses.back(), longest_by_clock,
          engine.counters().value(Counter::kExpired) - before);
    };
    sweep("none times out", count);
    site.now += 20min;
    sweep("all time out", 2 * size_t{count});
  }
}

// The fast path's copies, tags and sequence numbers are memory of the kernel, all of it there from the beginning.
void memory_of(uint32_t count, bool six, bool fast) {
  Site site(TANDEM_NAT);
  std::vector<tandem_fast_bucket> copies(fast ? kBuckets : 0);
  std::vector<tandem_fast_sequences> sequences(fast ? kBuckets : 0);
  std::vector<tandem_fast_tags> tags(fast ? kBuckets / 2 : 0);
  if (fast) site.flows.use_fast_path(FastFlows(copies, tags), sequences);
  uint32_t pushed_out = 0;
  for (uint32_t i = 0; i < count; ++i) {
    IpAddress client = Ipv4Address{0x0a400001 + i / kPortsOfAnAddress};
    if (six) {
      Ipv6Address address;
      address.bytes = {0x20, 0x01, 0x0d, 0xb8};
      std::memcpy(&address.bytes[8], &client.v4.value, 4);
      client = address;
    }
    const auto port = static_cast<uint16_t>(10000 + i % kPortsOfAnAddress);
    const auto put = site.flows.insert(kTcp, client, port, 1, tandem_flow_value(1, 1, 0, tick_of(site.now)));
    if (put.evicted.key != TANDEM_KEY_EMPTY) ++pushed_out;
    site.flows.set_sequences(put.flow, {.client = 1, .server = 1});
    site.flows.mark_dirty(put.flow.index);
  }
  const size_t bytes = site.memory.resident() + copies.size() * sizeof copies[0] + tags.size() * sizeof tags[0] +
                       sequences.size() * sizeof sequences[0];
  std::printf("%8u IPv%c flows, %s fast path: %.1f bytes a flow, %u pushed out\n", count, six ? '6' : '4',
              fast ? "with" : "without", static_cast<double>(bytes) / count, pushed_out);
}

void memory(uint32_t count) {
  for (const uint32_t flows : {count, count * 3 / 2})
    for (const bool six : {false, true})
      for (const bool fast : {false, true}) memory_of(flows, six, fast);
}

void workers(uint32_t flows) {
  const unsigned most = std::max(2U, std::thread::hardware_concurrency());
  for (const bool shared : {false, true})
    for (unsigned count = 1; count <= most; count *= 2) {
      Site site(TANDEM_NAT);
      std::vector<std::unique_ptr<Engine>> engines;
      for (unsigned i = 0; i < count; ++i) engines.push_back(std::make_unique<Engine>(site.flows, site.services));
      open_all(site, *engines[0], 0, flows * count);
      std::vector<double> ns(count);
      std::atomic<unsigned> ready = 0;
      {
        std::vector<std::jthread> threads;
        for (unsigned i = 0; i < count; ++i)
          threads.emplace_back([&, i] {
            Clients clients(shared ? 0 : i * flows, flows, false);
            ++ready;
            while (ready != count) {
            }
            ns[i] = cost_of(engines[i].get(), clients, 2'000'000 / kBatch * kBatch, site.now);
          });
      }
      for (const auto& engine : engines) must_have_forwarded(*engine);
      std::printf("%u workers, %7u flows, %s: %.1f ns a packet\n", count, flows,
                  shared ? "all on the same      " : "each on its own clients", *std::ranges::max_element(ns));
    }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  std::vector<uint32_t> counts;
  for (int i = 2; i < argc; ++i) counts.push_back(static_cast<uint32_t>(std::strtoul(argv[i], nullptr, 10)));
  if (counts.empty()) counts = {1000, 10'000, 100'000, 1'000'000};
  if (what == "cost")
    cost(counts);
  else if (what == "expiry")
    expiry({counts.back()});
  else if (what == "memory")
    memory(counts.back());
  else if (what == "workers")
    for (const uint32_t count : {counts.front(), counts[counts.size() - 1] / 10}) workers(count);
  else
    return std::fprintf(stderr, "usage: flow_costs cost|expiry|memory|workers [FLOWS...]\n"), 2;
  return 0;
}
