// The attempts that ask this box: an operator's program, a file.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "checkers/agent_words.hpp"
#include "checkers/io/probe.hpp"
#include "daemon/loop/clock.hpp"
#include "daemon/loop/script.hpp"

namespace tandem::checkers {
namespace {

namespace asio = boost::asio;
using Reason = Outcome::Reason;

// What a program said last, where all of it is too long to be told: its end says why it ended.
std::string last_words(std::string_view output, size_t most = kMaxText) {
  constexpr std::string_view kCut = "... ";
  if (output.size() <= most) return printable(output);
  return printable(std::string(kCut) + std::string(output.substr(output.size() - (most - kCut.size()))));
}

}  // namespace

// 0 is well, 1 is not, 2-255 is well with a weight two less.
Outcome judge_program(const loop::ScriptResult& result) {
  using End = loop::ScriptResult::End;
  if (result.end != End::kExited) {
    loop::ScriptResult silent = result;
    silent.output.clear();
    const std::string why = silent.text();
    const size_t room = kMaxText - why.size() - 2;
    return {.reason = Reason::kScriptFailed,
            .text = result.output.empty() ? printable(why) : why + ": " + last_words(result.output, room)};
  }
  Outcome outcome{.number = result.exit_code, .text = last_words(result.output)};
  if (result.exit_code == 1) {
    outcome.reason = Reason::kExitCode;
  } else {
    if (result.exit_code >= 2) outcome.weight = Weight{.value = static_cast<uint32_t>(result.exit_code - 2)};
    if (outcome.text.empty()) outcome.text = "exit code " + std::to_string(result.exit_code);
  }
  return outcome;
}

Awaitable<Outcome> run_program(asio::io_context& io, const Target& target, TimePoint deadline) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer ended(executor, asio::steady_timer::time_point::max());
  std::optional<loop::ScriptResult> result;
  const auto script =
      loop::run_script(io, {.words = target.check->command, .user = {}, .limit = deadline - loop::monotonic_now()},
                       [&](loop::ScriptResult said) {
                         result = std::move(said);
                         ended.cancel();
                       });
  if (!result) {
    const auto [ignored] = co_await ended.async_wait(asio::as_tuple(asio::use_awaitable));
    static_cast<void>(ignored);
  }
  if (!result) co_return Outcome{.reason = Reason::kCancelled};
  co_return judge_program(*result);
}

Outcome read_file(const Target& target) {
  // O_NONBLOCK: a pipe under this name would be waited for.
  const int fd = open(target.check->file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return {.reason = Reason::kFileMissing, .text = std::strerror(errno)};
  std::array<char, 256> text;
  const ssize_t size = read(fd, text.data(), text.size());
  const int cause = errno;
  close(fd);
  if (size < 0) return {.reason = Reason::kFileMissing, .text = std::strerror(cause)};
  Outcome outcome = agent_verdict({text.data(), static_cast<size_t>(size)}, true);
  if (outcome.ok() && outcome.text.empty()) outcome.text = "the file is there";
  return outcome;
}

}  // namespace tandem::checkers
