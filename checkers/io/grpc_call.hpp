// One call of grpc.health.v1.Health/Check by HTTP/2 (RFC 9113), which nghttp2 speaks. It has no sockets: bytes go into its session,
// bytes come out of it, and what the call's stream says is gathered in a GrpcAnswer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "checkers/grpc_health.hpp"
#include "checkers/settings.hpp"

struct nghttp2_session;

namespace tandem::checkers {

class GrpcCall {
 public:
  // REQUIRES: the target's check outlives the call.
  explicit GrpcCall(const Target& target);
  GrpcCall(const GrpcCall&) = delete;
  GrpcCall& operator=(const GrpcCall&) = delete;

  // What is to be sent now; nghttp2 owes no more than the request, and answers to what came.
  std::string to_send();
  void hear(std::string_view bytes);
  // The verdict, once there is one.
  const std::optional<Outcome>& outcome() const { return outcome_; }
  // The last words of a connection that is not used any more (GOAWAY).
  std::string goodbye();

 private:
  struct Callbacks;  // nghttp2's way back to us

  void refuse(std::string_view why);

  std::string_view service_;
  std::string body_;
  size_t sent_ = 0;
  GrpcAnswer answer_;
  std::optional<Outcome> outcome_;
  bool heard_anything_ = false;
  int32_t stream_ = 0;
  std::unique_ptr<nghttp2_session, void (*)(nghttp2_session*)> session_;  // last: it calls back into what is above
};

}  // namespace tandem::checkers
