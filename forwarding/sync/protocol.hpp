// The peer link's protocol: what two directors of a site say to each other inside their TLS connection.
//
// A frame is a length, a type and a body; the length counts the type and the body. Numbers are big-endian. Every length is
// checked and bounded before anything is read, and nothing here allocates more than one frame's worth.
//
//   HELLO          first on every connection: who I am, which start of me this is, which configuration I run
//   NAMES          which service and server each of my slot numbers stands for; in parts, again whenever it changes
//   FLOWS          records of 16 bytes: the current state of flows, never their history
//   FLOWS6         the same of IPv6 clients: records of 28 bytes
//   FLOWS_SOURCED  the same of flows by fullnat, IPv4 and IPv6: records of 48 bytes, which have the source as well
//   NAMES6         a part of NAMES whose services or servers have IPv6 addresses; stands between its first and its last part
//   TABLE_END      every flow I had when we connected has now been said
//   TABLE_REQUEST  say your whole table again (I can place flows now that I had to refuse)
//   ALIVE          I live, and my virtual routers stand like this
//   HANDOVER       take this virtual router over from me, now: I wait for your first advertisement
//   INQUIRE        are you active for this virtual router? I hear nobody on its link
//   AFFIRM         I am active for this virtual router, in answer to INQUIRE; who is not says nothing
//
// To grow: a reader skips types it does not know, and ignores what follows the fields it knows in HELLO, TABLE_END,
// TABLE_REQUEST, ALIVE, HANDOVER, INQUIRE and AFFIRM. An older peer therefore skips FLOWS6, NAMES6 and
// FLOWS_SOURCED, and learns the other flows as before. kVersion changes only when that does not suffice.
//
// Numbers of services and servers are each sender's own. They stay small on the wire, and because NAMES tells what they
// mean, two directors never need to agree on them; during a reload the two sites differ for a while, and only the flows of
// what one of them does not have are refused.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/base/result.hpp"

namespace tandem::forwarding::sync {

constexpr uint16_t kVersion = 1;
// What we send: with its header a frame fills one TLS record (RFC 8446, 5.1: 2^14 bytes) and no second one.
constexpr size_t kMaxFrameSent = 16384;
// What we accept: room for a newer peer, still bounded.
constexpr size_t kMaxFrameLength = 65536;
constexpr size_t kMaxName = 255;

enum class FrameType : uint8_t {
  kHello = 1,
  kNames = 2,
  kFlows = 3,
  kTableEnd = 4,
  kAlive = 5,
  kTableRequest = 6,
  kHandover = 7,
  kInquire = 8,
  kAffirm = 9,
  kFlows6 = 10,
  kNames6 = 11,
  kFlowsSourced = 12,
};

struct FrameHeader {
  be32 length;  // of type and body: 1 - kMaxFrameLength
  uint8_t type;
};
static_assert(sizeof(FrameHeader) == 5 && alignof(FrameHeader) == 1);

// One flow. What the receiver needs to go on forwarding it, and nothing it can find out itself.
struct FlowRecord {
  be32 client_address;
  be16 client_port;
  be16 service;  // the sender's numbers
  be16 server;
  uint8_t state;      // tandem_value_state()
  uint8_t flags;      // tandem_value_flags()
  be32 remaining_ms;  // of its lifetime, if no packet comes: clocks need not agree
};
static_assert(sizeof(FlowRecord) == 16 && alignof(FlowRecord) == 1);

struct FlowRecord6 {
  std::array<uint8_t, 16> client_address;
  be16 client_port;
  be16 service;
  be16 server;
  uint8_t state;
  uint8_t flags;
  be32 remaining_ms;
};
static_assert(sizeof(FlowRecord6) == 28 && alignof(FlowRecord6) == 1);

// A flow by fullnat. IPv4 addresses as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
struct FlowRecordSourced {
  std::array<uint8_t, 16> client_address;
  std::array<uint8_t, 16> source_address;
  be16 client_port;
  be16 source_port;
  be16 service;
  be16 server;
  uint8_t state;
  uint8_t flags;
  be16 reserved;
  be32 remaining_ms;
};
static_assert(sizeof(FlowRecordSourced) == 48 && alignof(FlowRecordSourced) == 1);

constexpr size_t kMaxFlowsPerFrame = (kMaxFrameSent - sizeof(FrameHeader)) / sizeof(FlowRecord);
constexpr size_t kMaxFlows6PerFrame = (kMaxFrameSent - sizeof(FrameHeader)) / sizeof(FlowRecord6);
constexpr size_t kMaxFlowsSourcedPerFrame = (kMaxFrameSent - sizeof(FrameHeader)) / sizeof(FlowRecordSourced);

struct Hello {
  uint16_t version = kVersion;
  uint64_t boot_id = 0;  // random for each start of the room
  std::string site;
  std::string director;
  std::string digest;  // of the configuration in force
  bool operator==(const Hello&) const = default;
};

struct ServiceName {
  uint16_t number = 0;
  uint8_t protocol = 0;  // IPPROTO_*
  uint16_t port = 0;
  IpAddress address;  // VIP
  std::string name;
  bool operator==(const ServiceName&) const = default;
};

struct ServerName {
  uint16_t number = 0;
  uint16_t service = 0;
  uint16_t port = 0;
  IpAddress address;  // RIP
  std::string name;
  bool operator==(const ServerName&) const = default;
};

// All names of one side, or one part of them on the wire. The addresses of one part are all of one family.
struct Names {
  std::vector<ServiceName> services;
  std::vector<ServerName> servers;
  bool operator==(const Names&) const = default;
};

struct NamesPart {
  bool first = false;  // what was said before is void
  bool last = false;   // from here on the numbers may be used
  Names names;
  bool operator==(const NamesPart&) const = default;
};

struct TableEnd {
  bool operator==(const TableEnd&) const = default;
};

struct TableRequest {
  bool operator==(const TableRequest&) const = default;
};

// How a virtual router stands; the state is bus::RouterState's number.
struct RouterReport {
  std::string name;
  uint8_t state = 0;
  uint8_t priority = 0;
  bool operator==(const RouterReport&) const = default;
};

struct Alive {
  std::vector<RouterReport> routers;
  bool operator==(const Alive&) const = default;
};

// What one director tells the other about one virtual router: the frames that are no more than its name.
struct RouterWord {
  FrameType type = FrameType::kHandover;  // kHandover, kInquire or kAffirm
  std::string router;
  bool operator==(const RouterWord&) const = default;
};

// Records as they lie in the received bytes: valid as long as those are.
struct Flows {
  std::span<const FlowRecord> records;
};

struct Flows6 {
  std::span<const FlowRecord6> records;
};

struct FlowsSourced {
  std::span<const FlowRecordSourced> records;
};

struct UnknownFrame {
  uint8_t type = 0;
  bool operator==(const UnknownFrame&) const = default;
};

using Frame = std::variant<Hello, NamesPart, Flows, Flows6, FlowsSourced, TableEnd, TableRequest, Alive, RouterWord,
                           UnknownFrame>;

enum class FrameError : uint8_t {
  kEmpty,      // length 0: not even a type
  kTooLong,    // beyond kMaxFrameLength
  kTruncated,  // the body ends inside a field
  kMisshapen,  // the body's length does not fit its content (FLOWS..., NAMES, NAMES6), or a name is empty
};

Result<Frame, FrameError> decode(uint8_t type, Bytes body);

// Each appends one whole frame, header included. REQUIRES: names of at most kMaxName bytes, not empty.
using Buffer = std::vector<std::byte>;
void encode(Buffer& out, const Hello& hello);
void encode(Buffer& out, const NamesPart& part);
void encode(Buffer& out, const TableEnd& end);
void encode(Buffer& out, const TableRequest& request);
void encode(Buffer& out, const Alive& alive);
void encode(Buffer& out, const RouterWord& word);
void encode(Buffer& out, std::span<const FlowRecord> records);
void encode(Buffer& out, std::span<const FlowRecord6> records);
void encode(Buffer& out, std::span<const FlowRecordSourced> records);

// The address in 16 bytes, and back: IPv4's as ::ffff:a.b.c.d.
std::array<uint8_t, 16> mapped(const IpAddress& address);
IpAddress unmapped(const std::array<uint8_t, 16>& bytes);

// The names cut into parts of which each fits kMaxFrameSent. At least one part; the first and the last have no IPv6 addresses.
std::vector<NamesPart> parts_of(const Names& names);

// Cuts the received byte stream into frames. Holds at most one frame and one read.
class FrameSplitter {
 public:
  struct Raw {
    uint8_t type = 0;
    Bytes body;  // valid until the next call
  };

  // Where the next bytes are to be read to; at least 16 KB. Then received(n) of them were.
  MutableBytes space();
  void received(size_t bytes);

  // The next whole frame; none when more bytes are needed. After an error the stream is of no more use.
  Result<std::optional<Raw>, FrameError> next();

 private:
  Buffer buffer_;
  size_t begin_ = 0;  // of what has not been handed out
  size_t end_ = 0;    // of what was received
};

const char* text(FrameError error);

}  // namespace tandem::forwarding::sync
