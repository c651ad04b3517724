// What an http check sends and which status codes it takes for an answer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/address.hpp"

namespace tandem::checkers {

// Status codes `low` to `high`, both included (RFC 9110, section 15: 100-599).
struct StatusRange {
  uint16_t low = 200;
  uint16_t high = 299;
  bool operator==(const StatusRange&) const = default;
};

bool expects(const std::vector<StatusRange>& ranges, uint32_t status);

// "200-299, 401"
std::string text_of(const std::vector<StatusRange>& ranges);

// Whom a request is for, as Host and :authority have it: `host` without bytes that could end a line, else the address, with
// the port where it is not `usual_port`.
std::string authority_of(std::string_view host, const IpAddress& address, uint16_t port, uint16_t usual_port);

// The request of one attempt (RFC 9112), with Connection: close. An empty `host` becomes the
// address, with the port where it is not `usual_port` (80 or 443). Bytes that could end a line are
// percent-encoded in `path` and left out of `host`.
struct HttpRequest {
  std::string_view method = "GET";
  std::string_view path;
  std::string_view host;
  std::span<const std::string> headers = {};  // "Name: value", already checked
};
std::string http_request(const HttpRequest& request, const IpAddress& address, uint16_t port, uint16_t usual_port);

}  // namespace tandem::checkers
