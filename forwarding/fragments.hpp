// The parts of datagrams that came in pieces (RFC 791, 3.2; RFC 8200, 4.5): they follow their flow without being put together.
//
// Only the first part carries the ports. What was decided for it is kept under the datagram's name (source, destination,
// protocol, identification), and every other part goes the same way, whatever the order they come in: a part that comes
// before the first is kept for it. The first itself waits for the last where its checksum changes with the datagram's length (SCTP). IPVS puts datagrams together and takes them apart again; the servers of Katran and DPVS never
// see a fragment. Here a part costs a lookup, and arrives as it was sent.
//
// What is refused, and counted, as Linux's own reassembly refuses it (net/ipv4/inet_fragment.c): a part that overlaps another in
// part takes the whole datagram with it (RFC 5722; the receiver would put together what no filter has seen); one that lies
// wholly within what was there is a duplicate and goes alone; so does one that ends beyond 65,535 bytes, one that is no
// multiple of eight bytes and not the last, and one that would write over a TCP header (RFC 3128).
//
// Bounded: kMostDatagrams at a time, the oldest goes first; kMostHeldBytes of waiting parts in all; kLifetime for each (Linux's
// ipfrag_time), and kHoldTime for one of which something waits. One object serves all workers, under its own lock: the parts of a datagram may come to different ones.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/base/time.hpp"
#include "forwarding/decide.hpp"
#include "forwarding/server.hpp"

namespace tandem::forwarding {

struct DatagramName {
  IpAddress source;
  IpAddress destination;
  uint32_t identification = 0;
  uint8_t protocol = 0;
  bool operator==(const DatagramName&) const = default;
};

// Where a part stands in its datagram, in bytes of what follows the IP header.
struct Part {
  uint32_t offset = 0;
  uint32_t length = 0;
  bool last = false;
  uint32_t end() const { return offset + length; }
};

// A part that waited, as it was captured.
struct HeldPart {
  std::vector<std::byte> packet;  // from the IP header on
  uint32_t ifindex = 0;
  uint32_t datagram_length = 0;  // of a first part: what it waited for
};

class Fragments {
 public:
  static constexpr size_t kMostDatagrams = 8192;
  static constexpr size_t kMostHeldBytes = 4 << 20;
  static constexpr size_t kMostRanges = 64;  // gaps in what has come of one datagram
  static constexpr Duration kLifetime = 30s;
  static constexpr Duration kHoldTime = 1s;

  // `seed`: of the flow table, so that nobody can choose names that all fall into one bucket.
  explicit Fragments(uint64_t seed) : parts_(16, Hash{seed}), identification_(static_cast<uint32_t>(seed)) {}

  enum class Verdict : uint8_t {
    kFollow,     // go by `decision`
    kHeld,       // kept until the first part comes
    kDuplicate,  // there already: drop
    kRefused,    // overlaps, or stands where no part can: drop, and what else comes of this datagram
    kNoRoom,     // too much is being kept: drop
    kUnknown,    // of a datagram nothing is known of, and it was not to be kept
  };
  struct Later {
    Verdict verdict = Verdict::kRefused;
    Decision decision;
    std::optional<HeldPart> first;  // which waited for this part; it goes the same way
  };
  struct Decided {
    std::vector<HeldPart> waited;  // they go the way of the first part, which may be one of them
    bool kept = false;             // the first part waits
    bool no_room = false;          // for it to wait
  };

  // A part that is not the first. When nothing is known of its datagram yet, its bytes are copied and kept, if `may_keep`.
  Later later(const DatagramName& name, const Part& part, Bytes packet, uint32_t ifindex, TimePoint now,
              bool may_keep = true);

  // The first part, before anything is decided about it: kFollow lets it be decided (`decision` means nothing then).
  Verdict first(const DatagramName& name, const Part& part, TimePoint now);
  // What was decided about the first part. Returns the early ones, in the order they came; they go the same way.
  // Parts that a datagram needs no more are forgotten with its last one.
  // `to_keep`: the first part itself, where it cannot go before the datagram's length is known, which its last part tells.
  Decided decided(const DatagramName& name, const Decision& decision, TimePoint now,
                  std::optional<HeldPart> to_keep = std::nullopt);

  // For datagrams that this box itself sends in parts: another one each time, whatever the worker.
  uint32_t next_identification() { return identification_.fetch_add(1, std::memory_order_relaxed); }

  // Forgets what is too old. To be called every second or so.
  void expire(TimePoint now);

  size_t datagrams() const;
  size_t held_bytes() const;
  // Datagrams forgotten before they were whole, timed out or pushed out, since it was asked before.
  uint64_t take_given_up();

 private:
  struct Datagram {
    TimePoint since;
    uint64_t birth = 0;                                 // tells a later datagram of the same name
    std::vector<std::pair<uint32_t, uint32_t>> ranges;  // [from, to), sorted, not touching
    std::optional<uint32_t> whole;                      // bytes, once the last part was seen
    std::optional<Decision> decision;
    bool refused = false;
    std::vector<HeldPart> held;
    std::optional<HeldPart> first;  // it waits for the last one
  };
  struct Hash {
    uint64_t seed;
    size_t operator()(const DatagramName& name) const;
  };

  Datagram& of(const DatagramName& name, TimePoint now);
  Verdict place(Datagram& datagram, const DatagramName& name, const Part& part) const;
  void forget(const DatagramName& name);
  void forget_if_whole(const DatagramName& name, const Datagram& datagram);
  void make_way(TimePoint now);
  void release(Datagram& datagram);
  std::optional<HeldPart> take_first(Datagram& datagram);

  mutable SpinLock lock_;
  std::unordered_map<DatagramName, Datagram, Hash> parts_;
  std::deque<std::pair<DatagramName, uint64_t>> by_age_;
  uint64_t births_ = 0;
  size_t held_bytes_ = 0;
  uint64_t given_up_ = 0;
  std::atomic<uint32_t> identification_;
};

}  // namespace tandem::forwarding
