// Messages as JSON text, and back.
//
// A message is one object with one member, named by the kind: {"InstanceState":{"router":"web","state":"active",...}}
// with every field of its description and no other. Three frames are no messages but belong to the line between a room and the supervisor:
// Subscribe (what a room wants to hear), CaughtUp (the retained ones have been said) and Stop.
//
// The supervisor hears rooms that read hostile bytes, so decode() takes nothing on trust: a frame is either exactly
// what is described or an error. encode() repairs the one thing a room may pass on unseen: text that is not UTF-8.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/bus/messages.hpp"

namespace tandem::bus {

// A room's first frame.
struct Subscribe {
  static constexpr std::string_view kKind = "Subscribe";
  std::vector<std::string> kinds;
  static auto fields(auto& m, auto&& f) { f("kinds", m.kinds); }
};

// Said to a room after the last retained message of its subscriptions.
struct CaughtUp {
  static constexpr std::string_view kKind = "CaughtUp";
  static auto fields(auto&, auto&&) {}
};

// Asks a room to put its things in order and end.
struct Stop {
  static constexpr std::string_view kKind = "Stop";
  static auto fields(auto&, auto&&) {}
};

using Frame = std::variant<Message, Subscribe, CaughtUp, Stop>;

enum class CodecError : uint8_t {
  kTooLarge,
  kNotJson,  // also: two values, not UTF-8, nested too deeply
  kNotAnObject,
  kUnknownKind,
  kMissingField,
  kUnknownField,
  kWrongType,
  kOutOfRange,   // a number that the field cannot hold
  kUnknownWord,  // of an enum
};

std::string_view describe(CodecError error);

// The most bytes of one frame, by who said it: a room that went wild cannot fill the supervisor's memory, and a site
// file of 65,535 servers fits.
inline constexpr size_t kMostBytesFromRoom = 1u << 20;
inline constexpr size_t kMostBytesFromSupervisor = 64u << 20;

std::string encode(const Message& message);
// The fields alone, without the kind around them: what the API lists under each kind.
std::string encode_body(const Message& message);
std::string encode(const Subscribe& subscribe);
std::string encode(const CaughtUp& caught_up);
std::string encode(const Stop& stop);

Result<Frame, CodecError> decode_frame(std::string_view text, size_t most_bytes);
// As decode_frame, but only a message will do (else kUnknownKind).
Result<Message, CodecError> decode(std::string_view text, size_t most_bytes);

}  // namespace tandem::bus
