// Who may say what. Each kind of message has one room that knows it; from any other it is a mistake or a lie.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "daemon/bus/messages.hpp"

namespace tandem::bus {

inline constexpr std::string_view kSupervisor = "supervisor";

enum class Refusal : uint8_t {
  kNotItsWord,     // this room never says this kind
  kInAnotherName,  // the room field names somebody else
};

std::string_view describe(Refusal refusal);

// Whether `room` may say `message`. A Forget is allowed to whoever may say what it forgets.
bool may_say(std::string_view room, const Message& message, Refusal* why = nullptr);

// Whether `room` may hear messages of `kind`. A ReloadRequest is for the supervisor alone.
bool may_hear(std::string_view room, std::string_view kind);

}  // namespace tandem::bus
