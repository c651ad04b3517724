// One run of an operator's script: bounded in time and in what it says, and gone with everything it started.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "daemon/base/time.hpp"

namespace tandem::loop {

// A command line of the site file as an order has it: blanks separate the words, and nothing quotes them.
std::vector<std::string> words_of(const std::string& command);

struct ScriptOrder {
  std::vector<std::string> words;  // the program's path and its arguments; no shell sees them
  std::string user;                // whose rights it has; empty: ours
  Duration limit{};                // then its whole process group is killed
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
};

// Starts it in a process group of its own, at ordinary priority, with stdin closed. `done` is called once, on the loop,
// also when it could not be started.
std::unique_ptr<Script> run_script(boost::asio::io_context& io, const ScriptOrder& order,
                                   std::function<void(ScriptResult)> done);

}  // namespace tandem::loop
