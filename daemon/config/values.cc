#include "daemon/config/values.hpp"

#include <algorithm>
#include <charconv>

#include "daemon/base/assert.hpp"
#include "daemon/config/durations.hpp"
#include "daemon/config/nearest.hpp"
#include "daemon/config/parsing.hpp"

namespace tandem::config {
namespace {

constexpr size_t kLongestQuote = 60;
constexpr size_t kLongestPath = 4095;
constexpr size_t kLongestUrlPath = 1024;
constexpr size_t kLongestHost = 253;
constexpr size_t kLongestText = 1024;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool all_of(std::string_view text, std::string_view more) {
  return std::ranges::all_of(text, [&](char c) { return is_letter_or_digit(c) || more.find(c) != more.npos; });
}

// No blank, no control character, nothing but ASCII: it becomes part of a request line.
bool is_graphic(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

std::string printable(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  const auto escape = [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    out += "\\x";
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (byte < 0x20 || byte == 0x7f) {
      escape(text[i]);
    } else if (c1) {
      escape(text[i]);
      escape(text[++i]);
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string quote(std::string_view text) {
  std::string_view shown = text;
  if (text.size() > kLongestQuote) {
    size_t length = kLongestQuote;
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) --length;  // not within a letter
    shown = text.substr(0, length);
  }
  return "'" + printable(shown) + (shown.size() < text.size() ? "...'" : "'");
}

std::string found(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNothing:
      return "nothing";
    case Node::Kind::kScalar:
      return (node.quoted ? "the text " : "") + quote(node.text);
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
  }
  return {};
}

std::string mismatch(const std::string& expected, const Node& node) {
  return "expected " + expected + ", found " + found(node);
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 63 && all_of(text, "_.-");
}

bool is_interface(std::string_view text) {
  return !text.empty() && text.size() <= 15 && text != "." && text != ".." && is_graphic(text) &&
         text.find_first_of("/:") == std::string_view::npos;
}

Parsed<int64_t> parse_integer(const Key& key, const Node& node) {
  TANDEM_ASSERT(key.type == Type::kInteger || key.type == Type::kPriorities);
  std::string_view digits = node.text;
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  const std::string expected =
      key.type == Type::kInteger ? expectation(key)
                                 : "a whole number from " + std::to_string(key.low) + " to " + std::to_string(key.high);
  if (node.kind != Node::Kind::kScalar || !is_digits(digits)) return std::unexpected(mismatch(expected, node));
  if (node.quoted) return std::unexpected(mismatch(expected, node) + "; write it without quotes");
  if (digits.size() > 1 && digits[0] == '0')
    return std::unexpected(mismatch(expected, node) + "; write it without leading zeros");
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (negative) value = -value;
  if (error != std::errc() || value < key.low || value > key.high) return std::unexpected(mismatch(expected, node));
  return value;
}

Parsed<Amount> parse_amount(const Key& key, const Node& node) {
  TANDEM_ASSERT(key.type == Type::kAmount || key.type == Type::kPercent);
  std::string_view digits = node.text;
  Amount amount;
  amount.percent = digits.ends_with('%');
  if (amount.percent) digits.remove_suffix(1);
  const int64_t high = amount.percent && key.type == Type::kAmount ? 100 : key.high;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = node.kind == Node::Kind::kScalar && is_digits(digits) && error == std::errc{} &&
                     end == digits.data() + digits.size() && (digits.size() == 1 || digits[0] != '0');
  if (!whole || value < key.low || value > high) return wrong<Amount>(key, node);
  amount.value = static_cast<uint32_t>(value);
  return amount;
}

Parsed<uint8_t> parse_percent(const Key& key, const Node& node) {
  const auto amount = parse_amount(key, node);
  if (!amount) return std::unexpected(amount.error());
  if (!amount->percent) return wrong<uint8_t>(key, node, "write it with its %");
  return static_cast<uint8_t>(amount->value);
}

Parsed<uint32_t> parse_need(const Key& key, const Node& node) {
  TANDEM_ASSERT(key.type == Type::kNeed);
  if (node.kind == Node::Kind::kScalar && node.text == "all") return 0U;
  if (node.kind == Node::Kind::kScalar && node.text == "any") return 1U;
  int64_t value = 0;
  const std::string_view digits = node.text;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = node.kind == Node::Kind::kScalar && is_digits(digits) && error == std::errc{} &&
                     end == digits.data() + digits.size() && digits[0] != '0';
  if (!whole || value < key.low || value > key.high) return wrong<uint32_t>(key, node);
  return static_cast<uint32_t>(value);
}

Parsed<bool> parse_boolean(const Key& key, const Node& node) {
  if (node.kind == Node::Kind::kScalar && !node.quoted && (node.text == "true" || node.text == "false"))
    return node.text == "true";
  return wrong<bool>(key, node, node.quoted ? "write it without quotes" : "");
}

Parsed<Duration> parse_time(const Key& key, const Node& node) {
  TANDEM_ASSERT(key.type == Type::kDuration);
  if (node.kind != Node::Kind::kScalar) return wrong<Duration>(key, node);
  const auto time = parse_duration(node.text);
  if (!time) {
    switch (time.error()) {
      case DurationError::kNoUnit:
        return wrong<Duration>(
            key, node,
            "a number needs its unit: " + node.text.substr(0, 20) + "s or " + node.text.substr(0, 20) + "ms?");
      case DurationError::kUnknownUnit:
        return wrong<Duration>(key, node, "the units are us, ms, s, m and h");
      case DurationError::kNotATime:
      case DurationError::kTooLong:
      case DurationError::kTooFine:
        return wrong<Duration>(key, node);
    }
  }
  if (time->count() < key.low || time->count() > key.high || time->count() % key.step != 0)
    return wrong<Duration>(key, node);
  return *time;
}

Parsed<uint8_t> parse_choice(const Key& key, const Node& node) {
  TANDEM_ASSERT(key.type == Type::kChoice);
  if (node.kind != Node::Kind::kScalar) return wrong<uint8_t>(key, node);
  std::vector<Candidate> candidates;
  for (const Choice& choice : key.choices) {
    if (choice.word == node.text) return choice.value;
    candidates.push_back({choice.word, choice.also});
  }
  const std::string_view meant = nearest(node.text, candidates);
  return wrong<uint8_t>(key, node, meant.empty() ? "" : "did you mean '" + std::string(meant) + "'?");
}

Parsed<std::vector<PortRange>> parse_ports(const Key& key, const Node& node) {
  TANDEM_ASSERT(key.type == Type::kPorts);
  const auto port = [](std::string_view digits) -> uint16_t {
    uint32_t value = 0;
    if (!is_digits(digits) || digits.size() > 5 || digits[0] == '0') return 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value <= 65535 ? static_cast<uint16_t>(value) : uint16_t{0};
  };
  return one_or_several<PortRange>(key, node, [&](const Node& each) -> Parsed<PortRange> {
    if (each.kind != Node::Kind::kScalar) return wrong<PortRange>(key, each);
    if (each.quoted) return wrong<PortRange>(key, each, "write it without quotes");
    const std::string_view text = each.text;
    if (text == "any") return PortRange{1, 65535};
    const size_t dash = text.find('-');
    const PortRange range{port(text.substr(0, dash)), port(dash == text.npos ? text : text.substr(dash + 1))};
    if (range.first == 0 || range.last == 0) return wrong<PortRange>(key, each);
    if (range.first > range.last) return wrong<PortRange>(key, each, "the smaller one comes first");
    return range;
  });
}

Parsed<std::vector<StatusRange>> parse_statuses(const Key& key, const Node& node) {
  using Ranges = std::vector<StatusRange>;
  if (node.kind != Node::Kind::kScalar || node.text.size() > kLongestUrlPath) return wrong<Ranges>(key, node);
  const auto status = [](std::string_view digits) -> uint16_t {
    uint16_t value = 0;
    if (!is_digits(digits) || digits.size() != 3) return 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value >= 100 && value <= 599 ? value : 0;
  };
  Ranges ranges;
  std::string_view rest = node.text;
  while (true) {
    const size_t comma = rest.find(',');
    std::string_view part = rest.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    const size_t dash = part.find('-');
    const StatusRange range{status(part.substr(0, dash)),
                            status(dash == std::string_view::npos ? part : part.substr(dash + 1))};
    if (range.low == 0 || range.high == 0) return wrong<Ranges>(key, node);
    if (range.low > range.high) return wrong<Ranges>(key, node, "the smaller one comes first");
    ranges.push_back(range);
    if (comma == std::string_view::npos) return ranges;
    rest.remove_prefix(comma + 1);
  }
}

Parsed<std::string> parse_text(const Key& key, const Node& node) {
  const std::string_view text = node.text;
  const auto fits = [&] {
    switch (key.type) {
      case Type::kName:
        return is_name(text);
      case Type::kInterface:
      case Type::kInterfaces:
        return is_interface(text);
      case Type::kFile:
        return text.starts_with('/') && text.size() <= kLongestPath && !text.ends_with('/');
      case Type::kUrlPath:
        return text.starts_with('/') && text.size() <= kLongestUrlPath && is_graphic(text);
      case Type::kCommand:
        return text.starts_with('/') && text.size() <= kLongestPath &&
               std::ranges::all_of(text, [](char c) { return c == ' ' || (c > ' ' && c != 0x7f); });
      case Type::kText:
      case Type::kTexts:
        return !text.empty() && text.size() <= kLongestText && text.find('\0') == std::string_view::npos;
      case Type::kPassword:
        return !text.empty() && text.size() <= 8 && is_graphic(text);
      case Type::kHost:
        return !text.empty() && text.size() <= kLongestHost && all_of(text, "_.-:[]");
      default:
        TANDEM_ASSERT(false && "no text");
        return false;
    }
  };
  if (node.kind == Node::Kind::kScalar && fits()) return node.text;
  return wrong<std::string>(key, node);
}

}  // namespace tandem::config
