// The grpc check: what is asked of grpc.health.v1.Health/Check, and what the answer means.
//
// HTTP/2 is the shell's (nghttp2); here are the few bytes of protobuf in it and the verdict over header fields, messages
// and trailers. Sources: "gRPC over HTTP2" (the framing of messages, Status, Status-Message), "GRPC Health Checking
// Protocol" (health.proto), and protobuf's encoding.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "checkers/outcome.hpp"
#include "daemon/base/result.hpp"
#include "daemon/base/time.hpp"

namespace tandem::checkers {

// A framed HealthCheckRequest: no compression, its length, and the service's name where it is not empty.
std::string grpc_health_request(std::string_view service);

// "2000m": at most eight digits and a unit (grpc-timeout). REQUIRES: at least a millisecond.
std::string grpc_timeout(Duration timeout);

// health.proto's numbers; others may come from a server that is newer than we are.
enum class ServingStatus : uint32_t { kUnknown = 0, kServing = 1, kNotServing = 2, kServiceUnknown = 3 };

// Of a HealthCheckResponse without its frame. Fields that are not known are passed over, the last of several counts, and
// without one it is kUnknown, as protobuf has it. The failure: what is wrong with it.
Result<ServingStatus, std::string_view> decode_health_response(std::string_view message);

// Gathers the answer to one call, and judges it.
class GrpcAnswer {
 public:
  // Header fields and trailers alike, in lower case as HTTP/2 has them.
  void field(std::string_view name, std::string_view value);
  // A piece of the body; more than any answer has is not kept.
  void data(std::string_view bytes);

  // The stream has ended. `service`: the one that was asked about.
  Outcome verdict(std::string_view service) const;

 private:
  static constexpr size_t kMostBody = 1024;

  std::string http_status_, content_type_, message_;
  std::optional<std::string> status_;
  std::string body_;
  bool too_much_ = false;
};

}  // namespace tandem::checkers
