// How long a new peer takes to be given a full table: two peer links over loopback, TLS included, in one thread.
// Usage: peer_link_bench [FLOWS [BUCKETS, a power of two]]
#include <sys/mman.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "daemon/base/assert.hpp"
#include "daemon/loop/clock.hpp"
#include "forwarding/io/peer_link.hpp"
#include "forwarding/sync/flow_sender.hpp"
#include "forwarding/sync/test_table.hpp"

using namespace tandem;
using namespace tandem::forwarding;
namespace asio = boost::asio;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

namespace {

double ms(Clock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

double cpu_ms() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e3 +
         static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e3;
}

PeerLinkSettings settings(const char* self, uint16_t port, const char* peer, uint16_t peer_port) {
  const auto here = asio::ip::make_address("127.0.0.1");
  return {.site = "bench",
          .self = self,
          .key = {},
          .listen = {here, port},
          .peers = {{.name = peer, .endpoint = {here, peer_port}}},
          .digest = ""};
}

}  // namespace

int main(int argc, char** argv) {
  const auto flows = static_cast<uint32_t>(argc > 1 ? std::atoi(argv[1]) : 1'000'000);
  const auto buckets = static_cast<uint32_t>(argc > 2 ? std::atoi(argv[2]) : 1 << 19);  // of four flows
  sync::TestTable a(buckets, 1), b(buckets, 2);
  const TimePoint now = loop::monotonic_now();
  for (uint32_t i = 0; i < flows; ++i)
    a.packet(0x0a000000 + i / 50'000, static_cast<uint16_t>(1024 + i % 50'000), 1, 11, FlowState::kEstablished, now,
             false);
  const size_t there = a.count();

  asio::io_context io;
  const uint16_t port = tcp::acceptor(io, {asio::ip::make_address("127.0.0.1"), 0}).local_endpoint().port();
  bool in_step = false;
  PeerLinkCallbacks of_a{.names = [] { return sync::test_names(); }};
  PeerLinkCallbacks of_b{.names = [] { return sync::test_names(); },
                         .on_status = [&](const bus::SyncStatus& s) { in_step = s.in_step; }};
  PeerLink link_a(io, *a, of_a), link_b(io, *b, of_b);
  const auto begin = Clock::now();
  const double cpu_begin = cpu_ms();
  link_b.configure(settings("dir-b", port, "dir-a", 1));
  link_a.configure(settings("dir-a", 1, "dir-b", port));
  while (!in_step && Clock::now() - begin < std::chrono::seconds(60)) io.run_one_for(std::chrono::milliseconds(100));
  TANDEM_ASSERT(in_step);
  const double took = ms(Clock::now() - begin);
  const double cpu_in_step = cpu_ms() - cpu_begin;
  std::printf(
      "%zu flows to a new peer, both ends in one thread: %.0f ms (%.0f ms of CPU), %.2f M flows/s; %zu arrived\n",
      there, took, cpu_in_step, static_cast<double>(there) / took / 1e3, b.count());

  const double cpu_idle = cpu_ms();
  const auto idle_begin = Clock::now();
  io.run_for(std::chrono::seconds(2));
  std::printf("idle, both ends: %.2f %% of a CPU\n", (cpu_ms() - cpu_idle) / ms(Clock::now() - idle_begin) * 100);

  sync::Buffer out;
  sync::FlowSender sender(*a, 3);
  sender.end();
  const double scan_begin = cpu_ms();
  for (int i = 0; i < 1000; ++i) sender.collect(out, now);
  std::printf("looking for dirty flows in a clean bitmap of %zu slots: %.1f us of CPU\n", a->slots(),
              cpu_ms() - scan_begin);
  const auto mark_begin = Clock::now();
  sender.begin();
  std::printf("marking all dirty: %.1f ms\n", ms(Clock::now() - mark_begin));
  return 0;
}
