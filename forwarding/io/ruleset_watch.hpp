// Tells when somebody changed the kernel's nftables: a restart of nftables.service flushes everything, ours too, and a
// VIP whose filter is gone resets its clients.
#pragma once

#include <expected>

#include "daemon/loop/fd.hpp"

namespace tandem::forwarding {

class RulesetWatch {
 public:
  // Errors: errno.
  static std::expected<RulesetWatch, int> open();

  // Readable when there is something to drain().
  int fd() const { return socket_.get(); }

  // Takes all that is there, without waiting. True when a table, chain, rule or set of the table `netdev tandem` was removed,
  // or when notices were lost. Call it also right after own changes, and ignore what it says then.
  bool drain();

 private:
  explicit RulesetWatch(loop::UniqueFd socket) : socket_(std::move(socket)) {}
  loop::UniqueFd socket_;
};

}  // namespace tandem::forwarding
