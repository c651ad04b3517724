#include "checkers/grpc_health.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "daemon/base/assert.hpp"

namespace tandem::checkers {
namespace {

using Reason = Outcome::Reason;

constexpr size_t kFrameHeader = 5;  // compressed or not, and the length, big endian
constexpr size_t kMostField = 256;  // of a header field's value that is kept

// gRPC's status codes by their numbers.
constexpr std::array<std::string_view, 17> kCodes{
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

// Takes a varint from the front: at most ten bytes, and bits beyond the 64th are lost, as protobuf's own parsers have it.
std::optional<uint64_t> take_varint(std::string_view& bytes) {
  uint64_t value = 0;
  for (unsigned i = 0; i < 10 && i < bytes.size(); ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    value |= uint64_t{byte & 0x7fu} << (7 * i);
    if (byte < 0x80) {
      bytes.remove_prefix(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

bool skip(std::string_view& bytes, uint64_t size) {
  if (size > bytes.size()) return false;
  bytes.remove_prefix(static_cast<size_t>(size));
  return true;
}

// Passes over one field's value. Groups (3 and 4) are as old as protobuf's first version and in no health.proto.
bool skip_value(std::string_view& bytes, uint64_t wire_type) {
  switch (wire_type) {
    case 0:
      return take_varint(bytes).has_value();
    case 1:
      return skip(bytes, 8);
    case 2: {
      const auto size = take_varint(bytes);
      return size && skip(bytes, *size);
    }
    case 5:
      return skip(bytes, 4);
    default:
      return false;
  }
}

// Status-Message is percent-encoded UTF-8; what is not well encoded stays as it is.
std::string percent_decoded(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const bool encoded =
        text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3;
    plain += encoded ? static_cast<char>(value) : text[i];
    if (encoded) i += 2;
  }
  return plain;
}

Outcome refused(std::string_view text) {
  return {.reason = Reason::kRefusedByWord, .text = printable(text)};
}

Outcome malformed(std::string_view text) {
  return {.reason = Reason::kMalformed, .text = printable(text)};
}

std::string about(std::string_view service) {
  return service.empty() ? "" : " (service " + std::string(service) + ')';
}

Outcome of_status(ServingStatus status, std::string_view service) {
  switch (status) {
    case ServingStatus::kServing:
      return {.text = printable("SERVING" + about(service))};
    case ServingStatus::kNotServing:
      return refused("NOT_SERVING" + about(service));
    case ServingStatus::kUnknown:
      return refused("UNKNOWN, its health is not known yet" + about(service));
    case ServingStatus::kServiceUnknown:
      return refused("SERVICE_UNKNOWN" + about(service));
  }
  return refused("a status of number " + std::to_string(static_cast<uint32_t>(status)) + about(service));
}

}  // namespace

std::string grpc_health_request(std::string_view service) {
  std::string message;
  if (!service.empty()) message = '\x0a' + varint(service.size()) + std::string(service);  // field 1, with a length
  const auto size = static_cast<uint32_t>(message.size());
  std::string framed(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) framed += static_cast<char>(size >> shift);
  return framed + message;
}

std::string grpc_timeout(Duration timeout) {
  const auto milliseconds = timeout / 1ms;
  TANDEM_ASSERT(milliseconds > 0);
  return milliseconds <= 99'999'999 ? std::to_string(milliseconds) + 'm' : std::to_string(milliseconds / 1000) + 'S';
}

Result<ServingStatus, std::string_view> decode_health_response(std::string_view message) {
  uint32_t status = 0;
  while (!message.empty()) {
    const auto tag = take_varint(message);
    if (!tag || *tag >> 3 == 0) return Failure<std::string_view>("no field where one begins");
    if (*tag >> 3 == 1 && (*tag & 7) == 0) {
      const auto value = take_varint(message);
      if (!value) return Failure<std::string_view>("its status is cut off");
      status = static_cast<uint32_t>(*value);  // an enumeration has 32 bits
    } else if (!skip_value(message, *tag & 7)) {
      return Failure<std::string_view>("a field is cut off or of no known form");
    }
  }
  return static_cast<ServingStatus>(status);
}

void GrpcAnswer::field(std::string_view name, std::string_view value) {
  value = value.substr(0, kMostField);
  if (name == ":status") http_status_ = value;
  if (name == "content-type") content_type_ = value;
  if (name == "grpc-status") status_ = value;
  if (name == "grpc-message") message_ = value;
}

void GrpcAnswer::data(std::string_view bytes) {
  too_much_ = too_much_ || bytes.size() > kMostBody - body_.size();
  if (!too_much_) body_ += bytes;
}

Outcome GrpcAnswer::verdict(std::string_view service) const {
  if (http_status_ != "200") return malformed("HTTP status " + http_status_ + " instead of gRPC's");
  if (!content_type_.starts_with("application/grpc"))
    return malformed((content_type_.empty() ? "no content-type" : "content-type " + content_type_) +
                     " instead of gRPC's");
  if (!status_) return malformed("it ends without grpc-status");
  if (*status_ != "0") {
    unsigned code = 0;
    const auto [end, error] = std::from_chars(status_->data(), status_->data() + status_->size(), code);
    if (error != std::errc() || end != status_->data() + status_->size())
      return malformed("grpc-status is no number: " + *status_);
    const std::string message = percent_decoded(message_);
    return refused("gRPC status " + *status_ + (code < kCodes.size() ? ' ' + std::string(kCodes.at(code)) : "") +
                   about(service) + (message.empty() ? "" : ": " + message));
  }
  if (too_much_) return malformed("a message of more than " + std::to_string(kMostBody) + " bytes");
  if (body_.size() < kFrameHeader)
    return malformed(body_.empty() ? "there is no message in it" : "its message is cut off");
  if (body_[0] != 0) return malformed("its message is compressed, which nobody asked for");
  uint32_t size = 0;
  for (size_t i = 1; i < kFrameHeader; ++i) size = size << 8 | static_cast<uint8_t>(body_[i]);
  if (size != body_.size() - kFrameHeader)
    return malformed(size > body_.size() - kFrameHeader ? "its message is cut off" : "more than one message");
  const auto status = decode_health_response(std::string_view(body_).substr(kFrameHeader));
  if (!status) return malformed("its message is no HealthCheckResponse: " + std::string(status.error()));
  return of_status(*status, service);
}

}  // namespace tandem::checkers
