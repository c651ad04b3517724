// What can be asked of any message without naming its type: its kind, its key, its fields, and the words of its enums.
//
// messages.hpp describes each struct once, in fields(); everything here follows from that.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "daemon/bus/messages.hpp"

namespace tandem::bus {

// A struct with a fields(): a message, or a part of one.
template <class T>
concept Described = requires(T& value) { T::fields(value, [](std::string_view, auto&) {}); };

// Calls visit(name, member) for each field in the order of its description; members are const when `value` is.
template <class T, class Visit>
  requires Described<std::remove_const_t<T>>
void for_each_field(T& value, Visit&& visit) {
  std::remove_const_t<T>::fields(value, visit);
}

// The lower-case words of an enum, in the order of its values, which start at 0 and have no gaps.
template <class E>
struct EnumWords;

template <>
struct EnumWords<RouterState> {
  static constexpr std::array<std::string_view, 4> kWords{"initialize", "backup", "active", "fault"};
};
template <>
struct EnumWords<HandoverStep> {
  static constexpr std::array<std::string_view, 7> kWords{"ask",      "offer",  "take",    "inquire",
                                                          "inquired", "affirm", "affirmed"};
};
template <>
struct EnumWords<RoomPhase> {
  static constexpr std::array<std::string_view, 4> kWords{"starting", "running", "stopping", "dead"};
};
template <>
struct EnumWords<OverrideKind> {
  static constexpr std::array<std::string_view, 4> kWords{"none", "weight", "drain", "disable"};
};
template <>
struct EnumWords<ExecEnd> {
  static constexpr std::array<std::string_view, 5> kWords{"exited", "killed", "timed_out", "not_started", "not_run"};
};
template <>
struct EnumWords<Severity> {
  static constexpr std::array<std::string_view, 5> kWords{"debug", "info", "notice", "warning", "error"};
};

// "active" of kActive; "?" of a number that is none of the enum's.
template <class E>
constexpr std::string_view word_of(E value) {
  const auto index = static_cast<size_t>(value);
  return index < EnumWords<E>::kWords.size() ? EnumWords<E>::kWords[index] : "?";
}

template <class E>
constexpr std::optional<E> enum_of(std::string_view word) {
  for (size_t i = 0; i < EnumWords<E>::kWords.size(); ++i)
    if (EnumWords<E>::kWords[i] == word) return static_cast<E>(i);
  return std::nullopt;
}

inline std::string_view kind_of(const Message& message) {
  return std::visit([](const auto& m) { return std::decay_t<decltype(m)>::kKind; }, message);
}

inline bool is_retained(const Message& message) {
  return std::visit([](const auto& m) { return std::decay_t<decltype(m)>::kRetained; }, message);
}

inline std::string key_of(const Message& message) {
  return std::visit([](const auto& m) { return m.key(); }, message);
}

// Calls visit(Type<M>{}) for each kind of message until it returns true; returns whether one did.
template <class M>
struct Type {
  using type = M;
};

namespace detail {
template <class Visit, class... M>
bool any_kind(Visit& visit, std::variant<M...>*) {
  return (visit(Type<M>{}) || ...);
}
}  // namespace detail

template <class Visit>
bool any_kind(Visit&& visit) {
  return detail::any_kind(visit, static_cast<Message*>(nullptr));
}

inline bool is_kind(std::string_view kind) {
  return any_kind([&](auto type) { return decltype(type)::type::kKind == kind; });
}

inline bool is_retained_kind(std::string_view kind) {
  return any_kind([&](auto type) { return decltype(type)::type::kKind == kind && decltype(type)::type::kRetained; });
}

// What a waiting message is replaced by: a later one of the same slot. A Forget shares the slot of what it forgets,
// so that neither overtakes the other. Empty for what is said once.
inline std::string slot_of(const Message& message) {
  const auto slot = [](std::string_view kind, const std::string& key) { return std::string(kind) + '\n' + key; };
  if (const auto* forget = std::get_if<Forget>(&message)) return slot(forget->kind, forget->of_key);
  return is_retained(message) ? slot(kind_of(message), key_of(message)) : std::string{};
}

}  // namespace tandem::bus
