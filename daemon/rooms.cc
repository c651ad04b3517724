#include "daemon/rooms.hpp"

#include "checkers/io/room.hpp"
#include "daemon/control/room.hpp"
#include "forwarding/io/room.hpp"
#include "vrrp/io/room.hpp"

namespace tandem {

std::vector<supervisor::RoomEntry> all_rooms() {
  std::vector<supervisor::RoomEntry> rooms;
  // Raw sockets and addresses; to be punctual, real-time scheduling and locked memory; to run the operator's track scripts
  // as another user and to end them, the change of user and the right to kill.
  rooms.push_back({.name = "vrrp",
                   .run = vrrp::run_room,
                   .privileges = {.capabilities = {CAP_NET_RAW, CAP_NET_ADMIN, CAP_SYS_NICE, CAP_IPC_LOCK, CAP_SETUID,
                                                   CAP_SETGID, CAP_KILL}}});
  // Packet sockets and filters, the fast path's eBPF (CAP_PERFMON until that is loaded), the flow table's memory. It stays user root, without root's power over
  // files, because the peer link's key is readable for its owner alone and is read again at a reload.
  rooms.push_back(
      {.name = "forwarding",
       .run = forwarding::run_room,
       .privileges = {.capabilities = {CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON, CAP_SYS_NICE, CAP_IPC_LOCK}}});
  // It reads what servers send: no power at all.
  // CAP_NET_RAW: ping where the kernel's echo sockets are forbidden, and a mark or an interface for a check's packets.
  rooms.push_back({.name = "checkers",
                   .run = checkers::run_room,
                   .privileges = {.capabilities = {CAP_NET_RAW}, .own_user = true, .filter_calls = true}});
  rooms.push_back(
      {.name = "control", .run = control::run_room, .privileges = {.own_user = true, .filter_calls = true}});
  return rooms;
}

}  // namespace tandem
