// Runs the programs of checks that run as another user, as the program desk decides.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "daemon/bus/messages.hpp"
#include "daemon/config/site.hpp"
#include "daemon/loop/deadline_timer.hpp"
#include "daemon/loop/script.hpp"
#include "daemon/supervisor/program_desk.hpp"

namespace tandem::supervisor {

// What the site says of its checks' programs. Looks users up, for which it may wait: a user that is not there has no program.
Programs programs_of(const config::Site& site);

class ProgramRunner {
 public:
  struct Callbacks {
    std::function<void(const bus::ExecResult&)> answer;
    std::function<void(bus::Severity, std::string id, std::string text)> event;
  };

  // REQUIRES: `io` lives until the end of the process.
  ProgramRunner(boost::asio::io_context& io, Callbacks callbacks);

  void configure(Programs programs);
  // Anything but a request is left alone.
  void hear(const bus::Message& message);
  void asker_gone();

 private:
  void carry_out(const ProgramActions& actions);
  void perform(const RunProgram& run);
  void perform(const EndProgram& end);
  void perform(const ProgramNotRun& refused);
  void perform(const ProgramsLate& late);
  void ended(RunId run, const loop::ScriptResult& result);

  boost::asio::io_context& io_;
  Callbacks callbacks_;
  ProgramDesk desk_;
  std::map<RunId, std::unique_ptr<loop::Script>> running_;
  loop::DeadlineTimer timer_;
};

}  // namespace tandem::supervisor
