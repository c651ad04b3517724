// What is to be said for a room that dies: one advertisement with priority 0 for each router that is active.
//
// The room writes it down whenever it changes, ready to be sent; whoever cleans up after a crash (ExecStopPost, or the
// supervisor when the room cannot be started again) sends it. The peer then takes over after one skew time instead of
// three intervals (RFC 9568, 6.4.3: Shutdown). The file lies in the run directory, a tmpfs, and is replaced whole, so a
// reader never sees half of it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/result.hpp"

namespace tandem::vrrp {

inline constexpr std::string_view kLastWillFile = "vrrp.will";

struct Bequest {
  std::string interface;
  IpAddress source;
  IpAddress destination;
  std::vector<std::byte> message;  // the VRRP message without its IP header
  bool operator==(const Bequest&) const = default;
};

// One line each: "eth0 192.0.2.11 224.0.0.18 31330001...". Lines that are not of this shape are skipped when read.
std::string to_text(const std::vector<Bequest>& will);
std::vector<Bequest> read_will(std::string_view text);

// Replaces the file; with nothing to say there is none. Errors: a sentence.
Result<void, std::string> write_will(const std::filesystem::path& file, std::string_view text);

// Sends what the file says and removes it. Returns how many were sent; errors: the last thing that went wrong, when the
// rest was sent all the same. No file is no error.
Result<size_t, std::string> execute_will(const std::filesystem::path& file);

}  // namespace tandem::vrrp
