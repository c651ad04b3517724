// What is to be taken away after processes were killed: quick, and harmless when there is nothing.
#pragma once

#include <filesystem>
#include <string>

namespace tandem {

// Says priority 0 for the routers that died active, so that the peer takes over after one skew time; then removes the
// addresses that carry our tag and the packet filter, in this network namespace. Returns whether all of it worked; stderr
// says what did not.
// REQUIRES: no tandemd runs in this network namespace.
bool clean_up_after_crash(const std::filesystem::path& run_directory);

// The same for one room that keeps dying while the others live: the vrrp room's addresses and its last word. Other rooms
// leave nothing that anybody could mistake for a working director.
void give_up_room(const std::string& room, const std::filesystem::path& run_directory);

}  // namespace tandem
