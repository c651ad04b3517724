// Whatever answers an http request: the first byte says how the body is looked at and whether the request was HEAD, the second
// where the bytes are cut in two. After the last one the server closes.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "checkers/io/http_answer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tandem::checkers;
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  Check check{.kind = CheckKind::kHttp};
  if ((data[0] & 2) != 0) check.method = "HEAD";
  if ((data[0] & 1) != 0) {
    check.body = {(data[0] & 4) != 0 ? BodyMatch::Kind::kRegex : BodyMatch::Kind::kContains, "ready"};
    if ((data[0] & 8) != 0) check.body = {BodyMatch::Kind::kSha256, std::string(64, '0')};
  }
  const auto answer = HttpAnswer::to(check);
  std::optional<Outcome> outcome;
  const size_t cut = data[1];
  if (cut > 0 && cut < bytes.size()) {
    outcome = answer->feed(bytes.substr(0, cut));
    if (!outcome) outcome = answer->feed(bytes.substr(cut));
  } else if (!bytes.empty()) {
    outcome = answer->feed(bytes);
  }
  if (!outcome) outcome = answer->end({.reason = Outcome::Reason::kClosed, .stage = answer->stage()});
  if (outcome->text.size() > kMaxText || outcome->text != printable(outcome->text)) __builtin_trap();
  // What passes has a status that was wanted.
  if (outcome->ok() && (outcome->number < 200 || outcome->number > 299)) __builtin_trap();
  return 0;
}
