// One run of an operator's script: bounded in time and in what it says, and gone with everything it started.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "daemon/base/time.hpp"

namespace tandem::loop {

// A command line of the site file as an order has it: blanks separate the words, and nothing quotes them.
std::vector<std::string> words_of(const std::string& command);

// A user of this box. Looking one up may wait for a directory service.
struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
};
std::optional<Account> account_of(const std::string& user);

struct ScriptOrder {
  std::vector<std::string> words;  // the program's path and its arguments; no shell sees them
  std::string user;                // whose rights it has; empty: ours
  Duration limit{};                // then its whole process group is killed
  std::optional<Account> account;  // in place of `user`, looked up before
};

struct ScriptResult {
  enum class End : uint8_t { kExited, kKilled, kTimedOut, kNotStarted };
  End end = End::kNotStarted;
  int exit_code = 0;   // kExited
  std::string output;  // the end of what it wrote to stdout and stderr, at most 512 bytes, control characters taken out
  std::string text() const;  // "exit code 1: connection refused"
};

// A running script. Destroying it kills the process group and forgets the result.
class Script {
 public:
  virtual ~Script() = default;
  // Kills the process group; `done` is called when it has ended. Does not wait: a process may be stuck in the kernel.
  virtual void stop() = 0;
};

// Starts it in a process group of its own, at ordinary priority, with stdin closed. `done` is called once, on the loop,
// also when it could not be started.
std::unique_ptr<Script> run_script(boost::asio::io_context& io, const ScriptOrder& order,
                                   std::function<void(ScriptResult)> done);

}  // namespace tandem::loop
