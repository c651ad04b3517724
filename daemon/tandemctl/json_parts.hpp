// Members of a JSON object that may be missing or of another type: a daemon of another version is shown as far as it is
// understood.
#pragma once

#include <string>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace tandem::ctl {

namespace json = boost::json;
using Number = unsigned long long;

inline std::string text_of(const json::value& from, const char* name) {
  const auto* object = from.if_object();
  const auto* value = object ? object->if_contains(name) : nullptr;
  const auto* text = value ? value->if_string() : nullptr;
  return text ? std::string(text->data(), text->size()) : std::string();
}

inline Number number_of(const json::value& from, const char* name) {
  const auto* object = from.if_object();
  const auto* value = object ? object->if_contains(name) : nullptr;
  if (!value) return 0;
  if (const auto* number = value->if_uint64()) return *number;
  if (const auto* number = value->if_int64()) return *number < 0 ? 0 : static_cast<Number>(*number);
  return 0;
}

inline bool truth_of(const json::value& from, const char* name) {
  const auto* object = from.if_object();
  const auto* value = object ? object->if_contains(name) : nullptr;
  return value && value->if_bool() && *value->if_bool();
}

inline const json::array& list_of(const json::value& from, const char* name) {
  static const json::array kNone;
  const auto* object = from.if_object();
  const auto* value = object ? object->if_contains(name) : nullptr;
  const auto* list = value ? value->if_array() : nullptr;
  return list ? *list : kNone;
}

}  // namespace tandem::ctl
