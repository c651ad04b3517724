// Tells the room what happens to interfaces and addresses.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "vrrp/io/hands.hpp"
#include "vrrp/io/interface_table.hpp"

namespace tandem::vrrp {

class InterfaceWatch {
 public:
  struct Listener {
    // Something about these interfaces is not as it was: ask table().
    std::function<void(const std::set<std::string>&)> changed;
    // Addresses of ours were reported gone, or may be: ask the kernel which.
    std::function<void()> addresses_in_doubt;
    std::function<void(std::string)> failed;  // the watch cannot go on
  };

  InterfaceWatch(boost::asio::io_context& io, Hands& hands, Listener listener);

  // Begins to watch, and fills the table before it returns. Errors: a sentence.
  Result<void, std::string> start();
  void stop();

  const InterfaceTable& table() const { return table_; }

 private:
  void wait();
  void read();
  void resynchronise();

  Hands& hands_;
  Listener listener_;
  InterfaceTable table_;
  std::optional<netlink::Monitor> monitor_;
  boost::asio::posix::stream_descriptor readable_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tandem::vrrp
