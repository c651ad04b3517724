// nftables through libnftables, in this process: its own commands, a transaction at a time.
#pragma once

#include <expected>
#include <memory>
#include <string>

namespace tandem::netlink {

class Nft {
 public:
  using Outcome = std::expected<void, std::string>;  // the first line of what nft said, for people

  Nft();
  ~Nft();
  Nft(const Nft&) = delete;
  Nft& operator=(const Nft&) = delete;

  // One transaction: all of the commands, or none.
  Outcome run(const std::string& commands);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace tandem::netlink
