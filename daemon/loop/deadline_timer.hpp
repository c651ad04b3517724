// One timer for one core: the core states its deadline, the shell hands it over after every event.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <boost/asio/any_io_executor.hpp>

#include "daemon/base/time.hpp"

namespace tandem::loop {

class DeadlineTimer {
 public:
  // `handler` runs on `executor` once for each deadline that passes. It may call set() and may
  // destroy the timer.
  DeadlineTimer(const boost::asio::any_io_executor& executor, std::function<void()> handler);
  ~DeadlineTimer();
  DeadlineTimer(const DeadlineTimer&) = delete;
  DeadlineTimer& operator=(const DeadlineTimer&) = delete;

  // Replaces the deadline; one in the past fires as soon as the loop turns, none means never.
  // Setting the same deadline again costs nothing.
  void set(std::optional<TimePoint> deadline);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tandem::loop
