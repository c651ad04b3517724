// Listens for others who say that they have our addresses: the sender of any ARP frame, the target of a neighbour
// advertisement.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "daemon/base/address.hpp"

namespace tandem::vrrp {

class ClaimEar {
 public:
  using OnClaim = std::function<void(const IpAddress& address, const MacAddress& by)>;

  ClaimEar(boost::asio::io_context& io, IpAddress::Family family, OnClaim on_claim)
      : io_(io), family_(family), on_claim_(std::move(on_claim)) {}
  ~ClaimEar();
  ClaimEar(const ClaimEar&) = delete;
  ClaimEar& operator=(const ClaimEar&) = delete;

  // The interface (0: none) and what is listened for there. A filter in the kernel keeps everything else away; a socket
  // that cannot be made hears nothing.
  void set(int interface_index, std::set<IpAddress> addresses);

 private:
  void open();
  void wait();
  void read();

  boost::asio::io_context& io_;
  IpAddress::Family family_;
  OnClaim on_claim_;
  int index_ = 0;
  std::set<IpAddress> addresses_;
  std::optional<boost::asio::posix::stream_descriptor> readable_;
  std::shared_ptr<int> turn_ = std::make_shared<int>(0);  // which socket a wait was for
};

}  // namespace tandem::vrrp
