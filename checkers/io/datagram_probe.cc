// The attempts without a connection: DNS and other questions by UDP, and ICMP echo.
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>

#include <array>
#include <cstring>
#include <random>
#include <span>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/generic/datagram_protocol.hpp>
#include <boost/asio/generic/raw_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "checkers/datagram.hpp"
#include "checkers/io/dns_answer.hpp"
#include "checkers/io/probe.hpp"
#include "checkers/io/socket_way.hpp"

namespace tandem::checkers {
namespace {

namespace asio = boost::asio;
using Reason = Outcome::Reason;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr size_t kMostDatagram = 65535;

sockaddr_storage name_of(const IpAddress& address, uint16_t port, socklen_t& size) {
  sockaddr_storage storage{};
  if (address.is_v4()) {
    const sockaddr_in name{
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(address.v4.value)}, .sin_zero = {}};
    std::memcpy(&storage, &name, size = sizeof name);
  } else {
    sockaddr_in6 name{};
    name.sin6_family = AF_INET6;
    name.sin6_port = htons(port);
    std::ranges::copy(address.v6.bytes, name.sin6_addr.s6_addr);
    std::memcpy(&storage, &name, size = sizeof name);
  }
  return storage;
}

// A socket that is connected to the target, so that errors of the way (port unreachable) come back to it and nobody else's
// answers do; and the deadline over everything.
class Datagram {
 public:
  Datagram(const asio::any_io_executor& executor, TimePoint deadline)
      : socket_(executor), timer_(executor, [this] {
          timed_out_ = true;
          boost::system::error_code ignored;
          static_cast<void>(socket_.cancel(ignored));
        }) {
    timer_.set(deadline);
  }

  // Type 0 of a protocol of 0: UDP. False with errno's error in `error`.
  boost::system::error_code open(const Target& target, int type, int protocol) {
    const int family = target.address.is_v4() ? AF_INET : AF_INET6;
    const int fd = ::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (fd < 0) return last_error();
    boost::system::error_code error;
    static_cast<void>(socket_.assign(asio::generic::datagram_protocol(family, protocol), fd, error));
    if (!error) error = choose_way(fd, *target.check);
    socklen_t size = 0;
    const sockaddr_storage name = name_of(target.address, target.port, size);
    if (!error && ::connect(fd, reinterpret_cast<const sockaddr*>(&name), size) != 0) error = last_error();
    return error;
  }

  Awaitable<Result<void, Outcome>> send(std::span<const char> bytes) {
    const auto [error, size] = co_await socket_.async_send(asio::buffer(bytes.data(), bytes.size()), kAwait);
    if (error) co_return Failure<Outcome>(fail(error));
    stage_ = Stage::kAnswer;
    co_return Result<void, Outcome>{};
  }
  Awaitable<Result<size_t, Outcome>> receive(std::span<char> into) {
    const auto [error, size] = co_await socket_.async_receive(asio::buffer(into.data(), into.size()), kAwait);
    if (error) co_return Failure<Outcome>(fail(error));
    co_return size;
  }
  Outcome fail(const boost::system::error_code& error) const {
    if (timed_out_) return fail(Reason::kTimedOut);
    return fail(reason_of(error), error.message(), error.value());
  }
  Outcome fail(Reason reason, std::string_view text = {}, int64_t number = 0) const {
    return {.reason = reason, .stage = stage_, .number = number, .text = printable(text)};
  }
  int descriptor() { return socket_.native_handle(); }

 private:
  static boost::system::error_code last_error() { return {errno, boost::system::system_category()}; }

  asio::generic::datagram_protocol::socket socket_;
  Stage stage_ = Stage::kRequest;
  bool timed_out_ = false;
  loop::DeadlineTimer timer_;
};

uint16_t random_number() {
  thread_local std::mt19937 dice(std::random_device{}());
  return static_cast<uint16_t>(dice());
}

// ---- DNS

Awaitable<Outcome> ask_dns(Datagram& socket, const Check& check) {
  std::array<u_char, 512> question;
  const int size = res_mkquery(ns_o_query, check.name.empty() ? "." : check.name.c_str(), ns_c_in,
                               dns_record_type(check.record), nullptr, 0, nullptr, question.data(), question.size());
  if (size < 0) co_return socket.fail(Reason::kMalformed, "this name cannot be asked for");
  const uint16_t id = random_number();
  question[0] = static_cast<u_char>(id >> 8);
  question[1] = static_cast<u_char>(id);
  const std::span<const char> bytes(reinterpret_cast<const char*>(question.data()), static_cast<size_t>(size));
  const auto sent = co_await socket.send(bytes);
  if (!sent) co_return sent.error();
  std::vector<char> answer(kMostDatagram);
  for (;;) {
    const auto got = co_await socket.receive(answer);
    if (!got) co_return got.error();
    // Somebody else's, or to an earlier question.
    if (*got < 12 || static_cast<u_char>(answer[0]) != question[0] || static_cast<u_char>(answer[1]) != question[1])
      continue;
    co_return judge_dns(check, std::span<const char>(answer).first(*got));
  }
}

// ---- any other datagram

Awaitable<Outcome> ask_udp(Datagram& socket, const Check& check) {
  const auto sent = co_await socket.send(check.payload);
  if (!sent) co_return sent.error();
  std::vector<char> reply(kMostDatagram);
  const auto got = co_await socket.receive(reply);
  if (!got) co_return got.error();
  co_return judge_reply(check, {reply.data(), *got});
}

// ---- ICMP echo

// The kernel's own echo sockets need no right (net.ipv4.ping_group_range); where they are forbidden, a raw one does it.
boost::system::error_code open_echo(Datagram& socket, const Target& target, bool& raw) {
  const int protocol = target.address.is_v4() ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
  raw = false;
  auto error = socket.open(target, SOCK_DGRAM, protocol);
  if (error.value() != EACCES && error.value() != EPERM) return error;
  raw = true;
  return socket.open(target, SOCK_RAW, protocol);
}

Awaitable<Outcome> ask_echo(Datagram& socket, const Target& target, bool raw) {
  const EchoQuestion question{
      .ipv4 = target.address.is_v4(), .raw = raw, .id = random_number(), .sequence = random_number()};
  const auto request = request_of(question);
  const auto sent = co_await socket.send(request);
  if (!sent) co_return sent.error();
  std::array<char, 256> reply;
  for (;;) {
    const auto got = co_await socket.receive(reply);
    if (!got) co_return got.error();
    if (is_answer(question, std::span(reply).first(*got))) co_return socket.fail(Reason::kPassed, "echo");
  }
}

}  // namespace

Awaitable<Outcome> ask_by_datagram(const Target& target, TimePoint deadline) {
  const auto executor = co_await asio::this_coro::executor;
  Datagram socket(executor, deadline);
  const Check& check = *target.check;
  bool raw = false;
  const bool echo = check.kind == CheckKind::kPing;
  const auto error = echo ? open_echo(socket, target, raw) : socket.open(target, SOCK_DGRAM, 0);
  if (error) co_return socket.fail(error);
  if (echo) co_return co_await ask_echo(socket, target, raw);
  if (check.kind == CheckKind::kDns) co_return co_await ask_dns(socket, check);
  co_return co_await ask_udp(socket, check);
}

}  // namespace tandem::checkers
