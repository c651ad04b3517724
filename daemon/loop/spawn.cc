#include "daemon/loop/spawn.hpp"

#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>

namespace tandem::loop {

void crash(std::string_view name, std::string_view why) {
  std::string words = "<2>tandemd: ";
  words.append(name).append(" ended by an error of ours: ").append(why).append("\n");
  [[maybe_unused]] const auto written = write(STDERR_FILENO, words.data(), words.size());
  std::abort();
}

void spawn(const boost::asio::any_io_executor& executor, std::string name, boost::asio::awaitable<void> work) {
  boost::asio::co_spawn(executor, std::move(work), [name = std::move(name)](const std::exception_ptr& escaped) {
    if (!escaped) return;
    try {
      std::rethrow_exception(escaped);
    } catch (const boost::system::system_error& error) {
      if (error.code() == boost::asio::error::operation_aborted) return;
      crash(name, error.what());
    } catch (const std::exception& error) {
      crash(name, error.what());
    } catch (...) {
      crash(name, "an exception without words");
    }
  });
}

}  // namespace tandem::loop
