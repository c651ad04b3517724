// The loop's helpers. Deadlines here are in the past or never, so that nothing waits.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "daemon/loop/clock.hpp"
#include "daemon/loop/deadline_timer.hpp"
#include "daemon/loop/process.hpp"
#include "daemon/loop/spawn.hpp"

namespace tandem::loop {
namespace {

TEST(DeadlineTimer, FiresOnceForADeadlineOfThePast) {
  boost::asio::io_context io;
  int fired = 0;
  DeadlineTimer timer(io.get_executor(), [&] { ++fired; });
  timer.set(monotonic_now() - 1s);
  io.run();
  EXPECT_EQ(fired, 1);
}

TEST(DeadlineTimer, StaysSilentWhenTheDeadlineIsTakenBackAfterItPassed) {
  boost::asio::io_context io;
  int fired = 0;
  DeadlineTimer timer(io.get_executor(), [&] { ++fired; });
  timer.set(monotonic_now() - 1s);
  boost::asio::post(io, [&] { timer.set(std::nullopt); });
  io.run();
  EXPECT_EQ(fired, 0);
}

TEST(DeadlineTimer, FiresForTheNewDeadlineOnlyWhenItWasMoved) {
  boost::asio::io_context io;
  int fired = 0;
  DeadlineTimer timer(io.get_executor(), [&] { ++fired; });
  timer.set(monotonic_now() + 1h);
  timer.set(monotonic_now() - 1s);
  io.run();
  EXPECT_EQ(fired, 1);
}

TEST(DeadlineTimer, MayBeSetAndDestroyedByItsOwnHandler) {
  boost::asio::io_context io;
  int fired = 0;
  std::unique_ptr<DeadlineTimer> timer;
  timer = std::make_unique<DeadlineTimer>(io.get_executor(), [&] {
    if (++fired < 3) return timer->set(monotonic_now());
    timer.reset();
  });
  timer->set(monotonic_now());
  io.run();
  EXPECT_EQ(fired, 3);
}

boost::asio::awaitable<void> fails() {
  co_await boost::asio::this_coro::executor;
  throw std::runtime_error("the cable is gone");
}

TEST(SpawnDeathTest, NamesTheTaskWhoseExceptionEscaped) {
  EXPECT_DEATH(
      {
        boost::asio::io_context io;
        spawn(io.get_executor(), "advert sender", fails());
        io.run();
      },
      "advert sender ended by an error of ours: the cable is gone");
}

TEST(Process, TellsHowAChildEnded) {
  EXPECT_EQ(describe_exit(3 << 8), "exit code 3");
  EXPECT_EQ(describe_exit(9), "signal 9 (Killed)");
}

TEST(Process, APidfdOfAProcessThatDoesNotExistIsEmpty) {
  EXPECT_FALSE(open_pidfd(0x3ffffff));
}

}  // namespace
}  // namespace tandem::loop
