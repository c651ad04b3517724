// Whatever a gRPC server answers: lines "name: value" are header fields and trailers up to an empty line, the rest is the body.
// The same bytes are decoded as a HealthCheckResponse, too.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "checkers/grpc_health.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tandem::checkers;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto decoded = decode_health_response(rest);
  if (!decoded && decoded.error().empty()) __builtin_trap();
  GrpcAnswer answer;
  for (size_t end = 0; (end = rest.find('\n')) != rest.npos;) {
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (line.empty()) break;
    const size_t colon = line.find(": ");
    if (colon != line.npos) answer.field(line.substr(0, colon), line.substr(colon + 2));
  }
  answer.data(rest.substr(0, rest.size() / 2));
  answer.data(rest.substr(rest.size() / 2));
  for (const std::string_view service : {"", "shop.v1.Cart"}) {
    const Outcome outcome = answer.verdict(service);
    if (outcome.text.size() > kMaxText || outcome.text != printable(outcome.text)) __builtin_trap();
    // Nothing but SERVING is up.
    if (outcome.ok() && !outcome.text.starts_with("SERVING")) __builtin_trap();
  }
  return 0;
}
