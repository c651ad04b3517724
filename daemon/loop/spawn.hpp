// Starting a coroutine that nobody waits for.
#pragma once

#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace tandem::loop {

// Runs `work` on `executor`. An exception that escapes it is our mistake: the process ends with the
// name in its last words. The exception of a cancelled operation is an ordinary end.
void spawn(const boost::asio::any_io_executor& executor, std::string name, boost::asio::awaitable<void> work);

// Says why on stderr and aborts.
[[noreturn]] void crash(std::string_view name, std::string_view why);

}  // namespace tandem::loop
