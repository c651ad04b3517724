// A BPF program at an interface's ingress hook: a tc filter, direct action, with a priority and a handle that are ours, below a
// qdisc "clsact". The qdisc belongs to whoever made it; filters of others may stand beside ours and behind.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

namespace tandem::forwarding {

inline constexpr uint32_t kFastPriority = 1;     // before others
inline constexpr uint32_t kFastHandle = 0x7464;  // "td"
inline constexpr const char* kFastProgram = "fast_forward";

// The number of the program that stands at our place of the interface; nothing: none does.
std::optional<uint32_t> program_at_ingress(uint32_t ifindex);

enum class Qdisc : uint8_t { kMade, kFound };
// Puts the program there, in place of a former one of the same handle. Says whether there was a qdisc.
std::expected<Qdisc, std::string> put_at_ingress(uint32_t ifindex, int program);

// Takes away what stands at our place, and with `qdisc` also the clsact, if nothing else hangs on it. No error if the interface
// is gone, or the filter.
std::expected<void, std::string> take_from_ingress(uint32_t ifindex, bool qdisc);

// Of every interface of this network namespace: what stands at our place and has our program's name, and its clsact when that is
// empty then. Whose the clsact was, nobody knows any more.
std::expected<void, std::string> clear_ingress();

}  // namespace tandem::forwarding
