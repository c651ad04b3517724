#include "checkers/io/entrusted_programs.hpp"

#include <string>

#include <boost/asio/post.hpp>

#include "checkers/io/probe.hpp"
#include "daemon/loop/clock.hpp"

namespace tandem::checkers {
namespace {

static_assert(static_cast<int>(bus::ExecEnd::kNotStarted) == static_cast<int>(loop::ScriptResult::End::kNotStarted));

// The supervisor ends a program at its deadline; the news of it take their time.
constexpr Duration kPatience = 1s;

Outcome outcome_of(const bus::ExecResult& result) {
  if (result.end == bus::ExecEnd::kNotRun)
    return {.reason = Outcome::Reason::kNotRun, .text = printable(result.output)};
  return judge_program({.end = static_cast<loop::ScriptResult::End>(result.end),
                        .exit_code = static_cast<int>(result.exit_code & 0xff),
                        .output = result.output});
}

}  // namespace

EntrustedPrograms::EntrustedPrograms(boost::asio::io_context& io, bus::RoomLink& board, Ended ended)
    : io_(io), board_(board), ended_(std::move(ended)), timer_(io.get_executor(), [this] { give_up_silent(); }) {}

void EntrustedPrograms::start(AttemptId attempt, const CheckName& name, TimePoint deadline) {
  const TimePoint until = deadline + kPatience;
  attempts_[attempt] = {.began = loop::monotonic_now(), .until = until};
  by_end_.emplace(until, attempt);
  set_timer();
  board_.publish(bus::ExecRequest{.id = attempt, .service = name.service, .server = name.server, .check = name.check});
}

bool EntrustedPrograms::cancel(AttemptId attempt) {
  const auto found = attempts_.find(attempt);
  if (found == attempts_.end()) return false;
  board_.publish(bus::ExecRequest{.id = attempt, .cancel = true});
  by_end_.erase({found->second.until, attempt});
  attempts_.erase(found);
  set_timer();
  boost::asio::post(io_, [this, attempt] { ended_(attempt, {.reason = Outcome::Reason::kCancelled}); });
  return true;
}

void EntrustedPrograms::hear(const bus::ExecResult& result) {
  if (const auto found = attempts_.find(result.id); found != attempts_.end()) finish(found, outcome_of(result));
}

void EntrustedPrograms::finish(Attempts::iterator at, Outcome outcome) {
  const AttemptId attempt = at->first;
  outcome.took = loop::monotonic_now() - at->second.began;
  by_end_.erase({at->second.until, attempt});
  attempts_.erase(at);
  set_timer();
  ended_(attempt, std::move(outcome));
}

void EntrustedPrograms::give_up_silent() {
  const TimePoint now = loop::monotonic_now();
  while (!by_end_.empty() && by_end_.begin()->first <= now) {
    const auto at = attempts_.find(by_end_.begin()->second);
    board_.publish(bus::ExecRequest{.id = at->first, .cancel = true});
    finish(at, {.reason = Outcome::Reason::kNotRun, .text = "the supervisor has not told how the program ended"});
  }
  set_timer();
}

void EntrustedPrograms::set_timer() {
  timer_.set(by_end_.empty() ? std::nullopt : std::optional(by_end_.begin()->first));
}

}  // namespace tandem::checkers
