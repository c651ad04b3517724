// A director without a network, for tests: a table in memory, services, an engine, and a clock that
// moves when told to. What comes out is text, so that a test reads as a play.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/assert.hpp"
#include "forwarding/engine.hpp"
#include "forwarding/testing/packet_builder.hpp"

namespace tandem::forwarding::testing {

// Zeroed memory that begins at a cache line.
class Mapping {
 public:
  explicit Mapping(size_t bytes) : blocks_(bytes / sizeof(Block) + 1) {}
  MutableBytes bytes() { return std::as_writable_bytes(std::span(blocks_)); }

 private:
  struct alignas(64) Block {
    std::byte bytes[64];
  };
  std::vector<Block> blocks_;
};

inline FlowTable format_table(Mapping& mapping, uint32_t buckets) {
  auto table = FlowTable::format(mapping.bytes(), {buckets, {0x1234567, 0x89abcdef}});
  TANDEM_ASSERT(table.has_value());
  return *table;
}

inline Ipv4Address ip(std::string_view text) {
  const auto address = Ipv4Address::parse(text);
  TANDEM_ASSERT(address.has_value());
  return *address;
}
// Of either family.
inline IpAddress any_ip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  TANDEM_ASSERT(address.has_value());
  return *address;
}

struct Sent {
  Frame frame;
  Destination destination;
  std::string text;  // "to server 1: ..." or "to 192.0.2.7: ..."
};

class Director {
 public:
  explicit Director(uint32_t buckets = 1024)
      : mapping(FlowTable::bytes_needed(buckets)),
        flows(format_table(mapping, buckets)),
        services(flows),
        engine(flows, services) {}

  void apply(std::vector<ServiceSetting> settings) { services.apply(settings, now); }
  void pass(Duration time) { now += time; }

  // What the engine makes of the packet; each piece's checksums are checked.
  std::vector<Sent> send(Frame frame) {
    outputs.clear();
    verdict = engine.handle(frame.in(), now, outputs);
    std::vector<Sent> sent;
    for (const OutPacket& out : outputs.packets()) {
      Sent one{frame_of(out.packet, out.offload), out.destination, {}};
      if (const auto* server = std::get_if<ToServer>(&out.destination)) {
        one.text = "to " + name_of_server(server->slot) + ": ";
      } else if (std::holds_alternative<ToLocal>(out.destination)) {
        one.text = "to this box: ";
      } else {
        one.text = "to " + std::get<ToAddress>(out.destination).address.text() + ": ";
      }
      one.text += text_of(out.packet);
      if (const auto fault = checksum_fault(out.packet, out.offload)) one.text += " BAD " + *fault;
      sent.push_back(std::move(one));
    }
    return sent;
  }
  std::vector<Sent> send(const PacketBuilder& builder) { return send(builder.build()); }

  // The same as lines.
  std::vector<std::string> lines(const PacketBuilder& builder) {
    std::vector<std::string> result;
    for (const Sent& one : send(builder)) result.push_back(one.text);
    return result;
  }
  // The only packet's line; "nothing", "not ours", or "n packets".
  std::string line(const PacketBuilder& builder) {
    const auto all = lines(builder);
    if (verdict == Verdict::kNotOurs) return all.empty() ? "not ours" : "not ours, but sent";
    if (all.empty()) return "nothing";
    return all.size() == 1 ? all[0] : std::to_string(all.size()) + " packets";
  }

  void sweep() { engine.expire(now, flows.slots()); }
  uint64_t count(Counter counter) const { return engine.counters().value(counter); }
  std::string name_of_server(uint16_t slot) const {
    const Server* server = services.server(slot);
    return server == nullptr ? "nobody" : server->name;
  }
  Server& server(std::string_view service, std::string_view name) {
    Server* found = services.server(services.server_slot(service, name));
    TANDEM_ASSERT(found != nullptr);
    return *found;
  }

  TimePoint now{Duration(1000s)};
  Mapping mapping;
  FlowTable flows;
  ServiceTable services;
  Engine engine;
  Outputs outputs;
  Verdict verdict = Verdict::kNotOurs;
};

// A web service on 198.51.100.10:80 with two servers, 10.0.0.1:8080 and 10.0.0.2:8080 (port 80 for
// dr and tun), dealt out in turns: web2 first, as IPVS does.
inline ServiceSetting web(tandem_method method = TANDEM_NAT) {
  ServiceSetting setting;
  setting.name = "web";
  setting.vip = ip("198.51.100.10");
  setting.port = 80;
  setting.method = method;
  setting.scheduler.kind = SchedulerKind::kRoundRobin;
  setting.active = true;
  const uint16_t port = method == TANDEM_NAT ? 8080 : 80;
  setting.servers = {{"web1", ip("10.0.0.1"), port, 1, true}, {"web2", ip("10.0.0.2"), port, 1, true}};
  return setting;
}

// A name service on 198.51.100.10:53, one server 10.0.0.3:5300.
inline ServiceSetting dns() {
  ServiceSetting setting;
  setting.name = "dns";
  setting.vip = ip("198.51.100.10");
  setting.port = 53;
  setting.protocol = kUdp;
  setting.scheduler.kind = SchedulerKind::kRoundRobin;
  setting.active = true;
  setting.servers = {{"ns1", ip("10.0.0.3"), 5300, 1, true}};
  return setting;
}

inline PacketBuilder from_client(uint16_t client_port = 40000) {
  return packet().ipv4("192.0.2.7", "198.51.100.10").tcp(client_port, 80);
}

}  // namespace tandem::forwarding::testing
