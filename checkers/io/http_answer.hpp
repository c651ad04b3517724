// The answer of an http check, bytes in, verdict out. Beast's parser reads it from a buffer of ours, so that the bounds are
// ours too. The body is looked at only where the check looks at it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "checkers/outcome.hpp"
#include "checkers/settings.hpp"

namespace tandem::checkers {

class HttpAnswer {
 public:
  // Of an answer to a request of `check`, which must outlive it.
  static std::unique_ptr<HttpAnswer> to(const Check& check);
  virtual ~HttpAnswer() = default;

  // What came next. The verdict, as soon as there is one; REQUIRES: there was none before.
  virtual std::optional<Outcome> feed(std::string_view bytes) = 0;
  // The other side ended, in words: `closed`. A body without a length is whole then.
  virtual Outcome end(Outcome closed) = 0;
  // What is waited for: the header or the body.
  virtual Stage stage() const = 0;
};

// The request's bytes.
std::string http_request_of(const Check& check, const IpAddress& address, uint16_t port);

}  // namespace tandem::checkers
