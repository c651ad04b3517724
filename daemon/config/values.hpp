// One value of the site file against one row of the key table: the value, or what is wrong with it in words.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"
#include "daemon/config/key_table.hpp"
#include "daemon/config/site.hpp"
#include "daemon/config/tree.hpp"

namespace tandem::config {

// The words of what is wrong: "expected a whole number from 1 to 255, found 300".
template <class T>
using Parsed = std::expected<T, std::string>;

// REQUIRES of each: the key has the type the function is named after.
Parsed<int64_t> parse_integer(const Key& key, const Node& node);
Parsed<bool> parse_boolean(const Key& key, const Node& node);
Parsed<Duration> parse_time(const Key& key, const Node& node);
Parsed<uint8_t> parse_choice(const Key& key, const Node& node);
Parsed<IpAddress> parse_address(const Key& key, const Node& node);
Parsed<Prefix> parse_network(const Key& key, const Node& node);
Parsed<IpAddress> parse_unicast_address(const Key& key, const Node& node);
Parsed<Prefix> parse_prefix(const Key& key, const Node& node);
Parsed<std::vector<IpAddress>> parse_addresses(const Key& key, const Node& node);
// Every address of every range, in the file's order; at most kMostSources.
Parsed<std::vector<IpAddress>> parse_address_ranges(const Key& key, const Node& node);
Parsed<std::vector<PortRange>> parse_ports(const Key& key, const Node& node);
Parsed<std::vector<StatusRange>> parse_statuses(const Key& key, const Node& node);
Parsed<Amount> parse_amount(const Key& key, const Node& node);
Parsed<uint8_t> parse_percent(const Key& key, const Node& node);
Parsed<uint32_t> parse_need(const Key& key, const Node& node);     // 0: all
Parsed<std::string> parse_text(const Key& key, const Node& node);  // names, interfaces, files, paths, hosts

bool is_name(std::string_view text);
bool is_interface(std::string_view text);

// "expected EXPECTATION, found WHAT"
std::string mismatch(const std::string& expected, const Node& node);

// For messages: what stands there ("'300'", "a list", "nothing").
std::string found(const Node& node);

// In quotes, printable, and cut when it is long.
std::string quote(std::string_view text);

// With every control character (also Unicode's C1) written as \xNN, so that no file can speak to the terminal.
std::string printable(std::string_view text);

}  // namespace tandem::config
