#include "checkers/http_expect.hpp"

#include <algorithm>

namespace tandem::checkers {

bool expects(const std::vector<StatusRange>& ranges, uint32_t status) {
  return std::ranges::any_of(
      ranges, [status](const StatusRange& range) { return range.low <= status && status <= range.high; });
}

std::string text_of(const std::vector<StatusRange>& ranges) {
  std::string text;
  for (const StatusRange& range : ranges) {
    if (!text.empty()) text += ", ";
    text += std::to_string(range.low);
    if (range.high != range.low) text += '-' + std::to_string(range.high);
  }
  return text;
}

namespace {

bool is_plain(char c) {
  return c > ' ' && c < '\x7f';
}

}  // namespace

std::string authority_of(std::string_view host, const IpAddress& address, uint16_t port, uint16_t usual_port) {
  std::string field;
  if (!host.empty()) {
    std::ranges::copy_if(host, std::back_inserter(field), is_plain);
    return field;
  }
  field = address.is_v4() ? address.text() : '[' + address.text() + ']';
  if (port != usual_port) field += ':' + std::to_string(port);
  return field;
}

std::string http_request(const HttpRequest& wanted, const IpAddress& address, uint16_t port, uint16_t usual_port) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string request = std::string(wanted.method) + ' ';
  const std::string_view path = wanted.path;
  if (!path.starts_with('/')) request += '/';
  for (const char c : path) {
    const auto byte = static_cast<uint8_t>(c);
    if (is_plain(c)) {
      request += c;
    } else {
      request += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  request += " HTTP/1.1\r\nHost: " + authority_of(wanted.host, address, port, usual_port) +
             "\r\nUser-Agent: tandem/" TANDEM_VERSION "\r\nAccept: */*\r\nConnection: close\r\n";
  for (const std::string& line : wanted.headers) request += line + "\r\n";
  return request + "\r\n";
}

}  // namespace tandem::checkers
