#include "vrrp/io/gateway_probe.hpp"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <boost/asio/post.hpp>

#include "daemon/base/bytes.hpp"
#include "daemon/base/checksum.hpp"
#include "daemon/loop/clock.hpp"
#include "daemon/loop/fd.hpp"

namespace tandem::vrrp {
namespace {

struct Echo {
  uint8_t type = 0;
  uint8_t code = 0;
  be16 checksum = 0;
  be16 id = 0;
  be16 sequence = 1;
};
static_assert(sizeof(Echo) == 8);

constexpr int kPacketsPerTurn = 64;

uint16_t next_id() {
  static uint16_t id = 0;
  return ++id;
}

}  // namespace

GatewayProbe::GatewayProbe(boost::asio::io_context& io, const IpAddress& address, Duration timeout,
                           std::function<void(std::string)> answered)
    : address_(address), answered_(std::move(answered)), id_(next_id()), socket_(io), limit_(io.get_executor(), [this] {
        end("no answer");
      }) {
  ask(timeout);
}

GatewayProbe::~GatewayProbe() {
  ++*turn_;
}

void GatewayProbe::ask(Duration timeout) {
  const bool v4 = address_.is_v4();
  const auto failed = [this] {
    boost::asio::post(socket_.get_executor(),
                      [this, why = std::generic_category().message(errno), turn = turn_, mine = *turn_] {
                        if (*turn == mine) end(why);
                      });
  };
  loop::UniqueFd fd(socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
                           v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6}));
  if (!fd) return failed();
  sockaddr_storage to{};
  socklen_t size = sizeof(sockaddr_in);
  if (v4) {
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_addr.s_addr = htonl(address_.v4.value);
    std::memcpy(&to, &peer, sizeof peer);
  } else {
    sockaddr_in6 peer{};
    peer.sin6_family = AF_INET6;
    std::memcpy(&peer.sin6_addr, address_.v6.bytes.data(), address_.v6.bytes.size());
    std::memcpy(&to, &peer, sizeof peer);
    size = sizeof peer;
  }
  // Connected: what others send does not reach it.
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), size) != 0) return failed();
  Echo echo{.type = static_cast<uint8_t>(v4 ? int{ICMP_ECHO} : int{ICMP6_ECHO_REQUEST}), .id = id_};
  if (v4) echo.checksum = internet_checksum(bytes_of(echo));  // for IPv6 the kernel does it
  if (::send(fd.get(), &echo, sizeof echo, MSG_NOSIGNAL) < 0) return failed();
  socket_.assign(fd.release());
  limit_.set(loop::monotonic_now() + timeout);
  wait();
}

void GatewayProbe::wait() {
  socket_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                     [this, turn = turn_, mine = *turn_](const boost::system::error_code& error) {
                       if (error || *turn != mine) return;
                       std::array<std::byte, 512> packet{};
                       for (int i = 0; i < kPacketsPerTurn; ++i) {
                         const ssize_t length = recv(socket_.native_handle(), packet.data(), packet.size(), 0);
                         if (length < 0 && errno == EAGAIN) break;
                         if (length < 0 && errno == EINTR) continue;
                         if (length < 0) return end(std::generic_category().message(errno));
                         if (is_reply(packet.data(), static_cast<size_t>(length))) return end("");
                       }
                       wait();
                     });
}

bool GatewayProbe::is_reply(const std::byte* packet, size_t length) const {
  Bytes bytes(packet, length);
  if (address_.is_v4()) {
    if (bytes.empty()) return false;
    const size_t header = size_t{4} * (std::to_integer<uint8_t>(bytes[0]) & 0xf);
    if (header > bytes.size()) return false;
    bytes = bytes.subspan(header);
  }
  const Echo* const echo = wire_at<Echo>(bytes);
  const int reply = address_.is_v4() ? int{ICMP_ECHOREPLY} : int{ICMP6_ECHO_REPLY};
  return echo != nullptr && echo->type == reply && echo->id == id_;
}

void GatewayProbe::end(std::string why) {
  ++*turn_;
  limit_.set(std::nullopt);
  const auto answered = std::move(answered_);  // it may destroy us
  answered(std::move(why));
}

}  // namespace tandem::vrrp
