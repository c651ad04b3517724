// TANDEM_ASSERT: we were wrong. It stays on in release: a room that finds itself in an impossible
// state ends, and the supervisor starts it again in less time than a wrong decision would take to
// be noticed. What the outside does wrong is never an assertion: that is a Result and a counter.
#pragma once

namespace tandem {

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace tandem

#define TANDEM_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::tandem::assertion_failed(#expression, __FILE__, __LINE__))
