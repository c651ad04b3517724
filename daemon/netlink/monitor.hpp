// What changes in the kernel's network tables, as it happens.
//
// The kernel drops changes when we read too slowly, and says so: read() then hands over
// Resynchronise, and the reader must list again what it keeps a copy of.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/netlink/address_book.hpp"
#include "daemon/netlink/link.hpp"
#include "daemon/netlink/route.hpp"

namespace tandem::netlink {

struct LinkChange {
  bool removed = false;
  Link link;
};

struct AddressChange {
  bool removed = false;
  InterfaceAddress address;
};

// A route came or went. Whoever keeps answers of route_to() asks again.
struct RouteChange {
  bool removed = false;
  Prefix destination;
  uint32_t table = 0;
};

struct NeighbourChange {
  bool removed = false;
  Neighbour neighbour;
};

// Changes were lost: everything known may be out of date.
struct Resynchronise {};

using Change = std::variant<LinkChange, AddressChange, RouteChange, NeighbourChange, Resynchronise>;

class Monitor {
 public:
  struct Topics {
    bool links = false;
    bool addresses = false;
    bool routes = false;
    bool neighbours = false;
  };

  // Room for about 2,000 changes, more than a restart of a box with hundreds of interfaces makes at once.
  static constexpr int kReceiveBufferBytes = 2 * 1024 * 1024;
  static Outcome<Monitor> open(Topics topics, int receive_buffer_bytes = kReceiveBufferBytes);
  ~Monitor();
  Monitor(Monitor&& other) noexcept;
  Monitor& operator=(Monitor&& other) noexcept;
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // Readable when there is something to read(). Non-blocking; stays the Monitor's.
  int fd() const { return fd_; }

  // What is there now, without waiting; empty when there is nothing. Bounded: after a long list
  // the fd may still be readable.
  Outcome<std::vector<Change>> read();

 private:
  explicit Monitor(int fd);
  int fd_ = -1;
  std::vector<std::byte> buffer_;
};

}  // namespace tandem::netlink
