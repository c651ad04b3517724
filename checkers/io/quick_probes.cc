#include "checkers/io/quick_probes.hpp"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include "checkers/io/socket_way.hpp"
#include "daemon/base/assert.hpp"
#include "daemon/loop/clock.hpp"

namespace tandem::checkers {
namespace {

namespace asio = boost::asio;
using Reason = Outcome::Reason;

constexpr size_t kEventsAtOnce = 256;

boost::system::error_code system_error(int number) {
  return {number, boost::system::system_category()};
}

Outcome failed(const boost::system::error_code& error, Stage stage) {
  return {.reason = reason_of(error), .stage = stage, .number = error.value(), .text = printable(error.message())};
}

// Waits for nothing: the outcome is an event. 0, or an errno.
int connect_to(int fd, const Target& target) {
  int result = 0;
  if (target.address.is_v4()) {
    const sockaddr_in name{.sin_family = AF_INET,
                           .sin_port = htons(target.port),
                           .sin_addr = {htonl(target.address.v4.value)},
                           .sin_zero = {}};
    result = connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  } else {
    sockaddr_in6 name{};
    name.sin6_family = AF_INET6;
    name.sin6_port = htons(target.port);
    std::ranges::copy(target.address.v6.bytes, name.sin6_addr.s6_addr);
    result = connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  }
  return result == 0 || errno == EINPROGRESS ? 0 : errno;
}

int new_set() {
  const int set = epoll_create1(EPOLL_CLOEXEC);
  if (set < 0) throw std::system_error(errno, std::system_category(), "epoll_create1");
  return set;
}

}  // namespace

QuickProbes::QuickProbes(asio::io_context& io, Ended ended)
    : io_(io), ended_(std::move(ended)), ready_(io, new_set()), timer_(io.get_executor(), [this] { expire(); }) {
  wait();
}

QuickProbes::~QuickProbes() {
  for (const Attempt& attempt : attempts_)
    if (attempt.fd >= 0) close(attempt.fd);
}

void QuickProbes::start(AttemptId id, Target target, TimePoint deadline) {
  TANDEM_ASSERT(id != 0 && makes(*target.check));
  if (free_.empty()) {
    free_.push_back(static_cast<Slot>(attempts_.size()));
    attempts_.emplace_back();
    ids_.push_back(0);
  }
  const Slot slot = free_.back();
  free_.pop_back();
  Attempt& attempt = attempts_[slot];
  ids_[slot] = id;
  attempt.stage = Stage::kConnect;
  attempt.begin = loop::monotonic_now();
  attempt.target = std::move(target);
  if (auto outcome = begin(slot)) return finish_later(slot, std::move(*outcome));
  deadlines_.plan(slot, deadline);
  arm();
}

std::optional<Outcome> QuickProbes::begin(Slot slot) {
  Attempt& attempt = attempts_[slot];
  const int family = attempt.target.address.is_v4() ? AF_INET : AF_INET6;
  attempt.fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (attempt.fd < 0) return failed(system_error(errno), Stage::kConnect);
  if (const auto error = choose_way(attempt.fd, *attempt.target.check)) return failed(error, Stage::kConnect);
  // Lingering stays as it is: the close is an orderly FIN (README.md).
  if (const int error = connect_to(attempt.fd, attempt.target)) return failed(system_error(error), Stage::kConnect);
  // At each edge, so that one call lasts for the attempt: what can be done is always done until it would block.
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = uint64_t{attempt.turn} << 32 | slot;
  if (epoll_ctl(ready_.native_handle(), EPOLL_CTL_ADD, attempt.fd, &event) != 0)
    return failed(system_error(errno == ENOSPC ? ENOMEM : errno), Stage::kConnect);
  return std::nullopt;
}

bool QuickProbes::cancel(AttemptId id) {
  const auto found = std::ranges::find(ids_, id);
  if (found == ids_.end()) return false;
  const auto slot = static_cast<Slot>(found - ids_.begin());
  finish_later(slot, {.reason = Reason::kCancelled, .stage = attempts_[slot].stage});
  return true;
}

void QuickProbes::wait() {
  ready_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    take_events();
    wait();
  });
}

// One batch: what is left makes the set readable again, and others have their turn in between.
void QuickProbes::take_events() {
  std::array<epoll_event, kEventsAtOnce> events;
  const int count = epoll_wait(ready_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    const auto slot = static_cast<Slot>(event.data.u64);
    if (attempts_[slot].fd >= 0 && attempts_[slot].turn == event.data.u64 >> 32) happened(slot, event.events);
  }
}

void QuickProbes::happened(Slot slot, uint32_t events) {
  std::optional<Outcome> outcome;
  try {
    outcome = advance(attempts_[slot], events);
  } catch (const std::bad_alloc&) {
    outcome = Outcome{.reason = Reason::kNoResources, .text = "out of memory"};
  }
  if (outcome) finish(slot, std::move(*outcome));
}

std::optional<Outcome> QuickProbes::advance(Attempt& attempt, uint32_t events) {
  // Later reading tells of it, after what had come before it.
  if ((events & EPOLLERR) != 0 && attempt.stage <= Stage::kRequest) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(attempt.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return failed(system_error(error), attempt.stage);
  }
  const Check& check = *attempt.target.check;
  const bool readable = (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0;
  if (attempt.stage == Stage::kConnect) {
    if ((events & EPOLLOUT) == 0) return std::nullopt;
    if (check.kind == CheckKind::kTcp) {
      if (readable) drain(attempt.fd);
      return Outcome{};
    }
    attempt.stage = Stage::kRequest;
    attempt.request = http_request_of(check, attempt.target.address, attempt.target.port);
  }
  if (attempt.stage == Stage::kRequest && (events & EPOLLOUT) != 0)
    if (auto outcome = send_request(attempt)) return outcome;
  if (readable && attempt.stage > Stage::kRequest)
    return read_answer(attempt, (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
  return std::nullopt;
}

std::optional<Outcome> QuickProbes::send_request(Attempt& attempt) {
  const ssize_t sent = send(attempt.fd, attempt.request.data(), attempt.request.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno == EAGAIN) return std::nullopt;
  if (sent < 0) return failed(system_error(errno), attempt.stage);
  attempt.request.erase(0, static_cast<size_t>(sent));
  if (attempt.request.empty()) attempt.stage = Stage::kHeader;
  return std::nullopt;
}

// `until_empty`: the other side has ended, and no further edge tells of what is not read now. Bounded by the bounds of the
// answer.
std::optional<Outcome> QuickProbes::read_answer(Attempt& attempt, bool until_empty) {
  for (;;) {
    const ssize_t size = recv(attempt.fd, bytes_.data(), bytes_.size(), 0);
    if (size < 0 && errno == EAGAIN) return std::nullopt;
    if (size < 0) return failed(system_error(errno), attempt.stage);
    if (!attempt.answer) attempt.answer = HttpAnswer::to(*attempt.target.check);
    if (size == 0) return attempt.answer->end(failed(asio::error::eof, attempt.stage));
    const bool more = static_cast<size_t>(size) == bytes_.size();
    if (auto verdict = attempt.answer->feed({bytes_.data(), static_cast<size_t>(size)})) {
      if (more) drain(attempt.fd);
      return verdict;
    }
    attempt.stage = attempt.answer->stage();
    if (!more && !until_empty) return std::nullopt;
  }
}

// Reads away what has already come, at most 64 KB: the close that follows is then an orderly one (FIN) and no reset,
// which a server would write into its log.
void QuickProbes::drain(int fd) {
  for (int i = 0; i < 4; ++i)
    if (recv(fd, bytes_.data(), bytes_.size(), 0) < static_cast<ssize_t>(bytes_.size())) return;
}

QuickProbes::Told QuickProbes::take_out(Slot slot, Outcome outcome) {
  Attempt& attempt = attempts_[slot];
  const AttemptId id = std::exchange(ids_[slot], 0);
  outcome.took = loop::monotonic_now() - attempt.begin;
  if (attempt.fd >= 0) close(std::exchange(attempt.fd, -1));  // leaves the epoll set, too
  ++attempt.turn;
  attempt.request = {};
  attempt.answer.reset();  // before the check that it refers to
  attempt.target.check.reset();
  deadlines_.drop(slot);
  free_.push_back(slot);
  return {id, std::move(outcome)};
}

void QuickProbes::finish(Slot slot, Outcome outcome) {
  auto [id, how] = take_out(slot, std::move(outcome));
  ended_(id, std::move(how));
}

void QuickProbes::finish_later(Slot slot, Outcome outcome) {
  if (untold_.empty())
    asio::post(io_, [this] {
      for (auto& [id, how] : std::exchange(untold_, {})) ended_(id, std::move(how));
    });
  untold_.push_back(take_out(slot, std::move(outcome)));
}

void QuickProbes::expire() {
  armed_.reset();
  const TimePoint now = loop::monotonic_now();
  while (const auto due = deadlines_.take_due(now)) {
    const Stage stage = attempts_[due->id].stage;
    finish(due->id, {.reason = Reason::kTimedOut, .stage = stage});
  }
  arm();
}

// An armed timer stays, although the attempt it was armed for has ended: it finds nothing due and looks at the next. So it is
// set some times a second, not with every attempt.
void QuickProbes::arm() {
  const auto next = deadlines_.next();
  if (!next || (armed_ && *armed_ <= *next + kTick)) return;
  armed_ = *next + kTick;
  timer_.set(armed_);
}

}  // namespace tandem::checkers
