#include "daemon/loop/script.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/post.hpp>

namespace tandem::loop {
namespace {

using testing::HasSubstr;
using testing::SizeIs;
using End = ScriptResult::End;

ScriptResult run(std::vector<std::string> words, Duration limit = 10s, std::string user = "") {
  boost::asio::io_context io;
  std::optional<ScriptResult> result;
  const auto script =
      run_script(io, {std::move(words), std::move(user), limit}, [&](ScriptResult said) { result = std::move(said); });
  io.run();
  return result.value();
}
ScriptResult shell(const std::string& words, Duration limit = 10s) {
  return run({"/bin/sh", "-c", words}, limit);
}

TEST(Script, TellsItsExitCodeAndWhatItSaid) {
  const ScriptResult result = shell("echo well; echo ill >&2; exit 3");
  EXPECT_EQ(result.end, End::kExited);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.text(), "exit code 3: well ill");
}

TEST(Script, ItsArgumentsAreSeenByNoShell) {
  EXPECT_EQ(run({"/bin/echo", "$HOME;", "a b"}).output, "$HOME; a b");
}

TEST(Script, KeepsTheEndOfALongOutputAndNoControlCharacters) {
  const ScriptResult result = shell("yes 0123456789 | head -c 1000000; printf '\\033[31mlast'");
  EXPECT_THAT(result.output, SizeIs(512));
  EXPECT_TRUE(result.output.ends_with(" [31mlast")) << result.output;
}

// Asio gives the next one's descriptor the place of the last one's, whose event may still be on its way.
TEST(Script, OneThatFollowsAnotherIsNotTakenForEnded) {
  boost::asio::io_context io;
  std::unique_ptr<Script> script;
  int left = 20;
  std::vector<End> ends;
  const std::function<void()> next = [&] {
    script.reset();
    if (left-- == 0) return;
    script = run_script(io, {{"/bin/sleep", "0.01"}, "", 10s}, [&](const ScriptResult& said) {
      ends.push_back(said.end);
      boost::asio::post(io, next);
    });
  };
  next();
  io.run();
  EXPECT_EQ(ends, std::vector(20, End::kExited));
}

TEST(Script, IsKilledWithAllItStartedWhenItsTimeIsOver) {
  const std::string file = testing::TempDir() + "script_test." + std::to_string(getpid());
  const ScriptResult result = shell("sleep 1000 & echo $! > " + file + "; sleep 1000", 300ms);
  EXPECT_EQ(result.end, End::kTimedOut);
  EXPECT_THAT(result.text(), HasSubstr("did not end in time"));
  pid_t grandchild = 0;
  ASSERT_TRUE(std::ifstream(file) >> grandchild);
  // Killed; whoever reaps orphans here may take a moment, and a zombie has no memory map.
  std::string map;
  for (int i = 0; i < 100; ++i) {
    std::ifstream maps("/proc/" + std::to_string(grandchild) + "/maps");
    map.clear();
    std::getline(maps, map);
    if (map.empty()) break;
    usleep(10'000);
  }
  EXPECT_EQ(map, "");
  unlink(file.c_str());
}

TEST(Script, ThatLeavesSomethingRunningIsNotWaitedFor) {
  const ScriptResult result = shell("sleep 1000 & exit 0");
  EXPECT_EQ(result.end, End::kExited);
  EXPECT_EQ(result.exit_code, 0);
}

TEST(Script, EndedByASignalSaysWhich) {
  const ScriptResult result = shell("kill -9 $$");
  EXPECT_EQ(result.end, End::kKilled);
  EXPECT_EQ(result.text(), "ended by signal 9");
}

TEST(Script, ThatIsNotThereIsSaid) {
  const ScriptResult result = run({"/nonexistent/script"});
  EXPECT_EQ(result.end, End::kNotStarted);
  EXPECT_THAT(result.text(), HasSubstr("could not be started: /nonexistent/script: No such file"));
}

TEST(Script, HasTheRightsOfItsUser) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_EQ(run({"/usr/bin/id", "-un"}, 10s, "nobody").output, "nobody");
  EXPECT_THAT(run({"/usr/bin/id"}, 10s, "no such user").text(), HasSubstr("there is no user 'no such user'"));
  EXPECT_EQ(run({"/usr/bin/id", "-G"}, 10s, "nobody").output, run({"/usr/bin/id", "-G", "nobody"}).output);
  EXPECT_EQ(run({"/bin/grep", "-h", "NoNewPrivs\\|CapEff", "/proc/self/status"}, 10s, "nobody").output,
            "CapEff: 0000000000000000 NoNewPrivs: 1");
}

// Its exit code would mean a weight to a check.
TEST(Script, ThatItsUserCannotRunHasNoExitCode) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const ScriptResult missing = run({"/nonexistent/script"}, 10s, "nobody");
  EXPECT_EQ(missing.end, End::kNotStarted);
  EXPECT_EQ(missing.text(), "could not be started: failed to execute /nonexistent/script: No such file or directory");
  EXPECT_EQ(run({"/bin/sh", "-c", "exit 127"}, 10s, "nobody").exit_code, 127) << "its own word";
}

TEST(Script, ThatIsStoppedEndsAndSaysSo) {
  boost::asio::io_context io;
  std::optional<ScriptResult> result;
  const auto script = run_script(io, {{"/bin/sh", "-c", "sleep 1000 & sleep 1000"}, "", 1000s},
                                 [&](ScriptResult said) { result = std::move(said); });
  boost::asio::post(io, [&] { script->stop(); });
  io.run();
  EXPECT_EQ(result.value().end, End::kKilled);
}

TEST(Script, ReadsNothingFromUs) {
  EXPECT_EQ(shell("cat; echo end").output, "end");
}

TEST(Script, ThatIsForgottenIsKilled) {
  boost::asio::io_context io;
  bool said = false;
  run_script(io, {{"/bin/sleep", "1000"}, "", 1000s}, [&](const ScriptResult&) { said = true; }).reset();
  io.run();
  EXPECT_FALSE(said);
}

}  // namespace
}  // namespace tandem::loop
