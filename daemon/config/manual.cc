#include "daemon/config/manual.hpp"

#include <string>
#include <string_view>

#include "daemon/config/key_table.hpp"

namespace tandem::config {
namespace {

constexpr std::string_view kOpening = R"(# The site file

This page is made from the key table (`daemon/config/key_table.cc`); a test compares the two and says how to renew it.

`/etc/tandem/tandem.yaml` describes a site: its directors, the addresses that move between them, the services at those
addresses and the real servers behind. The same file is installed on every director; a director finds itself in it by its
host name. `tandemctl check FILE` says everything that is wrong with a file, as `file:line:column: text`, and does
exactly what the daemon does at start and at `systemctl reload tandem`. A file with an error changes nothing.

The smallest useful site:

```yaml
site: ams1
directors:
  dir-a: { priority: 150, peer_address: 192.0.2.11 }
  dir-b: { priority: 100, peer_address: 192.0.2.12 }
peer_link: { key_file: /etc/tandem/peer.key }
virtual_routers:
  web: { interface: eth0, id: 51, addresses: [198.51.100.10/24] }
services:
  web:
    address: 198.51.100.10
    port: 80
    check: { http: { path: /healthz }, interval: 2s }
    servers:
      web1: { address: 10.0.1.11 }
      web2: { address: 10.0.1.12 }
```

A longer one, with comments, is `etc/tandem.yaml`; an editor that knows JSON schemas completes and checks with
`etc/tandem.schema.json`.

## How values are written

- **Names** (NAME below) are 1 to 63 letters, digits, `_`, `.` and `-`. They are the identity of things: a reload compares
  by name, so a renamed server is a new one.
- **Times** carry their unit: `250ms`, `1s`, `1.5s`, `2m`. A bare number is an error.
- **Numbers** and `true`/`false` stand without quotes. Anchors (`&`) and aliases (`*`) may be used to say a thing once;
  tags (`!`) may not. A key may stand once in its map. A value is written in one line.
- **Addresses** are of either family; IPv6 between quotes where braces or brackets stand around it. A service has one family, and
  its servers too, unless `forward: tun` carries it across.
- A site has at most 4095 services and 65535 servers; a file at most 16 MB.
)";

constexpr std::string_view kClosing = R"(
## What is an error, what a warning

Besides wrong keys and values, these contradictions are errors: the same VRID twice on one interface; an address in two
virtual routers; two services with the same address, port and protocol; two servers of one service with the same address
and port; a server with the service's own address; `forward: dr` or `tun` with a server port that is not the service's;
a `peer_link` and a director without `peer_address`; the same `peer_address` twice, or one that is also a virtual address;
a priority for a director that does not exist; a quorum that all servers together do not reach, or that a service that is
down could not reach again; more checks needed than count; shares of weights (`slow_start`, `weight: latency`,
`weight_when_down`) with a scheduler that does not deal by weight; `passive` where answers are not seen, or for a server
without a check; a key file that is missing, can be read by others or holds no key; a script that is missing, not
executable, or that others than root can change or replace.

These are warnings: two directors with the same priority; `preempt: false` with different priorities; a `peer_link` with
one director; a service at an address that no virtual router has; a service without servers; different weights with
`scheduler: rr`, `lc` or `dh`, or too large ones with `sh`; a `ca_file` with `verify: false`.
)";

// In a table cell '|' would begin the next one.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string default_of(const Key& key) {
  if (key.required) return "required";
  if (!key.standard.empty()) return "`" + std::string(key.standard) + "`";
  return std::string(key.otherwise);
}

// Expectations name the keys of inner maps; the manual links to their section instead.
std::string value_of(const Key& key) {
  if (!key.inside) return expectation(key);
  const std::string link = "`" + std::string(section_info(*key.inside).path) + "`";
  switch (key.type) {
    case Type::kBooleanOrMap:
      return "true, false or a map: " + link;
    case Type::kNoneOrMap:
      return "none or a map: " + link;
    case Type::kNamedChecks:
    case Type::kNamedMaps:
      return "a map of names: " + link;
    case Type::kVirtualAddresses:
      return expectation(key) + ", or maps: " + link;
    default:
      return "a map: " + link;
  }
}

void write_section(std::string& out, const SectionInfo& info) {
  out += info.path.empty() ? "\n## The top level\n\n" : "\n## `" + std::string(info.path) + "`\n\n";
  out.append(info.meaning).append("\n");
  const auto rows = keys_of(info.section);
  if (rows.empty()) return;
  out += "\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n";
  for (const Key& row : rows) {
    std::string meaning(row.meaning);
    for (const Choice& choice : row.choices)
      meaning += (&choice == &row.choices.front() ? " `" : "; `") + std::string(choice.word) +
                 "`: " + std::string(choice.meaning);
    if (!row.choices.empty()) meaning += ".";
    out += "| `" + std::string(row.name) + "` | " + cell(value_of(row)) + " | " + cell(default_of(row)) + " | " +
           cell(meaning) + " |\n";
  }
}

}  // namespace

std::string configuration_manual() {
  std::string out(kOpening);
  for (const SectionInfo& info : sections()) write_section(out, info);
  out += kClosing;
  return out;
}

}  // namespace tandem::config
