// From the peer's numbers to ours.
//
// Each director numbers services and servers for itself. The peer's NAMES say what its numbers stand for; this box knows
// what its own stand for; what has the same name and the same addresses on both is the same thing. What the peer has and
// this box has not (a reload under way, two different files) maps to 0, and its flows are refused and counted: forwarding
// a client to whatever happens to bear that number here would be worse than to lose its connection.
#pragma once

#include <cstdint>
#include <vector>

#include "forwarding/sync/protocol.hpp"

namespace tandem::forwarding::sync {

class NumberMap {
 public:
  // What a flow of the peer is about, in this box's numbers.
  struct Target {
    uint16_t service = 0;
    uint16_t server = 0;
    uint8_t protocol = 0;
    IpAddress::Family family = IpAddress::Family::kIpv4;  // of the service, and so of its clients
    bool known() const { return server != 0; }
  };

  NumberMap();

  // This box's own names. Returns whether a thing the peer named can be placed now that could not be before.
  bool set_own(const Names& names);

  // The peer's names. They count once the last part is there: until then the former ones do. Returns false when there are
  // more than numbers exist for, which is no honest peer's doing.
  [[nodiscard]] bool take(NamesPart part);

  // A new connection: the peer has said nothing yet.
  void forget_peer();

  Target target(uint16_t peer_service, uint16_t peer_server) const {
    const uint16_t server = servers_[peer_server];
    const uint16_t service = services_[peer_service];
    // A pair that does not belong together is none.
    if (service == 0 || server == 0 || group_of_own_[service_of_own_[server]] != group_of_own_[service]) return {};
    return {
        .service = service, .server = server, .protocol = protocol_of_own_[service], .family = family_of_own_[service]};
  }

  bool peer_named() const { return peer_named_; }
  // How many of the peer's services and servers this box does not have.
  size_t unmatched() const { return unmatched_; }

 private:
  void match();

  Names own_;
  Names peer_;
  Names coming_;  // parts that have arrived of a list that is not complete
  bool peer_named_ = false;
  size_t unmatched_ = 0;
  // Indexed by the peer's number, giving ours; 0 for none. 65536 long, so that no number of a record is out of range.
  std::vector<uint16_t> services_;
  std::vector<uint16_t> servers_;
  // Indexed by our own number.
  std::vector<uint16_t> service_of_own_;
  // A service of several addresses or ports has several numbers under one name; this is the first of them.
  std::vector<uint16_t> group_of_own_;
  std::vector<uint8_t> protocol_of_own_;
  std::vector<IpAddress::Family> family_of_own_;
};

}  // namespace tandem::forwarding::sync
