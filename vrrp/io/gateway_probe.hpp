// Asks one address whether it is there: ICMP echo (RFC 792, RFC 4443), IPv4 and IPv6.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"
#include "daemon/loop/deadline_timer.hpp"

namespace tandem::vrrp {

class GatewayProbe {
 public:
  // Sends one echo request; `answered` is called once, on the loop, with an error in words or with nothing when the reply
  // came in time.
  GatewayProbe(boost::asio::io_context& io, const IpAddress& address, Duration timeout,
               std::function<void(std::string)> answered);
  ~GatewayProbe();
  GatewayProbe(const GatewayProbe&) = delete;
  GatewayProbe& operator=(const GatewayProbe&) = delete;

 private:
  void ask(Duration timeout);
  void wait();
  bool is_reply(const std::byte* packet, size_t length) const;
  void end(std::string why);

  IpAddress address_;
  std::function<void(std::string)> answered_;
  uint16_t id_ = 0;
  boost::asio::posix::stream_descriptor socket_;
  loop::DeadlineTimer limit_;
  std::shared_ptr<int> turn_ = std::make_shared<int>(0);
};

}  // namespace tandem::vrrp
