// The way to this box's own programs, for services one of whose servers is the director itself (`forward: local`).
//
// The kernel has had its copy of the frame dropped by Silence, which knows no flows; so what is for a local program is given
// to the kernel once more, by a TUN device. It comes out of the stack's bottom like any other packet, to the VIP, which is an
// address of this box; the program's answers leave by the kernel's own routes, past the engine. Rejected: filters that let
// single flows through (the kernel decides about the first packet before the engine does, and a set of flows is a second flow
// table), and the loopback device (operators let everything pass that comes from it).
//
// The device has an address that is nobody's (RFC 7600), because reverse path filtering wants one, and goes with the process.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "daemon/base/bytes.hpp"
#include "daemon/loop/fd.hpp"
#include "forwarding/io/frames.hpp"

namespace tandem::forwarding {

class LocalStack {
 public:
  static constexpr const char* kDevice = "tandem-local";

  // Makes the device and puts it up. Errors: words.
  static std::expected<std::unique_ptr<LocalStack>, std::string> open();

  // False when the kernel did not take it. Offsets of `offload` count from the IP header.
  bool deliver(Bytes packet, const VnetHeader& offload);

 private:
  explicit LocalStack(loop::UniqueFd tun) : tun_(std::move(tun)) {}
  loop::UniqueFd tun_;
};

}  // namespace tandem::forwarding
