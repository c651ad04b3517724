#include "daemon/rooms.hpp"

#ifdef TANDEM_HAS_checkers_io
#include "checkers/io/room.hpp"
#endif
#ifdef TANDEM_HAS_control
#include "daemon/control/room.hpp"
#endif
#ifdef TANDEM_HAS_forwarding_io
#include "forwarding/io/room.hpp"
#endif
#ifdef TANDEM_HAS_vrrp_io
#include "vrrp/io/room.hpp"
#endif

namespace tandem {

std::vector<supervisor::RoomEntry> all_rooms() {
  std::vector<supervisor::RoomEntry> rooms;
#ifdef TANDEM_HAS_vrrp_io
  // Raw sockets and addresses; to be punctual, real-time scheduling and locked memory.
  rooms.push_back({.name = "vrrp",
                   .run = vrrp::run_room,
                   .privileges = {.capabilities = {CAP_NET_RAW, CAP_NET_ADMIN, CAP_SYS_NICE, CAP_IPC_LOCK}}});
#endif
#ifdef TANDEM_HAS_forwarding_io
  // Packet sockets and filters, the fanout's eBPF, the flow table's memory. It stays user root, without root's power over
  // files, because the peer link's key is readable for its owner alone and is read again at a reload.
  rooms.push_back({.name = "forwarding",
                   .run = forwarding::run_room,
                   .privileges = {.capabilities = {CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF, CAP_SYS_NICE, CAP_IPC_LOCK}}});
#endif
#ifdef TANDEM_HAS_checkers_io
  // It reads what servers send: no power at all.
  rooms.push_back({.name = "checkers", .run = checkers::run_room, .privileges = {.own_user = true}});
#endif
#ifdef TANDEM_HAS_control
  rooms.push_back({.name = "control", .run = control::run_room, .privileges = {.own_user = true}});
#endif
  return rooms;
}

}  // namespace tandem
