// One map of the site file, read by the rows of the key table.
//
// Making a Fields reports what is wrong with the map as a map (not one at all, unknown keys, keys twice, keys missing);
// asking for a key reports what is wrong with its value. Asking for a key the table does not have is an assertion, and a
// test asks for every key the table has: table and code cannot drift apart.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config/findings.hpp"
#include "daemon/config/key_table.hpp"
#include "daemon/config/tree.hpp"
#include "daemon/config/values.hpp"

namespace tandem::config {

// Takes a value into a member that already holds the zero or the struct's default.
template <class Member, class Value>
void take(Member& member, const std::optional<Value>& value) {
  if (value) member = static_cast<Member>(*value);
}

class Fields {
 public:
  // `place` is where the map's own key stands; `node` may be anything. An empty map may be left out ("tcp:") when the
  // section has no required key.
  Fields(Findings& findings, Section section, const Node& node, Place place);

  // Whether `node` was a map at all.
  bool is_map() const { return is_map_; }
  Place place() const { return place_; }

  // The entry of a key, or nullptr when it is not written.
  const Entry* entry(std::string_view name) const;
  // Where the value stands; where the map's key stands when it is not written.
  Place place_of(std::string_view name) const;

  // The value of a key, else its default, else (nothing written and no default, or a wrong value, which was reported)
  // nothing.
  std::optional<int64_t> integer(std::string_view name) { return value<int64_t>(name, parse_integer); }
  std::optional<bool> boolean(std::string_view name) { return value<bool>(name, parse_boolean); }
  std::optional<Duration> time(std::string_view name) { return value<Duration>(name, parse_time); }
  std::optional<IpAddress> address(std::string_view name) { return value<IpAddress>(name, parse_address); }
  std::optional<Prefix> network(std::string_view name) { return value<Prefix>(name, parse_network); }
  std::optional<IpAddress> gateway(std::string_view name) { return value<IpAddress>(name, parse_unicast_address); }
  std::optional<Prefix> prefix(std::string_view name) { return value<Prefix>(name, parse_prefix); }
  std::optional<std::string> text(std::string_view name) { return value<std::string>(name, parse_text); }
  std::optional<std::vector<IpAddress>> addresses(std::string_view name) {
    return value<std::vector<IpAddress>>(name, parse_addresses);
  }
  std::optional<std::vector<IpAddress>> address_ranges(std::string_view name) {
    return value<std::vector<IpAddress>>(name, parse_address_ranges);
  }
  std::optional<std::vector<PortRange>> ports(std::string_view name) {
    return value<std::vector<PortRange>>(name, parse_ports);
  }
  std::optional<std::vector<StatusRange>> statuses(std::string_view name) {
    return value<std::vector<StatusRange>>(name, parse_statuses);
  }
  std::optional<Amount> amount(std::string_view name) { return value<Amount>(name, parse_amount); }
  std::optional<uint8_t> percent(std::string_view name) { return value<uint8_t>(name, parse_percent); }
  std::optional<uint32_t> need(std::string_view name) { return value<uint32_t>(name, parse_need); }
  template <class Enum>
  std::optional<Enum> choice(std::string_view name) {
    const auto number = value<uint8_t>(name, parse_choice);
    return number ? std::optional(static_cast<Enum>(*number)) : std::nullopt;
  }

  // The entries of a map of names (kNamedMaps, kPriorities) or of a list, checked as such: names well formed and once,
  // their number within the key's range.
  std::vector<const Entry*> named(std::string_view name);
  std::vector<const Entry*> listed(std::string_view name);

  // "name: text" at the key's value.
  void error(std::string_view name, const std::string& text);
  void warning(std::string_view name, const std::string& text);
  Findings& findings() { return findings_; }

 private:
  template <class T>
  std::optional<T> value(std::string_view name, Parsed<T> (*parse)(const Key&, const Node&)) {
    const Key& row = key(section_, name);
    const Entry* const written = entry(name);
    if (!written && row.standard.empty()) return std::nullopt;
    Node standard;
    if (!written) standard = standard_node(row);
    auto parsed = parse(row, written ? *written->value : standard);
    if (parsed) return std::move(*parsed);
    error(name, parsed.error());
    return std::nullopt;
  }
  static Node standard_node(const Key& row);
  void report_unknown(const Entry& entry);

  Findings& findings_;
  Section section_;
  Place place_;
  bool is_map_ = false;
  std::vector<const Entry*> entries_;  // the known ones, each once
};

}  // namespace tandem::config
