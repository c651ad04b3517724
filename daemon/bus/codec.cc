#include "daemon/bus/codec.hpp"

#include <charconv>
#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/json/parser.hpp>

#include "daemon/bus/describe.hpp"

namespace tandem::bus {

namespace json = boost::json;

namespace {

// The length of the valid UTF-8 sequence at the start of `text` (RFC 3629), 0 when there is none. REQUIRES: not empty.
size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  if (first == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
  if (first == 0xed && byte(1) > 0x9f) return 0;  // surrogates
  if (first == 0xf0 && byte(1) < 0x90) return 0;  // overlong
  if (first == 0xf4 && byte(1) > 0x8f) return 0;  // past U+10FFFF
  return length;
}

// `text` as a JSON string; each byte that is not UTF-8 becomes U+FFFD.
void write_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto first = static_cast<uint8_t>(text[0]);
    const size_t length = utf8_sequence(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (first == '"' || first == '\\') {
      out += '\\';
      out += text[0];
    } else if (first < 0x20) {
      static constexpr char kDigits[] = "0123456789abcdef";
      out += "\\u00";
      out += kDigits[first >> 4];
      out += kDigits[first & 15];
    } else {
      out.append(text, 0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

template <class T>
concept Number = std::integral<T> && !std::same_as<T, bool>;

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

// Written without a tree of values in between: forwarding says a hundred thousand of them a second on a large site.
template <class T>
void write(std::string& out, const T& value) {
  if constexpr (std::same_as<T, std::string>) {
    write_string(out, value);
  } else if constexpr (std::same_as<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (Number<T>) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  } else if constexpr (std::is_enum_v<T>) {
    write_string(out, word_of(value));
  } else if constexpr (IsVector<T>::value) {
    out += '[';
    for (size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ',';
      write(out, value[i]);
    }
    out += ']';
  } else {
    out += '{';
    bool first = true;
    for_each_field(value, [&](std::string_view name, const auto& member) {
      if (!std::exchange(first, false)) out += ',';
      write_string(out, name);
      out += ':';
      write(out, member);
    });
    out += '}';
  }
}

template <class T>
std::string encode_described(const T& described) {
  std::string out = "{\"";
  out.append(T::kKind).append("\":");
  write(out, described);
  out += '}';
  return out;
}

using Problem = std::optional<CodecError>;

template <class T>
Problem from_json(const json::value& value, T& out);

Problem read_number(const json::value& value, Number auto& out) {
  using T = std::remove_reference_t<decltype(out)>;
  if (value.is_int64()) {
    if (!std::in_range<T>(value.get_int64())) return CodecError::kOutOfRange;
    out = static_cast<T>(value.get_int64());
    return std::nullopt;
  }
  if (value.is_uint64()) {
    if (!std::in_range<T>(value.get_uint64())) return CodecError::kOutOfRange;
    out = static_cast<T>(value.get_uint64());
    return std::nullopt;
  }
  return CodecError::kWrongType;
}

// Reads every described field of `out`, and sees to it that there is nothing else.
template <class T>
Problem read_fields(const json::object& object, T& out) {
  Problem problem;
  size_t fields = 0;
  for_each_field(out, [&](std::string_view name, auto& member) {
    ++fields;
    if (problem) return;
    const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
    problem = value == nullptr ? CodecError::kMissingField : from_json(*value, member);
  });
  if (!problem && object.size() != fields) problem = CodecError::kUnknownField;
  return problem;
}

template <class T>
Problem from_json(const json::value& value, T& out) {
  if constexpr (std::same_as<T, std::string>) {
    if (!value.is_string()) return CodecError::kWrongType;
    out.assign(value.get_string().data(), value.get_string().size());
    return std::nullopt;
  } else if constexpr (std::same_as<T, bool>) {
    if (!value.is_bool()) return CodecError::kWrongType;
    out = value.get_bool();
    return std::nullopt;
  } else if constexpr (Number<T>) {
    return read_number(value, out);
  } else if constexpr (std::is_enum_v<T>) {
    if (!value.is_string()) return CodecError::kWrongType;
    const auto named = enum_of<T>(std::string_view(value.get_string().data(), value.get_string().size()));
    if (!named) return CodecError::kUnknownWord;
    out = *named;
    return std::nullopt;
  } else if constexpr (IsVector<T>::value) {
    if (!value.is_array()) return CodecError::kWrongType;
    out.clear();
    out.reserve(value.get_array().size());
    for (const auto& element : value.get_array())
      if (const auto problem = from_json(element, out.emplace_back())) return problem;
    return std::nullopt;
  } else {
    if (!value.is_object()) return CodecError::kWrongType;
    return read_fields(value.get_object(), out);
  }
}

template <class T>
Result<Frame, CodecError> read_frame(const json::value& value) {
  T out;
  if (const auto problem = from_json(value, out)) return Failure(*problem);
  if constexpr (requires { Message(std::move(out)); }) {
    return Frame(Message(std::move(out)));
  } else {
    return Frame(std::move(out));
  }
}

}  // namespace

std::string_view describe(CodecError error) {
  switch (error) {
    case CodecError::kTooLarge:
      return "larger than allowed";
    case CodecError::kNotJson:
      return "not JSON";
    case CodecError::kNotAnObject:
      return "not an object";
    case CodecError::kUnknownKind:
      return "of an unknown kind";
    case CodecError::kMissingField:
      return "without a field it must have";
    case CodecError::kUnknownField:
      return "with a field it must not have";
    case CodecError::kWrongType:
      return "with a field of the wrong type";
    case CodecError::kOutOfRange:
      return "with a number out of range";
    case CodecError::kUnknownWord:
      return "with an unknown word";
  }
  return "?";
}

std::string encode(const Message& message) {
  return std::visit([](const auto& m) { return encode_described(m); }, message);
}
std::string encode_body(const Message& message) {
  std::string out;
  std::visit([&](const auto& m) { write(out, m); }, message);
  return out;
}
std::string encode(const Subscribe& subscribe) {
  return encode_described(subscribe);
}
std::string encode(const CaughtUp& caught_up) {
  return encode_described(caught_up);
}
std::string encode(const Stop& stop) {
  return encode_described(stop);
}

Result<Frame, CodecError> decode_frame(std::string_view text, size_t most_bytes) {
  if (text.size() > most_bytes) return Failure(CodecError::kTooLarge);
  json::parse_options options;
  options.max_depth = 6;  // the deepest message, ServerHealth: attempts of checks of the body in the frame
  json::parser parser({}, options);
  json::error_code error;
  parser.write(text.data(), text.size(), error);
  if (error) return Failure(CodecError::kNotJson);
  const json::value value = parser.release();
  if (!value.is_object()) return Failure(CodecError::kNotAnObject);
  const auto& object = value.get_object();
  if (object.size() != 1) return Failure(CodecError::kUnknownKind);
  const auto& [kind, body] = *object.begin();
  const std::string_view named(kind.data(), kind.size());
  if (named == Subscribe::kKind) return read_frame<Subscribe>(body);
  if (named == CaughtUp::kKind) return read_frame<CaughtUp>(body);
  if (named == Stop::kKind) return read_frame<Stop>(body);
  Result<Frame, CodecError> result = Failure(CodecError::kUnknownKind);
  any_kind([&, &content = body](auto type) {
    using M = typename decltype(type)::type;
    if (named != M::kKind) return false;
    result = read_frame<M>(content);
    return true;
  });
  return result;
}

Result<Message, CodecError> decode(std::string_view text, size_t most_bytes) {
  auto frame = decode_frame(text, most_bytes);
  if (!frame) return Failure(frame.error());
  if (auto* message = std::get_if<Message>(&*frame)) return std::move(*message);
  return Failure(CodecError::kUnknownKind);
}

}  // namespace tandem::bus
