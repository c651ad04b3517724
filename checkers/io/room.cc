#include "checkers/io/room.hpp"

#include <malloc.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <memory>
#include <random>
#include <unordered_map>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "checkers/checkbook.hpp"
#include "checkers/io/descriptors.hpp"
#include "checkers/io/entrusted_programs.hpp"
#include "checkers/io/probe.hpp"
#include "checkers/io/publisher.hpp"
#include "checkers/io/quick_probes.hpp"
#include "checkers/io/site_settings.hpp"
#include "daemon/loop/clock.hpp"
#include "daemon/loop/deadline_timer.hpp"
#include "daemon/loop/process.hpp"

namespace tandem::checkers {
namespace {

namespace asio = boost::asio;

uint64_t fresh_seed() {
  std::random_device dice;
  return uint64_t{dice()} << 32 | dice();
}

class Room {
 public:
  explicit Room(bus::RoomContext& context)
      : io_(context.io),
        board_(context.bus),
        book_(fresh_seed(), attempts_allowed()),
        timer_(context.io.get_executor(),
               [this] {
                 last_turn_ = loop::monotonic_now();
                 tell(DeadlineReached{});
               }),
        quick_(context.io,
               [this](AttemptId attempt, Outcome outcome) { tell(AttemptEnded{attempt, std::move(outcome)}); }),
        entrusted_(context.io, context.bus,
                   [this](AttemptId attempt, Outcome outcome) { tell(AttemptEnded{attempt, std::move(outcome)}); }) {}

  void open() {
    board_.subscribe<bus::SiteText>([this](const bus::SiteText& text) { read(text); });
    // Our own words of before a restart. What comes after the retained ones is what we say ourselves.
    board_.subscribe<bus::ServerHealth>([this](const bus::ServerHealth& message) {
      if (!caught_up_) restored_.servers.push_back(restored(message));
    });
    board_.subscribe<bus::ServiceHealth>([this](const bus::ServiceHealth& message) {
      if (!caught_up_) restored_.services.push_back(restored(message));
    });
    board_.subscribe<bus::Override>([this](const bus::Override& message) { tell(overridden(message)); });
    board_.subscribe<bus::Forget>([this](const bus::Forget& gone) { forgotten(gone); });
    board_.subscribe<bus::PassiveHealth>([this](const bus::PassiveHealth& message) { tell(seen(message)); });
    board_.subscribe<bus::ExecResult>([this](const bus::ExecResult& result) { entrusted_.hear(result); });
    board_.on_caught_up([this] {
      caught_up_ = true;
      tell(std::exchange(restored_, {}));
      for (Prepared& prepared : std::exchange(waiting_, {})) apply(std::move(prepared));
    });
    board_.on_stop([this] { io_.stop(); });
    board_.start();
  }

 private:
  // A site of 10,000 servers takes longer to read than a check may be late: a helper reads it, in order.
  void read(const bus::SiteText& text) {
    asio::post(reader_, [this, text] {
      loop::set_thread_name("site reader");
      auto prepared = std::make_shared<Prepared>(prepare(text));
      malloc_trim(0);  // reading a large site takes tens of megabytes, and glibc would keep them
      asio::post(io_, [this, prepared] {
        if (caught_up_) return apply(std::move(*prepared));
        waiting_.push_back(std::move(*prepared));
      });
    });
  }

  // An operator took a word back.
  void forgotten(const bus::Forget& gone) {
    const size_t slash = gone.of_key.find('/');
    if (gone.kind != bus::Override::kKind || slash == std::string::npos) return;
    tell(Overridden{.service = gone.of_key.substr(0, slash), .server = gone.of_key.substr(slash + 1), .override = {}});
  }

  void apply(Prepared prepared) {
    if (!prepared.error.empty()) {
      board_.event(bus::Severity::kError, "CHECK_SITE_UNREADABLE", {},
                   "the checks go on by the former site file; this one cannot be read: " + prepared.error);
      return;
    }
    trust_ = std::move(prepared.trust);
    for (const auto& [file, why] : trust_->complaints())
      board_.event(bus::Severity::kError, "CHECK_TRUST_UNUSABLE", file,
                   "every https check that needs it fails until it is mended and the site is reloaded: " + why);
    tell(std::move(prepared.settings));
    board_.publish(bus::RoomReady{.room = board_.room(), .generation = prepared.generation});
  }

  void tell(const Event& event) {
    const Moment now{loop::monotonic_now(), loop::unix_ms_now()};
    Actions actions = book_.on(event, now);
    for (Action& action : actions) std::visit([this](auto& a) { carry_out(a); }, action);
    book_.give_back(std::move(actions));
    set_timer();
  }

  // Ten thousand checks a second are started some hundred at a time: to wake for each one costs a fifth of all.
  // One that is alone is in time; nobody is late by more than a turn.
  void set_timer() {
    const auto deadline = book_.deadline();
    timer_.set(deadline ? std::optional(std::max(*deadline, last_turn_ + kTurn)) : std::nullopt);
  }

  void carry_out(StartAttempt& start) {
    if (QuickProbes::makes(*start.target.check))
      return quick_.start(start.attempt, std::move(start.target), start.deadline);
    if (!start.target.check->account.empty()) return entrusted_.start(start.attempt, start.name, start.deadline);
    auto& cancel = under_way_[start.attempt];
    cancel = std::make_unique<asio::cancellation_signal>();
    asio::co_spawn(
        io_, probe(io_, start.target, start.deadline, trust_),
        asio::bind_cancellation_slot(
            cancel->slot(), [this, attempt = start.attempt](const std::exception_ptr& escaped, Outcome outcome) {
              if (escaped) outcome = ended_by(escaped);
              under_way_.erase(attempt);
              tell(AttemptEnded{attempt, std::move(outcome)});
            }));
  }

  void carry_out(const CancelAttempt& cancel) {
    if (quick_.cancel(cancel.attempt) || entrusted_.cancel(cancel.attempt)) return;
    if (const auto found = under_way_.find(cancel.attempt); found != under_way_.end())
      found->second->emit(asio::cancellation_type::terminal);
  }

  void carry_out(const auto& said) { publish(board_, said); }

  // Cancelled, or out of memory for one more attempt; anything else is our mistake and ends the room.
  static Outcome ended_by(const std::exception_ptr& escaped) {
    try {
      std::rethrow_exception(escaped);
    } catch (const boost::system::system_error& error) {
      if (error.code() != asio::error::operation_aborted) throw;
      return {.reason = Outcome::Reason::kCancelled};
    } catch (const std::bad_alloc&) {
      return {.reason = Outcome::Reason::kNoResources, .text = "out of memory"};
    }
  }

  asio::io_context& io_;
  bus::RoomLink& board_;
  Checkbook book_;
  static constexpr Duration kTurn = 10ms;
  TimePoint last_turn_{};
  loop::DeadlineTimer timer_;
  QuickProbes quick_;
  EntrustedPrograms entrusted_;
  std::shared_ptr<const TrustStore> trust_;
  std::unordered_map<AttemptId, std::unique_ptr<asio::cancellation_signal>> under_way_;
  Restored restored_;
  bool caught_up_ = false;
  std::deque<Prepared> waiting_;
  asio::thread_pool reader_{1};  // last: joined first, while what it posts to is still there
};

}  // namespace

void run_room(bus::RoomContext& context) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets whose other end may be gone
  Room room(context);
  room.open();
  context.io.run();
}

}  // namespace tandem::checkers
