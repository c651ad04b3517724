#include "daemon/control/query.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace tandem::control {
namespace {

constexpr uint32_t kStandardLimit = 100, kMostLimit = 1500;
constexpr size_t kLongestValue = 128;

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const auto high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (!high || !low) return std::nullopt;
      c = static_cast<char>(*high * 16 + *low);
      i += 2;
    }
    if (c < 0x20 || c > 0x7e) return std::nullopt;
    out += c;
  }
  return out;
}

template <class Number>
bool read_number(const std::string& text, Number& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

// Moves the values of a query into a question, and remembers what was wrong first.
class Taking {
 public:
  explicit Taking(const Query& query) : left_(query.values) {}

  void text(std::string_view name, std::string& into) {
    const auto value = take(name);
    if (!value) return;
    if (value->size() > kLongestValue) fail(name, "it is longer than 128 characters");
    into = *value;
  }
  template <class Number>
  void number(std::string_view name, Number& into, Number low, Number high) {
    const auto value = take(name);
    if (!value) return;
    if (!read_number(*value, into) || into < low || into > high)
      fail(name, "expected a number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  bool truth(std::string_view name) {
    const auto value = take(name);
    if (value && *value != "1") fail(name, "expected 1");
    return value.has_value();
  }
  // What is wrong, what was not asked for included.
  std::optional<std::string> wrong() {
    if (!wrong_ && !left_.empty()) wrong_ = left_.begin()->first + ": there is no such condition";
    return wrong_;
  }

 private:
  std::optional<std::string> take(std::string_view name) {
    const auto found = left_.find(std::string(name));
    if (found == left_.end()) return std::nullopt;
    std::string value = std::move(found->second);
    left_.erase(found);
    if (value.empty()) fail(name, "it is empty");
    return value;
  }
  void fail(std::string_view name, const std::string& why) {
    if (!wrong_) wrong_ = std::string(name) + ": " + why;
  }

  std::map<std::string, std::string> left_;
  std::optional<std::string> wrong_;
};

}  // namespace

std::optional<Query> parse_query(std::string_view target) {
  Query query;
  const size_t mark = target.find('?');
  const auto path = decoded(target.substr(0, mark));
  if (!path) return std::nullopt;
  query.path = *path;
  std::string_view rest = mark == target.npos ? std::string_view() : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const auto name = decoded(pair.substr(0, equals));
    const auto value = decoded(equals == pair.npos ? std::string_view() : pair.substr(equals + 1));
    if (!name || name->empty() || !value || !query.values.emplace(*name, *value).second) return std::nullopt;
  }
  return query;
}

std::expected<std::variant<bus::FlowQuestion, bus::TraceRequest>, QueryRefusal> question_of(const Query& query,
                                                                                            std::string_view method) {
  constexpr uint16_t kMostPort = std::numeric_limits<uint16_t>::max();
  Taking taking(query);
  if (query.path == "/v1/trace") {
    if (method != "GET") return std::unexpected(QueryRefusal{405, "another method is wanted"});
    bus::TraceRequest trace;
    taking.text("client", trace.client);
    taking.number<uint16_t>("client_port", trace.client_port, 1, kMostPort);
    taking.text("service", trace.service);
    if (const auto wrong = taking.wrong()) return std::unexpected(QueryRefusal{400, *wrong});
    if (trace.client.empty()) return std::unexpected(QueryRefusal{400, "client: it is missing"});
    return trace;
  }
  if (method != "GET" && method != "POST") return std::unexpected(QueryRefusal{405, "another method is wanted"});
  bus::FlowQuestion flows;
  flows.kill = method == "POST";
  flows.limit = kStandardLimit;
  taking.text("client", flows.client);
  taking.number<uint16_t>("client_port", flows.client_port, 1, kMostPort);
  taking.text("virtual_address", flows.virtual_address);
  taking.number<uint16_t>("virtual_port", flows.virtual_port, 1, kMostPort);
  taking.text("protocol", flows.protocol);
  taking.text("service", flows.service);
  taking.text("server", flows.server);
  taking.text("state", flows.state);
  taking.number<uint32_t>("limit", flows.limit, 0, kMostLimit);
  const bool all = flows.kill && taking.truth("all");
  if (const auto wrong = taking.wrong()) return std::unexpected(QueryRefusal{400, *wrong});
  const bool conditions = !flows.client.empty() || flows.client_port != 0 || !flows.virtual_address.empty() ||
                          flows.virtual_port != 0 || !flows.protocol.empty() || !flows.service.empty() ||
                          !flows.server.empty() || !flows.state.empty();
  if (flows.kill && !conditions && !all)
    return std::unexpected(QueryRefusal{400, "all flows are to be killed only with all=1"});
  return flows;
}

}  // namespace tandem::control
