#include "daemon/supervisor/program_runner.hpp"

#include <utility>

#include <boost/asio/post.hpp>

#include "daemon/loop/clock.hpp"

namespace tandem::supervisor {
namespace {

static_assert(static_cast<int>(bus::ExecEnd::kNotStarted) == static_cast<int>(loop::ScriptResult::End::kNotStarted));

// Those of a set of checks, by the check's name.
using OfSet = std::vector<std::pair<std::string, std::shared_ptr<const Program>>>;

class ProgramMaker {
 public:
  OfSet of(const config::CheckSet& set) {
    OfSet programs;
    for (const config::NamedCheck& named : set.checks) {
      const config::Check& check = named.check;
      if (check.type != config::CheckType::kExec || check.account.empty()) continue;
      const auto& account = look_up(check.account);
      if (!account) continue;
      programs.emplace_back(named.name, std::make_shared<const Program>(Program{.words = loop::words_of(check.command),
                                                                                .user = check.account,
                                                                                .uid = account->uid,
                                                                                .gid = account->gid,
                                                                                .timeout = check.timeout}));
    }
    return programs;
  }

 private:
  const std::optional<loop::Account>& look_up(const std::string& user) {
    const auto [at, is_new] = accounts_.try_emplace(user);
    if (is_new) at->second = loop::account_of(user);
    return at->second;
  }

  std::map<std::string, std::optional<loop::Account>> accounts_;
};

}  // namespace

Programs programs_of(const config::Site& site) {
  Programs programs;
  ProgramMaker maker;
  for (const config::Service& service : site.services) {
    const OfSet of_service = maker.of(service.checks);
    for (const config::Server& server : service.servers)
      for (const auto& [check, program] : server.checks ? maker.of(*server.checks) : of_service)
        programs[{service.name, server.name, check}] = program;
  }
  return programs;
}

ProgramRunner::ProgramRunner(boost::asio::io_context& io, Callbacks callbacks)
    : io_(io),
      callbacks_(std::move(callbacks)),
      timer_(io.get_executor(), [this] { carry_out(desk_.deadline_reached(loop::monotonic_now())); }) {}

void ProgramRunner::configure(Programs programs) {
  carry_out(desk_.configure(std::move(programs), loop::monotonic_now()));
}

void ProgramRunner::hear(const bus::Message& message) {
  const auto* request = std::get_if<bus::ExecRequest>(&message);
  if (request == nullptr) return;
  const TimePoint now = loop::monotonic_now();
  carry_out(request->cancel ? desk_.cancelled(request->id, now)
                            : desk_.asked(request->id, {request->service, request->server, request->check}, now));
}

void ProgramRunner::asker_gone() {
  carry_out(desk_.asker_gone(loop::monotonic_now()));
}

void ProgramRunner::carry_out(const ProgramActions& actions) {
  for (const ProgramAction& action : actions) std::visit([this](const auto& one) { perform(one); }, action);
  timer_.set(desk_.deadline());
}

void ProgramRunner::perform(const RunProgram& run) {
  const Program& program = *run.program;
  running_[run.run] =
      loop::run_script(io_,
                       {.words = program.words,
                        .user = program.user,
                        .limit = run.limit,
                        .account = loop::Account{.uid = program.uid, .gid = program.gid}},
                       [this, id = run.run](loop::ScriptResult result) {
                         // Not from within its own call.
                         boost::asio::post(io_, [this, id, result = std::move(result)] { ended(id, result); });
                       });
}

void ProgramRunner::perform(const EndProgram& end) {
  if (const auto found = running_.find(end.run); found != running_.end()) found->second->stop();
}

void ProgramRunner::perform(const ProgramNotRun& refused) {
  callbacks_.answer({.id = refused.id, .end = bus::ExecEnd::kNotRun, .output = refused.why});
}

void ProgramRunner::perform(const ProgramsLate& late) {
  if (late.over)
    callbacks_.event(bus::Severity::kInfo, "EXEC_IN_TIME", "the checks' programs are run in time again");
  else
    callbacks_.event(bus::Severity::kWarning, "EXEC_LATE",
                     "programs of checks with `user` are not run, because " + std::to_string(kMostPrograms) +
                         " run already or too many are wanted, and " + std::to_string(late.waiting) +
                         " more wait; no server is taken down for that: check less often, or with shorter timeouts");
}

void ProgramRunner::ended(RunId run, const loop::ScriptResult& result) {
  running_.erase(run);
  const auto [answer_to, actions] = desk_.ended(run, loop::monotonic_now());
  if (answer_to)
    callbacks_.answer({.id = *answer_to,
                       .end = static_cast<bus::ExecEnd>(result.end),
                       .exit_code = static_cast<uint32_t>(result.exit_code),
                       .output = result.output});
  carry_out(actions);
}

}  // namespace tandem::supervisor
