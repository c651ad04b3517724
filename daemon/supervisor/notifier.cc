#include "daemon/supervisor/notifier.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

#include "daemon/loop/clock.hpp"

namespace tandem::supervisor {
namespace {

NotifyScript script_of(const config::Notify& notify) {
  return {.words = loop::words_of(notify.script),
          .user = notify.user,
          .timeout = notify.timeout,
          .attempts = notify.attempts};
}

const char* state_of(const bus::InstanceState& state) {
  switch (state.state) {
    case bus::RouterState::kInitialize:
      return "stopped";
    case bus::RouterState::kBackup:
      return "backup";
    case bus::RouterState::kActive:
      return "active";
    case bus::RouterState::kFault:
      return "fault";
  }
  return "";
}

uint64_t assertions_of(const bus::InstanceState& state) {
  const auto found = std::ranges::find(state.counters, "assertions", &bus::NamedCounter::name);
  return found == state.counters.end() ? 0 : found->value;
}

}  // namespace

Notifier::Notifier(boost::asio::io_context& io, Fail fail)
    : io_(io),
      fail_(std::move(fail)),
      timer_(io.get_executor(), [this] { carry_out(desk_.deadline_reached(loop::monotonic_now())); }),
      patience_(io.get_executor(), [this] {
        if (finished_) std::exchange(finished_, nullptr)();
      }) {}

void Notifier::configure(const config::Site& site) {
  std::map<NotifySubject, NotifyScript> scripts;
  for (const config::VirtualRouter& router : site.virtual_routers)
    if (router.notify) scripts[{NotifyKind::kRouter, router.name}] = script_of(*router.notify);
  for (const config::Service& service : site.services)
    if (service.notify) scripts[{NotifyKind::kService, service.name}] = script_of(*service.notify);
  carry_out(desk_.configure(std::move(scripts)));
}

void Notifier::hear(const bus::Message& message) {
  const TimePoint now = loop::monotonic_now();
  if (const auto* router = std::get_if<bus::InstanceState>(&message)) {
    const NotifySubject subject{NotifyKind::kRouter, router->router};
    carry_out(desk_.seen(subject, state_of(*router), router->priority, now));
    carry_out(desk_.asserted(subject, assertions_of(*router), now));
  } else if (const auto* service = std::get_if<bus::ServiceHealth>(&message)) {
    carry_out(desk_.seen({NotifyKind::kService, service->service}, service->up ? "up" : "down",
                         static_cast<uint32_t>(std::min<uint64_t>(service->quorum_has, UINT32_MAX)), now));
  } else if (const auto* server = std::get_if<bus::ServerHealth>(&message)) {
    if (server->known)
      carry_out(desk_.seen({NotifyKind::kServer, server->key()}, server->up ? "up" : "down", server->weight, now));
  } else if (const auto* gone = std::get_if<bus::Forget>(&message)) {
    if (gone->kind == bus::InstanceState::kKind) desk_.forget({NotifyKind::kRouter, gone->of_key});
    if (gone->kind == bus::ServiceHealth::kKind) desk_.forget({NotifyKind::kService, gone->of_key});
    if (gone->kind == bus::ServerHealth::kKind) desk_.forget({NotifyKind::kServer, gone->of_key});
  }
}

void Notifier::carry_out(const NotifyActions& actions) {
  for (const NotifyAction& action : actions) {
    if (const auto* run = std::get_if<RunNotify>(&action)) {
      running_[run->subject] =
          loop::run_script(io_, {run->script.words, run->script.user, run->script.timeout},
                           [this, subject = run->subject](const loop::ScriptResult& result) {
                             const bool well = result.end == loop::ScriptResult::End::kExited && result.exit_code == 0;
                             // Not from within its own call.
                             boost::asio::post(io_, [this, subject, well, words = result.text()] {
                               running_.erase(subject);
                               carry_out(desk_.ended(subject, well, words, loop::monotonic_now()));
                             });
                           });
    } else if (const auto* failed = std::get_if<NotifyFailed>(&action)) {
      fail_(failed->subject.text(), failed->words);
    }
  }
  timer_.set(desk_.deadline());
  if (finished_ && desk_.idle()) std::exchange(finished_, nullptr)();
}

void Notifier::finish(Duration patience, std::function<void()> then) {
  if (desk_.idle()) return then();
  finished_ = std::move(then);
  patience_.set(loop::monotonic_now() + patience);
}

}  // namespace tandem::supervisor
