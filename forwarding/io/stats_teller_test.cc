#include "forwarding/io/stats_teller.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;

// A director without a network, two engines as two workers have, and everything that was published.
struct Told {
  Told() {
    engines.grow_to(2);
    apply({web(), dns()});
  }
  void apply(const std::vector<ServiceSetting>& settings) { services.apply(settings, now); }
  void send(const PacketBuilder& builder, size_t worker = 0) {
    Frame frame = builder.build();
    outputs.clear();
    engines.at(worker).handle(frame.in(), now, outputs);
  }
  // One second later, or so many.
  void tell(int seconds = 1) {
    for (int i = 0; i < seconds; ++i) {
      published.clear();
      teller.tell(now += Duration(1s));
    }
  }
  template <class M>
  std::vector<M> all() const {
    std::vector<M> found;
    for (const bus::Message& message : published)
      if (const auto* one = std::get_if<M>(&message)) found.push_back(*one);
    return found;
  }
  std::optional<bus::ServerStats> server(const std::string& name) const {
    for (const auto& one : all<bus::ServerStats>())
      if (one.server == name) return one;
    return std::nullopt;
  }
  std::optional<bus::ServiceStats> service(const std::string& name) const {
    for (const auto& one : all<bus::ServiceStats>())
      if (one.service == name) return one;
    return std::nullopt;
  }

  TimePoint now{Duration(1000s)};
  Mapping mapping{FlowTable::bytes_needed(1024)};
  FlowTable flows = format_table(mapping, 1024);
  ServiceTable services{flows};
  Engines engines{flows, services};
  Outputs outputs;
  ShellNumbers shell;
  std::vector<bus::Message> published;
  StatsTeller teller{[this](bus::Message message) { published.push_back(std::move(message)); },
                     {services, engines, [this] { return shell; }}};
};

uint64_t of(const std::vector<bus::NamedCounter>& counters, const std::string& name) {
  const auto found = std::ranges::find(counters, name, &bus::NamedCounter::name);
  return found == counters.end() ? 0 : found->value;
}

TEST(StatsTeller, TellsEveryServerAndServiceOnceAndThenWhatChanged) {
  Told told;
  told.tell();
  EXPECT_EQ(told.all<bus::ServerStats>().size(), 3u);
  EXPECT_EQ(told.all<bus::ServiceStats>().size(), 2u);
  told.tell();
  EXPECT_TRUE(told.published.empty());
  told.send(from_client().syn());
  told.tell();
  ASSERT_EQ(told.all<bus::ServerStats>().size(), 1u);
  EXPECT_EQ(told.server("web2")->connections, 1u);
  EXPECT_EQ(told.server("web2")->active_connections, 1u);
  EXPECT_EQ(told.server("web2")->packets_in, 1u);
  EXPECT_EQ(told.service("web")->connections, 1u);
  EXPECT_EQ(told.service("web")->method, "nat");
  EXPECT_FALSE(told.service("dns"));
}

TEST(StatsTeller, AddsUpWhatSeveralWorkersCounted) {
  Told told;
  told.send(from_client().syn(), 0);
  told.send(from_client().ack(), 1);
  told.send(packet().ipv4("10.0.0.2", "192.0.2.7").tcp(8080, 40000).ack().payload(100), 1);
  told.tell();
  EXPECT_EQ(told.server("web2")->packets_in, 2u);
  EXPECT_EQ(told.server("web2")->packets_out, 1u);
  EXPECT_EQ(told.server("web2")->bytes_out, 140u);
  EXPECT_EQ(of(told.all<bus::EngineStats>().at(0).counters, "to_server"), 2u);
}

TEST(StatsTeller, RatesRiseWithTrafficAndComeDownToNothing) {
  Told told;
  told.tell();
  for (int second = 0; second < 30; ++second) {
    for (uint16_t i = 0; i < 100; ++i) told.send(from_client().syn());
    told.tell();
  }
  EXPECT_NEAR(static_cast<double>(told.service("web")->rates.packets_in), 100.0, 1.0);
  std::optional<bus::ServiceStats> last;
  for (int second = 0; second < 60; ++second) {
    told.tell();
    if (told.service("web")) last = told.service("web");
  }
  ASSERT_TRUE(last);
  EXPECT_EQ(last->rates.packets_in, 0u);
  EXPECT_TRUE(told.published.empty()) << "and then nothing more is said";
}

TEST(StatsTeller, ForgetsAServerThatIsGoneAndKeepsItsCountsInTheService) {
  Told told;
  told.send(from_client(40000).syn());
  told.send(from_client(40001).syn());
  told.tell();
  EXPECT_EQ(told.service("web")->connections, 2u);
  ServiceSetting less = web();
  less.servers.pop_back();
  told.apply({less, dns()});
  told.tell();
  const auto forgotten = told.all<bus::Forget>();
  ASSERT_EQ(forgotten.size(), 1u);
  EXPECT_EQ(forgotten[0].kind, "ServerStats");
  EXPECT_EQ(forgotten[0].of_key, "web/web2");
  told.send(from_client(40002).syn());
  told.tell();
  EXPECT_EQ(told.service("web")->connections, 3u);
}

TEST(StatsTeller, AServersNumberUsedAgainBeginsAtNothing) {
  Told told;
  for (uint16_t port = 40000; port < 40010; ++port) told.send(from_client(port).syn());
  told.tell();
  const uint16_t slot = told.services.server_slot("web", "web2");
  ServiceSetting other = web();
  other.servers.pop_back();
  told.apply({other, dns()});
  told.tell();
  // The number is free once no flow names it any more.
  told.now += Duration(300s);
  for (int i = 0; i < 3; ++i) told.engines.at(0).expire(told.now, told.flows.slots());
  other.servers.push_back({"web9", ip("10.0.0.9"), 8080, 1, true});
  told.apply({other, dns()});
  ASSERT_EQ(told.services.server_slot("web", "web9"), slot);
  told.tell();
  ASSERT_TRUE(told.server("web9"));
  EXPECT_EQ(told.server("web9")->packets_in, 0u);
  EXPECT_EQ(told.server("web9")->connections, 0u);
}

TEST(StatsTeller, ForgetsAServiceThatIsGone) {
  Told told;
  told.tell();
  told.apply({web()});
  told.tell();
  std::vector<std::string> forgotten;
  for (const auto& each : told.all<bus::Forget>()) forgotten.push_back(each.kind + ' ' + each.of_key);
  std::ranges::sort(forgotten);
  EXPECT_EQ(forgotten, (std::vector<std::string>{"ServerStats dns/ns1", "ServiceStats dns"}));
}

TEST(StatsTeller, TellsDropsByServiceAndReason) {
  Told told;
  told.send(packet().ipv4("192.0.2.7", "198.51.100.10").tcp(40000, 80).ack());
  told.send(packet().ipv4("192.0.2.7", "198.51.100.10").tcp(40000, 80).rst());
  told.tell();
  EXPECT_EQ(of(told.service("web")->drops, "drop_out_of_state"), 2u);
  EXPECT_TRUE(told.service("dns")->drops.empty());
  EXPECT_EQ(of(told.all<bus::EngineStats>().at(0).counters, "drop_out_of_state"), 2u);
}

TEST(StatsTeller, TellsTheShellsNumbersWithTheEngines) {
  Told told;
  told.shell = {.workers_counted = {}, .workers = 2, .ports = 3, .flow_capacity = 4096};
  told.shell.workers_counted.ports.receive_dropped = 7;
  told.shell.workers_counted.hops.dropped_no_route = 5;
  told.tell();
  const auto engine = told.all<bus::EngineStats>().at(0);
  EXPECT_EQ(engine.flow_capacity, 4096u);
  EXPECT_EQ(of(engine.counters, "workers"), 2u);
  EXPECT_EQ(of(engine.counters, "ports"), 3u);
  EXPECT_EQ(of(engine.counters, "port_receive_dropped"), 7u);
  EXPECT_EQ(of(engine.counters, "drop_no_route"), 5u);
  told.tell();
  EXPECT_TRUE(told.all<bus::EngineStats>().empty()) << "nothing changed";
  told.shell.fast_path = true;
  told.tell();
  ASSERT_EQ(told.all<bus::EngineStats>().size(), 1u);
  EXPECT_TRUE(told.all<bus::EngineStats>().at(0).fast_path);
}

// What the kernel's programs have counted, on two processors.
struct FastCounts {
  explicit FastCounts(uint16_t server) {
    counts[0] = {.packets_in = 5, .bytes_in = 0, .packets_out = 3, .bytes_out = 0};  // frames
    counts[server] = {.packets_in = 7, .bytes_in = 700, .packets_out = 40, .bytes_out = 60'000};
    counts[TANDEM_FAST_SERVERS + server] = {.packets_in = 1, .bytes_in = 100, .packets_out = 2, .bytes_out = 3'000};
  }
  std::vector<tandem_fast_count> counts{size_t{2} * TANDEM_FAST_SERVERS};
  FastPath fast{FastMemory{.flows = {},
                           .tags = {},
                           .sequences = {},
                           .servers = {},
                           .fronts = {},
                           .hops = {},
                           .counts = counts,
                           .decks = {},
                           .picks = {}}};
};

TEST(StatsTeller, CountsWhatWentByTheFastPathWithTheRestAndKeepsItWhenTheFastPathEnds) {
  Told told;
  told.send(from_client().syn());
  const uint16_t web2 = told.services.server_slot("web", "web2");
  for (const uint64_t times : {1, 2}) {
    const FastCounts kernel(web2);
    told.engines.use_fast_path(&kernel.fast);
    for (const bool still_there : {true, false}) {
      if (!still_there) told.engines.use_fast_path(nullptr);
      EXPECT_EQ(told.engines.traffic(web2).packets_in, 1 + 8 * times);
      EXPECT_EQ(told.engines.traffic(web2).bytes_out, 63'000 * times);
      EXPECT_EQ(told.engines.counted(Counter::kToServer), 1 + 5 * times);
      EXPECT_EQ(told.engines.counted(Counter::kToClient), 3 * times);
      EXPECT_EQ(told.engines.counted(Counter::kFrames), 1 + 8 * times);
    }
  }
  told.tell();
  EXPECT_EQ(told.server("web2")->packets_out, 84u);
  const auto engine = told.all<bus::EngineStats>().at(0);
  EXPECT_EQ(of(engine.counters, "fast_to_servers"), 10u);
  EXPECT_EQ(of(engine.counters, "fast_to_clients"), 6u);
  EXPECT_EQ(told.engines.traffic(static_cast<uint16_t>(web2 + 1)).packets_in, 0u) << "another server's";
}

}  // namespace
}  // namespace tandem::forwarding
