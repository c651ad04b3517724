// What one or more frames led to: packets to send, each with where it goes. Rewritten frames stay
// in their own buffers; packets that were made (answers, segments) lie in a small arena that
// clear() takes back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/bytes.hpp"
#include "forwarding/flow_table.hpp"
#include "forwarding/packet.hpp"

namespace tandem::forwarding {

// By the server's recipe (interface and MACs).
struct ToServer {
  uint16_t slot = 0;
  bool operator==(const ToServer&) const = default;
};
// The shell asks the kernel's routes and neighbours.
struct ToAddress {
  IpAddress address;
  bool operator==(const ToAddress&) const = default;
};
// This box's own programs, by its own stack.
struct ToLocal {
  bool operator==(const ToLocal&) const = default;
};
using Destination = std::variant<ToServer, ToAddress, ToLocal>;

struct OutPacket {
  MutableBytes packet;  // from the IP header on; at least 18 writable bytes stand before it
  Offload offload;
  Destination destination;
  FlowName answered;  // the flow whose answer it is, as its server sent it
};

class Outputs {
 public:
  std::span<const OutPacket> packets() const { return packets_; }
  void add(MutableBytes packet, const Offload& offload, Destination destination, FlowName answered = {}) {
    packets_.push_back({packet, offload, destination, answered});
  }

  // Takes back the last packet if it goes there. Its bytes stay until clear().
  std::optional<OutPacket> take_last_if(const Destination& destination) {
    if (packets_.empty() || packets_.back().destination != destination) return std::nullopt;
    const OutPacket last = packets_.back();
    packets_.pop_back();
    return last;
  }

  // `size` bytes with kHeadroom before them, valid until clear(). Nothing when the arena is full.
  std::optional<MutableBytes> make_room(size_t size);

  // Forgets the packets and takes the arena back.
  void clear();

 private:
  static constexpr size_t kChunkBytes = size_t{128} * 1024;
  static constexpr size_t kMaxChunks = 64;  // 8 MB: a full batch of super-packets in segments

  std::vector<OutPacket> packets_;
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  size_t chunk_ = 0;
  size_t used_ = 0;
};

}  // namespace tandem::forwarding
