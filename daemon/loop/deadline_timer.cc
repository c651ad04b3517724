#include "daemon/loop/deadline_timer.hpp"

#include <utility>

#include <boost/asio/steady_timer.hpp>

namespace tandem::loop {

namespace asio = boost::asio;

struct DeadlineTimer::State : std::enable_shared_from_this<State> {
  State(const asio::any_io_executor& executor, std::function<void()> on_deadline)
      : timer(executor), handler(std::move(on_deadline)) {}

  void arm() {
    // A wait that was already completed cannot be cancelled any more; the turn tells it that it is
    // out of date.
    const uint64_t mine = ++turn;
    timer.expires_at(std::chrono::steady_clock::time_point(deadline->time_since_epoch()));  // cancels the last
    timer.async_wait([self = shared_from_this(), mine](const boost::system::error_code& error) {
      if (error || mine != self->turn) return;
      self->deadline.reset();
      const auto run = self->handler;  // the handler may destroy the timer
      run();
    });
  }

  asio::steady_timer timer;
  std::function<void()> handler;
  std::optional<TimePoint> deadline;
  uint64_t turn = 0;
};

DeadlineTimer::DeadlineTimer(const asio::any_io_executor& executor, std::function<void()> handler)
    : state_(std::make_shared<State>(executor, std::move(handler))) {}

DeadlineTimer::~DeadlineTimer() {
  set(std::nullopt);
}

void DeadlineTimer::set(std::optional<TimePoint> deadline) {
  if (deadline == state_->deadline) return;
  state_->deadline = deadline;
  if (deadline) return state_->arm();
  ++state_->turn;
  state_->timer.cancel();
}

}  // namespace tandem::loop
