// The table of keys: every key a site file may have, once. Reading (types, ranges, defaults, unknown and missing keys),
// the manual (docs/configuration.md), the JSON schema (etc/tandem.schema.json) and the words of every error are made
// from it; a key that is not here does not exist.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/config/words.hpp"

namespace tandem::config {

// A map with fixed keys. The order is the manual's.
enum class Section : uint8_t {
  kSite,
  kDirector,
  kPeerLink,
  kVirtualRouter,
  kVirtualAddress,
  kPreempt,
  kTrack,
  kTracked,
  kAnnounce,
  kRoute,
  kRule,
  kNotify,
  kService,
  kSchedulerOptions,
  kTunnel,
  kPersistence,
  kPassive,
  kTimeouts,
  kLimits,
  kCheck,
  kTcpCheck,
  kHttpCheck,
  kHttpsCheck,
  kTlsCheck,
  kSmtpCheck,
  kDnsCheck,
  kPingCheck,
  kUdpCheck,
  kExecCheck,
  kFileCheck,
  kAgentCheck,
  kMysqlCheck,
  kPgsqlCheck,
  kRedisCheck,
  kGrpcCheck,
  kServer,
};

struct SectionInfo {
  Section section;
  std::string_view name;     // in the schema: "virtual_router"
  std::string_view path;     // "virtual_routers.NAME"
  std::string_view meaning;  // for the manual
};

enum class Type : uint8_t {
  kName,              // 1-63 of A-Z a-z 0-9 _ . -
  kInterface,         // 1-15 characters, as the kernel has it
  kInteger,           // low - high
  kBoolean,           // true or false
  kDuration,          // low - high nanoseconds, in steps of `step`
  kChoice,            // one of `choices`
  kAddress,           // of either family, not link-local
  kAddresses,         // one or a list of them, low - high
  kAddressRanges,     // an address, "198.51.100.10-198.51.100.20", a network, or a list of these, low - high of them
  kPorts,             // a port, "8000-8100", any, or a list of these, low - high of them
  kPrefix,            // IPv4 with the length of its network part
  kNetwork,           // of either family, with its length; no host bits; "default" is 0.0.0.0/0
  kGateway,           // the same, or a link-local address
  kFile,              // an absolute path
  kUrlPath,           // what a request asks for; begins with '/'
  kHost,              // a host name or address
  kUnicast,           // a map of names to an address or a list of them
  kCommand,           // an absolute path and arguments, separated by blanks; no shell
  kPassword,          // 1-8 printable characters
  kText,              // 1-1024 bytes of anything but NUL
  kTexts,             // a list of them
  kAmount,            // a number from low to high, or "50%" (1% - 100%; 0% where low is 0)
  kPercent,           // "50%", low - high
  kNeed,              // all, any or a number
  kNamedChecks,       // a map of names to maps of section kCheck or the word none, low - high of them
  kStatuses,          // "200-299,301"
  kInterfaces,        // a list of interfaces
  kPriorities,        // a map of directors' names to integers, low - high
  kVirtualAddresses,  // a list of addresses with length, or maps of section `inside`
  kBooleanOrMap,      // true, false or a map of section `inside`
  kNoneOrMap,         // the word none or a map of section `inside`
  kMap,               // a map of section `inside`
  kOptionalMap,       // the same; may be left empty ("tcp:")
  kNamedMaps,         // a map of names to maps of section `inside`, low - high of them
};

struct Key {
  Section section;
  std::string_view name;
  Type type;
  bool required = false;
  std::string_view standard = {};       // the default as it would be written; empty: none, or said by `otherwise`
  std::string_view otherwise = {};      // what holds when the key is missing and there is no fixed default
  int64_t low = 0, high = 0, step = 1;  // integers; durations in ns; counts of entries
  std::span<const Choice> choices = {};
  std::optional<Section> inside = {};
  std::string_view also = {};  // what other programs call it, blanks between: for "did you mean"
  std::string_view meaning = {};
};

std::span<const SectionInfo> sections();
const SectionInfo& section_info(Section section);

// All keys, or those of one section, in the manual's order.
std::span<const Key> keys();
std::span<const Key> keys_of(Section section);

// The row of a key. REQUIRES: it exists.
const Key& key(Section section, std::string_view name);

// What a value of this key must be: "a whole number from 1 to 255". Errors and manual say it alike.
std::string expectation(const Key& key);

// "path, host, expect"
std::string key_names(Section section);

}  // namespace tandem::config
