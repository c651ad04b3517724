// The engine: parse, decide, apply, for one worker. Several workers have an Engine each over the
// same FlowTable and ServiceTable; one of them (or a scanner) also calls expire().
//
// A frame is either taken (forwarded, answered or dropped, whatever the Outputs then hold) or not
// ours, and then the kernel's. The engine sends nothing: it leaves packets in Outputs, in place
// wherever it can.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/base/time.hpp"
#include "forwarding/answers.hpp"
#include "forwarding/counters.hpp"
#include "forwarding/decide.hpp"
#include "forwarding/flow_table.hpp"
#include "forwarding/fragments.hpp"
#include "forwarding/header_checks.hpp"
#include "forwarding/outputs.hpp"
#include "forwarding/packet.hpp"
#include "forwarding/segment.hpp"
#include "forwarding/service_table.hpp"
#include "forwarding/sweeper.hpp"

namespace tandem::forwarding {

enum class Verdict : uint8_t {
  kNotOurs,  // the kernel handles it; nothing was changed in the frame
  kTaken,
};

struct EngineSettings {
  AnswerLimits answers;
  std::shared_ptr<Fragments> fragments;  // of all the engines over one table; none: this one's own
};

class Engine {
 public:
  Engine(FlowTable& flows, ServiceTable& services, const EngineSettings& settings = {});

  // Handles one frame. What is to be sent is added to `outputs` and may lie inside of the frame's
  // buffer, which must stay until it is sent.
  // REQUIRES: kHeadroom bytes before the IP header.
  Verdict handle(const FrameIn& frame, TimePoint now, Outputs& outputs);

  // A packet that `outputs` held for a client (ToAddress), and that is longer than the `mtu` bytes its way takes: cut, or its
  // server is told. As handle(), with what was to be sent in `frame`.
  void too_long(const FrameIn& frame, uint16_t mtu, TimePoint now, Outputs& outputs);

  // What the fast path's programs have sent on and tell of.
  void told(const tandem_fast_event& event, TimePoint now) { decider_.told(event, now); }
  // As expect(), of told().
  void expect(const tandem_fast_event& event) const { flows_.prefetch(event.index); }

  // Says that handle() will be called with this frame a little later. Changes nothing; with a table that is larger than the
  // processor's caches the packets of a batch wait for memory together then, not one after another.
  void expect(const FrameIn& frame) const;

  // Flows that handle() found fit for the fast path. They may be offered to it when what handle() left is sent: packets of one flow
  // must not overtake each other. The caller empties it.
  std::vector<Flow>& offers() { return decider_.offers(); }

  // Looks at the next `slots` slots of the table: removes flows that timed out or lost their
  // server, recounts connections, frees numbers no flow names. Once over the whole table
  // (flows.slots()) after a start; then often enough that the whole table is seen about once a
  // second. Stops after about `most` flows, and then says false. One caller at a time in all workers.
  bool expire(TimePoint now, size_t slots, size_t most = SIZE_MAX);

  // Safe from other threads.
  const Counters& counters() const { return counters_; }
  const ServiceDrops& service_drops() const { return service_drops_; }
  ServerTraffic traffic(uint16_t server_slot) const { return traffic_.of(server_slot); }
  const Fragments& fragments() const { return *fragments_; }
  // Flows found by the last complete pass of expire().
  uint64_t flow_count() const { return sweeper_.flow_count(); }

 private:
  Verdict malformed(const FrameIn& frame, ParseError error);
  Verdict carry_out(Packet& packet, const Decision& decision, TimePoint now, Outputs& outputs);
  Verdict handle_part(Packet& packet, TimePoint now, Outputs& outputs);
  Verdict first_part(Packet& packet, TimePoint now, Outputs& outputs);
  Verdict later_part(Packet& packet, TimePoint now, Outputs& outputs);
  Verdict go_after_first(Packet& packet, const Decision& decision, TimePoint now, Outputs& outputs);
  bool waits_for_length(const Packet& packet, const Decision& decision) const;
  void release(const HeldPart& held, const Decision& decision, TimePoint now, Outputs& outputs);
  Verdict not_ours();
  Verdict faulty(const Packet& packet, HeaderFault fault);
  IpAddress own_name_to(const tandem_recipe& recipe, const IpAddress& otherwise) const;
  const tandem_recipe& recipe_for(const Packet& packet, const Decision& decision, tandem_recipe& own) const;
  void break_off(Packet& packet, const Decision& decision, TimePoint now, Outputs& outputs);
  void dropped(uint16_t facet, Counter reason);
  void clamp(Packet& packet, uint16_t facet);
  // What nobody here knows: a reset, or SCTP's ABORT.
  bool refuse(const Packet& packet, TimePoint now, Outputs& outputs);
  void deliver(Packet& packet, const Decision& decision, Outputs& outputs);
  void forward(Packet& packet, const Decision& decision, TimePoint now, Outputs& outputs);
  void in_pieces(Packet& packet, uint16_t server, size_t limit, Outputs& outputs);
  void into_tunnel(Packet& packet, uint16_t server, size_t limit, size_t mtu, Outputs& outputs);
  size_t mtu_towards(const tandem_recipe& recipe, uint16_t server, TimePoint now) const;
  void learn_path_mtu(const Quoted& outer, uint16_t mtu, TimePoint now);
  void tunnel_error(const Packet& packet, TimePoint now, Outputs& outputs);
  void say(const Packet& packet, const IcmpError& error, const IpAddress& source, Counter made, TimePoint now,
           Outputs& outputs);
  void settle(Cut cut, Counter done);

  FlowTable& flows_;
  ServiceTable& services_;
  Counters counters_;
  ServiceDrops service_drops_;
  Traffic traffic_;
  Decider decider_;
  Sweeper sweeper_;
  Answers answers_;
  std::shared_ptr<Fragments> fragments_;
  TimePoint fragments_swept_{};
  uint16_t tunnel_id_ = 0;
};

}  // namespace tandem::forwarding
