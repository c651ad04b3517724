// By which socket an interface sends finished frames, and why.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "forwarding/io/surroundings.hpp"
#include "forwarding/io/xdp_sender.hpp"

namespace tandem::forwarding {

enum class SendBy : uint8_t { kAuto, kAfXdp, kPacketSocket };

struct SenderChoice {
  // One for each queue of the interface that a worker may have for itself; workers beyond that share them, in turn. None: the
  // packet sockets send all.
  std::vector<std::shared_ptr<XdpSender>> senders;
  std::string reason;      // then
  bool try_again = false;  // what stands in the way may be gone in a second
};

// Whether packets of an interface with this queueing discipline may pass it by: those the kernel gives every interface by itself
// only keep packets in order; others (tbf, htb, cake) shape or count what an operator wants shaped or counted.
bool may_be_passed_by(const std::string& qdisc);

// Opens senders for so many workers if that is what `wish` and the interface's circumstances come to.
SenderChoice choose_sender(const PacketInterface& interface, SendBy wish, size_t workers);

}  // namespace tandem::forwarding
