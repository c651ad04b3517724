// Whatever a server says by HTTP/2, or instead of it: the first byte chooses the check, the rest is heard in pieces of the second
// byte's size.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "checkers/io/grpc_call.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tandem::checkers;
  if (size < 2) return 0;
  Check check{.kind = CheckKind::kGrpc};
  if ((data[0] & 1) != 0) check.service = "shop.v1.Cart";
  check.tls = (data[0] & 2) != 0;
  const Target target{
      .address = tandem::Ipv4Address{0x7f000001}, .port = 50051, .check = std::make_shared<const Check>(check)};
  GrpcCall call(target);
  std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t piece = data[1] == 0 ? bytes.size() : data[1];
  size_t owed = call.to_send().size();
  while (!call.outcome() && !bytes.empty()) {
    call.hear(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    owed += call.to_send().size();
  }
  // It answers what it hears, and no more: a frame of nine bytes gets one of at most 17.
  if (owed > 2000 + 4 * size) __builtin_trap();
  if (!call.outcome()) return 0;
  const Outcome& outcome = *call.outcome();
  if (outcome.text.size() > kMaxText || (outcome.ok() && !outcome.text.starts_with("SERVING"))) __builtin_trap();
  call.goodbye();
  return 0;
}
