// What a flood of SYNs from random addresses does: to connections that stand, to those that honest clients open meanwhile, and to the
// processor. A flood's time is its own: so many SYNs are a second. Run by hand: forwarding_bench [SYNs a second [seconds]]
//
// Three ways to live with it. "evict": the flow table takes every SYN, and where it is full the oldest unanswered one goes.
// "stateless": besides, a segment in the midst of a connection goes where the client's hash says (mh with the port, out_of_state:
// accept), so that a flow that was pushed out before its handshake ended costs nothing. "limit": a service that takes 10,000 new
// connections a second.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <random>
#include <string>

#include "daemon/base/checksum.hpp"
#include "forwarding/tcp_state.hpp"
#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using testing::Frame;
using testing::packet;

// Of this thread: others use the processor too.
double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

constexpr int kEstablished = 50'000;
constexpr int kHonestPerSecond = 200;
constexpr Duration kRoundTrip = 100ms;  // of honest clients

struct Way {
  const char* name;
  SchedulerKind scheduler;
  OutOfState out_of_state;
  uint32_t per_second;
};

Ipv4Address honest(int number) {
  return {0xc6120000u + static_cast<uint32_t>(number)};  // 198.18.0.0/15, RFC 2544
}

class Flood {
 public:
  Flood(const Way& way, uint32_t buckets, int per_second, int seconds)
      : way_(way), director_(buckets), per_second_(per_second), seconds_(seconds) {
    ServiceSetting setting = testing::web();
    setting.servers.clear();
    for (int i = 0; i < 10; ++i)
      setting.servers.push_back({.name = "web" + std::to_string(i),
                                 .address = Ipv4Address{0x0a000001u + static_cast<uint32_t>(i)},
                                 .port = 8080});
    setting.scheduler = {.kind = way.scheduler, .port = true, .table_size = 65521};
    setting.out_of_state = way.out_of_state;
    setting_ = setting;
    director_.apply({setting});
    director_.pass(10s);
  }

  void run() {
    for (int i = 0; i < kEstablished; ++i) establish(i);
    setting_.limits.per_second = way_.per_second;
    director_.apply({setting_});
    const Duration step = Duration(1s) / per_second_;
    const int honest_every = per_second_ / kHonestPerSecond;
    double cpu = 0;
    for (int second = 0; second < seconds_; ++second) {
      const double begin = cpu_seconds();
      for (int i = 0; i < per_second_; ++i) {
        director_.pass(step);
        syn({static_cast<uint32_t>(random_())}, static_cast<uint16_t>(1024 + random_() % 60000));
        if (i % honest_every == 0) begin_honest();
        while (!handshakes_.empty() && handshakes_.front().due <= director_.now) go_on();
      }
      cpu += cpu_seconds() - begin;
      director_.sweep();
    }
    report(cpu);
  }

 private:
  struct Handshake {
    TimePoint due;
    int number;
    std::string server;
    int step;
  };

  std::string send(testing::PacketBuilder built) {
    Frame frame = built.build();
    director_.outputs.clear();
    director_.engine.handle(frame.in(), director_.now, director_.outputs);
    if (director_.outputs.packets().empty()) return {};
    const auto* server = std::get_if<ToServer>(&director_.outputs.packets()[0].destination);
    return server == nullptr ? "refused" : director_.name_of_server(server->slot);
  }
  static testing::PacketBuilder from(int number) {
    return packet().ipv4(honest(number).text(), "198.51.100.10").tcp(40000, 80);
  }

  void establish(int number) {
    const std::string server = send(from(number).syn().seq(1000));
    send(from(number).seq(1001).ack(1));
    servers_.push_back(server);
  }

  // Built once, or the bench would measure its own building of packets.
  void syn(Ipv4Address client, uint16_t port) {
    auto& ip = *wire_at<Ipv4Header>(syn_.ip());
    ip.source = client.value, ip.destination = 0xc633640a, ip.ttl = 64, ip.checksum = 0;
    ip.checksum = internet_checksum(syn_.ip().first(sizeof ip));
    auto& tcp = *wire_at<TcpHeader>(syn_.ip(), sizeof ip);
    tcp.source_port = port, tcp.destination_port = 80;
    director_.outputs.clear();
    director_.engine.handle(syn_.in(), director_.now, director_.outputs);
  }

  void begin_honest() {
    const int number = kEstablished + opened_++;
    const std::string server = send(from(number).syn().seq(1000));
    handshakes_.push_back({director_.now + kRoundTrip, number, server, 0});
  }

  // The client's ACK, a second of silence, and a request: each must meet the server that the SYN met.
  void go_on() {
    Handshake handshake = handshakes_.front();
    handshakes_.pop_front();
    if (handshake.server.empty() || handshake.server == "refused") return;
    if (send(from(handshake.number).seq(1001).ack(1)) == handshake.server) ++succeeded_;
  }

  void report(double cpu) {
    int alive = 0;
    for (int i = 0; i < kEstablished; ++i)
      alive += send(from(i).seq(1001).ack(1).payload(10)) == servers_[static_cast<size_t>(i)];
    const auto finished = opened_ - static_cast<int>(handshakes_.size());
    std::printf(
        "%-9s %8zu places %8d SYN/s %3d s: %6.2f %% of standing connections alive, %6.2f %% of new ones opened, "
        "%4.0f ns a SYN, %llu pushed out, %llu over the limit\n",
        way_.name, director_.flows.slots(), per_second_, seconds_, 100.0 * alive / kEstablished,
        100.0 * succeeded_ / finished, cpu * 1e9 / per_second_ / seconds_,
        static_cast<unsigned long long>(director_.count(Counter::kEvicted)),
        static_cast<unsigned long long>(director_.count(Counter::kDropLimitRate)));
    std::fflush(stdout);
  }

  Way way_;
  ServiceSetting setting_;
  testing::Director director_;
  int per_second_, seconds_;
  int opened_ = 0, succeeded_ = 0;
  std::mt19937_64 random_{1};
  std::vector<std::string> servers_;
  std::deque<Handshake> handshakes_;
  Frame syn_ = packet().ipv4("192.0.2.7", "198.51.100.10").tcp(40000, 80).syn().build();
};

}  // namespace
}  // namespace tandem::forwarding

int main(int argc, char** argv) {
  using namespace tandem::forwarding;
  const int per_second = argc > 1 ? std::atoi(argv[1]) : 500'000;
  const int seconds = argc > 2 ? std::atoi(argv[2]) : 10;
  constexpr Way kWays[] = {{"evict", SchedulerKind::kRoundRobin, OutOfState::kReset, 0},
                           {"stateless", SchedulerKind::kMaglev, OutOfState::kAccept, 0},
                           {"limit", SchedulerKind::kRoundRobin, OutOfState::kReset, 10'000}};
  for (const uint32_t buckets : {1u << 19, 1u << 16, 1u << 14})
    for (const Way& way : kWays) Flood(way, buckets, per_second, seconds).run();
}
