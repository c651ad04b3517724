#include "forwarding/engine.hpp"

#include "forwarding/apply.hpp"
#include "forwarding/mss.hpp"
#include "forwarding/segment.hpp"
#include "forwarding/tunnel.hpp"
#include "forwarding/wire.hpp"

namespace tandem::forwarding {
namespace {

// RFC 8200, 5: nobody sends less for a smaller MTU than this.
constexpr size_t kSmallestMtu6 = 1280;

// Bytes of IP that all the packets a (super-)packet becomes have together.
uint64_t wire_bytes(const Packet& packet) {
  return packet.bytes.size() + (packet.wire_packets() - 1) * packet.payload_offset;
}

// The largest packet that may go a way that takes `mtu` bytes, tunnel header not counted; 0: unknown.
size_t size_limit(const tandem_recipe& recipe, size_t mtu) {
  const size_t overhead = recipe.method == TANDEM_TUN ? tunnel_overhead(recipe) : size_t{0};
  return mtu > overhead ? mtu - overhead : 0;
}

// What no sender of IPv6 makes smaller goes through a narrower tunnel in parts: RFC 2473, 7.1 (b), and RFC 4213, 3.2.2.
bool may_be_cut_outside(const Packet& packet, const tandem_recipe& recipe) {
  return recipe.method == TANDEM_TUN && packet.is_ipv6() && packet.wire_size() <= kSmallestMtu6;
}

// Addresses and ports, where the server's method has others than the client's packet.
void translate(Packet& packet, const Decision& decision, const tandem_recipe& recipe) {
  const bool full = recipe.method == TANDEM_FULLNAT;
  if (recipe.method != TANDEM_NAT && !full) return;
  switch (decision.step) {
    case Step::kToServer:
      full ? full_nat_to_server(packet, recipe, decision.end) : nat_to_server(packet, recipe);
      break;
    case Step::kToClient:
      full ? full_nat_to_client(packet, recipe, decision.end) : nat_to_client(packet, recipe);
      break;
    case Step::kErrorToServer:
      full ? full_nat_error_to_server(packet, recipe, decision.end) : nat_error_to_server(packet, recipe);
      break;
    default:
      full ? full_nat_error_to_client(packet, recipe, decision.end) : nat_error_to_client(packet, recipe);
      break;
  }
}

}  // namespace

Engine::Engine(FlowTable& flows, ServiceTable& services, const EngineSettings& settings)
    : flows_(flows),
      services_(services),
      decider_(flows, services, counters_),
      sweeper_(flows, services, counters_),
      answers_(settings.answers),
      fragments_(settings.fragments ? settings.fragments
                                    : std::make_shared<Fragments>(flows.header().seed[0] ^ flows.header().seed[1])) {}

bool Engine::expire(TimePoint now, size_t slots, size_t most) {
  if (now - fragments_swept_ >= Duration(1s)) {
    fragments_swept_ = now;
    fragments_->expire(now);
    counters_.add(Counter::kFragmentsGivenUp, fragments_->take_given_up());
  }
  return sweeper_.step(now, slots, most);
}

void Engine::expect(const FrameIn& frame) const {
  const Bytes bytes = Bytes(frame.buffer).subspan(frame.ip_offset, frame.ip_length);
  const auto look = [&](uint8_t protocol, const IpAddress& source, const IpAddress& destination, size_t at) {
    const auto* ports = wire_at<PortsAndMore>(bytes, at);
    if (ports == nullptr) return;
    if (services_.find(protocol, destination, ports->destination_port) != nullptr)
      flows_.prefetch(protocol, source, ports->source_port);
    else
      flows_.prefetch(protocol, destination, ports->destination_port);
  };
  const auto* four = wire_at<Ipv4Header>(bytes);
  if (four != nullptr && four->version() == 4)
    return look(four->protocol, Ipv4Address{four->source}, Ipv4Address{four->destination}, four->header_length());
  // What has extension headers is rare enough to wait.
  const auto* six = wire_at<Ipv6Header>(bytes);
  if (six != nullptr && six->version() == 6)
    look(six->next_header, Ipv6Address{six->source}, Ipv6Address{six->destination}, sizeof(Ipv6Header));
}

Verdict Engine::handle(const FrameIn& frame, TimePoint now, Outputs& outputs) {
  counters_.add(Counter::kFrames);
  auto packet = parse(frame);
  if (!packet) return malformed(frame, packet.error());
  if (const auto fault = header_fault(*packet)) return faulty(*packet, *fault);
  // AH and ESP need no port to be found.
  const bool portless = packet->protocol == kEsp || packet->protocol == kAh;
  if (packet->fragment && !portless) return handle_part(*packet, now, outputs);
  return carry_out(*packet, decider_.decide(*packet, now), now, outputs);
}

Verdict Engine::not_ours() {
  counters_.add(Counter::kNotOurs);
  return Verdict::kNotOurs;
}

Verdict Engine::carry_out(Packet& packet, const Decision& decision, TimePoint now, Outputs& outputs) {
  switch (decision.step) {
    case Step::kNotOurs:
      return not_ours();
    case Step::kDrop:
      dropped(decision.facet, decision.reason);
      break;
    case Step::kToServer:
    case Step::kToClient:
    case Step::kErrorToServer:
    case Step::kErrorToClient:
      forward(packet, decision, now, outputs);
      break;
    case Step::kToLocal:
      deliver(packet, decision, outputs);
      break;
    case Step::kTunnelError:
      tunnel_error(packet, now, outputs);
      break;
    case Step::kReset:
      dropped(decision.facet, decision.reason);
      counters_.add(refuse(packet, now, outputs) ? Counter::kResets : Counter::kDropAnswerLimited);
      break;
    case Step::kBreak:
      break_off(packet, decision, now, outputs);
      break;
    case Step::kPortUnreachable:
      dropped(decision.facet, decision.reason);
      say(packet, kIcmpPortUnreachable, packet.destination, Counter::kUnreachables, now, outputs);
      break;
  }
  return Verdict::kTaken;
}

// A frame that does not hold what it says. Only what claims to be for a service is ours to count.
Verdict Engine::malformed(const FrameIn& frame, ParseError error) {
  const Bytes bytes = Bytes(frame.buffer).subspan(frame.ip_offset, frame.ip_length);
  const auto* four = wire_at<Ipv4Header>(bytes);
  const auto* six = wire_at<Ipv6Header>(bytes);
  // Behind extension headers either protocol may be meant.
  const auto is_vip6 = [&](uint8_t protocol) {
    return (six->next_header == protocol || !has_ports(six->next_header)) &&
           services_.is_vip(protocol, Ipv6Address{six->destination});
  };
  const bool claims_vip =
      (four != nullptr && four->version() == 4 && services_.is_vip(four->protocol, Ipv4Address{four->destination})) ||
      (six != nullptr && six->version() == 6 && (is_vip6(kTcp) || is_vip6(kUdp) || is_vip6(kSctp)));
  if (!claims_vip) return not_ours();
  counters_.add(error == ParseError::kTinyFragment    ? Counter::kDropFragment
                : error == ParseError::kBadExtensions ? Counter::kDropBadOptions
                : error == ParseError::kBadOffload    ? Counter::kDropBadOffload
                                                      : Counter::kDropBadLength);
  return Verdict::kTaken;
}

// As malformed(): what is not for a service the kernel drops itself.
Verdict Engine::faulty(const Packet& packet, HeaderFault fault) {
  const auto& quoted = packet.quoted;
  const bool ours = quoted ? services_.is_vip(quoted->protocol, quoted->source) ||
                                 services_.is_nat_server(quoted->protocol, quoted->destination)
                           : decider_.may_be_ours(packet);
  if (!ours) return not_ours();
  counters_.add(fault == HeaderFault::kChecksum ? Counter::kDropBadChecksum : Counter::kDropBadOptions);
  return Verdict::kTaken;
}

void Engine::say(const Packet& packet, const IcmpError& error, const IpAddress& source, Counter made, TimePoint now,
                 Outputs& outputs) {
  const bool said = answers_.icmp(packet, error, source, now, outputs);
  counters_.add(said ? made : Counter::kDropAnswerLimited);
}

// Whoever sent is reset. Who only receives would learn nothing: what a NAT server sends resets its client as well.
void Engine::break_off(Packet& packet, const Decision& decision, TimePoint now, Outputs& outputs) {
  dropped(decision.facet, decision.reason);
  if (answers_.reset(packet, now, outputs)) counters_.add(Counter::kResets);
  const Facet* facet = services_.facet(decision.facet);
  if (facet == nullptr || facet->front.address == packet.destination) return;
  tandem_recipe own;
  Decision onward = decision;
  onward.step = Step::kToClient;
  translate(packet, onward, recipe_for(packet, onward, own));
  if (answers_.reset_onward(packet, now, outputs)) counters_.add(Counter::kResets);
}

bool Engine::refuse(const Packet& packet, TimePoint now, Outputs& outputs) {
  return packet.protocol == kSctp ? answers_.abort(packet, now, outputs) : answers_.reset(packet, now, outputs);
}

void Engine::dropped(uint16_t facet, Counter reason) {
  counters_.add(reason);
  service_drops_.add(facet, reason);
}

// The recipe as it is for this very flow, when its service has several addresses or ports, or its server none of its own.
const tandem_recipe& Engine::recipe_for(const Packet& packet, const Decision& decision, tandem_recipe& own) const {
  const tandem_recipe& recipe = services_.recipe(decision.server);
  if ((recipe.flags & TANDEM_RECIPE_MANY_FRONTS) == 0) return recipe;
  own = recipe;
  if (const Facet* facet = services_.facet(decision.facet)) {
    put_address(facet->front.address, own.virtual_address, own.virtual_address6);
    own.virtual_port = facet->front.first_port;
  }
  if (recipe.server_port != 0 || packet.is_later_part()) return own;
  // Ports stay as they are.
  uint16_t& kept = own.server_port;
  if (decision.step == Step::kToServer) kept = packet.destination_port;
  if (decision.step == Step::kToClient) kept = packet.source_port;
  if (decision.step == Step::kErrorToServer) kept = packet.quoted->source_port;
  if (decision.step == Step::kErrorToClient) kept = packet.quoted->destination_port;
  own.virtual_port = kept;
  return own;
}

void Engine::clamp(Packet& packet, uint16_t facet) {
  const Facet* found = services_.facet(facet);
  const uint16_t most = found == nullptr ? uint16_t{0} : found->service->setting.clamp_mss;
  if (most != 0 && clamp_mss(packet, most)) counters_.add(Counter::kMssClamped);
}

void Engine::deliver(Packet& packet, const Decision& decision, Outputs& outputs) {
  traffic_.add_in(decision.server, packet.wire_packets(), wire_bytes(packet));
  counters_.add(decision.reason);
  outputs.add(packet.bytes, packet.offload, ToLocal{});
}

// Bytes of IP that the way to the server takes, as far as we know; 0: unknown.
size_t Engine::mtu_towards(const tandem_recipe& recipe, uint16_t server, TimePoint now) const {
  if ((recipe.flags & TANDEM_RECIPE_NEIGHBOUR_KNOWN) == 0) return 0;
  const Server* end = recipe.method == TANDEM_TUN ? services_.server(server) : nullptr;
  const uint16_t learnt = end == nullptr ? uint16_t{0} : end->path_mtu.at(now);
  return learnt != 0 && (recipe.mtu == 0 || learnt < recipe.mtu) ? learnt : recipe.mtu;
}

void Engine::forward(Packet& packet, const Decision& decision, TimePoint now, Outputs& outputs) {
  tandem_recipe own;
  const tandem_recipe& recipe = recipe_for(packet, decision, own);
  if (packet.ttl <= 1) {
    dropped(decision.facet, Counter::kDropTtl);
    const IpAddress vip = virtual_address(recipe);
    const bool to_client = decision.step == Step::kToClient || decision.step == Step::kErrorToClient;
    say(packet, kIcmpTimeExceeded, to_client ? own_name_to(recipe, vip) : vip, Counter::kTimeExceeded, now, outputs);
    return;
  }
  const bool to_server = decision.step == Step::kToServer || decision.step == Step::kErrorToServer;
  const size_t mtu = to_server ? mtu_towards(recipe, decision.server, now) : 0;
  const size_t limit = size_limit(recipe, mtu);
  const bool too_big = limit != 0 && packet.wire_size() > limit;
  const bool cut_outside = too_big && may_be_cut_outside(packet, recipe);
  if (too_big && packet.dont_fragment && !cut_outside) {
    dropped(decision.facet, Counter::kDropTooBig);
    const size_t fits = packet.is_ipv6() ? std::max(limit, kSmallestMtu6) : limit;
    say(packet, fragmentation_needed(static_cast<uint16_t>(fits)), virtual_address(recipe), Counter::kTooBigSaid, now,
        outputs);
    return;
  }

  if ((packet.tcp_flags & kSyn) != 0) clamp(packet, decision.facet);
  if (decision.step == Step::kToServer)
    traffic_.add_in(decision.server, packet.wire_packets(), wire_bytes(packet));
  else if (decision.step == Step::kToClient)
    traffic_.add_out(decision.server, packet.wire_packets(), wire_bytes(packet));
  decrement_ttl(packet);
  // What is to be filled in later is said in words that know no CRC.
  if (packet.protocol == kSctp && !packet.fragment) complete_checksum(packet);
  translate(packet, decision, recipe);
  counters_.add(decision.reason);

  if (!to_server) {
    outputs.add(packet.bytes, packet.offload, ToAddress{packet.destination}, decision.answered);
  } else if (recipe.method == TANDEM_TUN) {
    into_tunnel(packet, decision.server, too_big && !cut_outside ? limit : 0, cut_outside ? mtu : 0, outputs);
  } else if (too_big) {
    in_pieces(packet, decision.server, limit, outputs);
  } else {
    outputs.add(packet.bytes, packet.offload, ToServer{decision.server});
  }
}

// A packet without DF that is larger than the way to the server. Of a super-packet only the size of
// the segments is changed.
void Engine::in_pieces(Packet& packet, uint16_t server, size_t limit, Outputs& outputs) {
  if (packet.is_super_packet() && packet.protocol == kTcp && limit > packet.payload_offset) {
    packet.offload.gso_size = static_cast<uint16_t>(limit - packet.payload_offset);
    outputs.add(packet.bytes, packet.offload, ToServer{server});
    return;
  }
  complete_checksum(packet);
  settle(fragment(packet, limit, outputs, [&](MutableBytes piece) { outputs.add(piece, {}, ToServer{server}); }),
         Counter::kFragmented);
}

// What leaves in a tunnel leaves finished: checksums filled, one packet on the wire each. `limit`
// is 0 for a packet that fits, `mtu` unless the outer packet is to be cut.
void Engine::into_tunnel(Packet& packet, uint16_t server, size_t limit, size_t mtu, Outputs& outputs) {
  const tandem_recipe& recipe = services_.recipe(server);
  const auto add = [&](MutableBytes bytes) { outputs.add(bytes, {}, ToServer{server}); };
  const auto emit = [&](MutableBytes inner) {
    const MutableBytes outer = encapsulate(inner, recipe, ++tunnel_id_);
    if (mtu == 0 || outer.size() <= mtu) return add(outer);
    settle(fragment(to_be_cut(outer, fragments_->next_identification()), mtu, outputs, add), Counter::kFragmented);
  };
  if (packet.is_super_packet()) {
    size_t size = packet.offload.gso_size;
    if (limit != 0) size = limit > packet.payload_offset ? limit - packet.payload_offset : 0;
    settle(segment(packet, size, outputs, emit), Counter::kSegmented);
    return;
  }
  complete_checksum(packet);
  if (limit != 0) {
    settle(fragment(packet, limit, outputs, emit), Counter::kFragmented);
  } else if (packet.bytes.size() + tunnel_overhead(recipe) > 65535) {
    counters_.add(Counter::kDropTooBig);
  } else {
    emit(packet.bytes);
  }
}

void Engine::settle(Cut cut, Counter done) {
  switch (cut) {
    case Cut::kDone:
      counters_.add(done);
      break;
    case Cut::kNoRoom:
      counters_.add(Counter::kDropNoRoom);
      break;
    case Cut::kCannot:
      counters_.add(Counter::kDropCannotSegment);
      break;
  }
}

// As the kernel's route cache does for IPVS: the next packet that does not fit is answered here, whoever's it is.
void Engine::learn_path_mtu(const Quoted& outer, uint16_t mtu, TimePoint now) {
  counters_.add(Counter::kPathMtuLearnt);
  for (Server* end = services_.find_tunnel(outer.destination); end != nullptr; end = end->next_same_endpoint)
    if (is_of_tunnel(outer, services_.recipe(end->slot))) end->path_mtu.learn(mtu, now);
}

void Engine::tunnel_error(const Packet& packet, TimePoint now, Outputs& outputs) {
  const auto read = read_tunnel_error(packet);
  if (!read || !decider_.can_have_sent(read->client_packet, packet.quoted->destination)) {
    counters_.add(Counter::kDropErrorWithoutFlow);
    return;
  }
  if (read->path_mtu != 0) learn_path_mtu(*packet.quoted, read->path_mtu, now);
  say(read->client_packet, read->error, read->client_packet.destination, Counter::kErrorsRelayed, now, outputs);
}

}  // namespace tandem::forwarding
