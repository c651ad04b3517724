#include "daemon/config/key_table.hpp"

#include <algorithm>
#include <array>

#include "daemon/base/assert.hpp"
#include "daemon/config/durations.hpp"

namespace tandem::config {
namespace {

constexpr std::array kSections = {
    SectionInfo{Section::kSite, "site", "",
                "The file itself. The same file is installed on every director of the site."},
    SectionInfo{Section::kDirector, "director", "directors.NAME",
                "One box that runs tandemd. NAME is its host name, or what `tandemd --director` says."},
    SectionInfo{Section::kPeerLink, "peer_link", "peer_link",
                "The TLS connection between directors that carries the connection table."},
    SectionInfo{Section::kVirtualRouter, "virtual_router", "virtual_routers.NAME",
                "A VRRP instance (RFC 9568): addresses that move together, and who may have them."},
    SectionInfo{Section::kVirtualAddress, "virtual_address", "virtual_routers.NAME.addresses[]",
                "An entry that is more than `198.51.100.10/24`."},
    SectionInfo{Section::kPreempt, "preempt", "virtual_routers.NAME.preempt",
                "When a director with more priority takes over."},
    SectionInfo{Section::kTrack, "track", "virtual_routers.NAME.track",
                "What must be well for this director to be active."},
    SectionInfo{
        Section::kTracked, "tracked", "virtual_routers.NAME.track.checks.NAME",
        "One more thing to look at. Exactly one of `interface`, `script`, `file`, `process`, `service`, `route` and "
        "`gateway` says what."},
    SectionInfo{
        Section::kAnnounce, "announce", "virtual_routers.NAME.announce",
        "How a director that becomes active tells the hosts: gratuitous ARP, and for IPv6 unsolicited neighbour "
        "advertisements."},
    SectionInfo{Section::kRoute, "route", "virtual_routers.NAME.routes.NAME",
                "A route of the kernel that is there while the virtual router is active on this director."},
    SectionInfo{
        Section::kRule, "rule", "virtual_routers.NAME.rules.NAME",
        "A policy rule of the kernel that is there while the virtual router is active on this director. It needs "
        "`from` or `to`."},
    SectionInfo{
        Section::kNotify, "notify", "virtual_routers.NAME.notify",
        "A program that is told of changes; `services.NAME.notify` is alike. Its arguments are: `router`, `service` or "
        "`server`; its name (`web`, a server's is `web/web1`); the new state (`active`, `backup`, `fault`, `stopped`; "
        "`up`, "
        "`down`); the priority in force or the weight; the state it was told last, or `none`; and a number that grows "
        "by one "
        "with each change. One call at a time for each thing, in order; a state that is over before its turn is left "
        "out. "
        "At the start, and when the key is new, it is told how things stand. `reasserted` is said to the active one "
        "when "
        "another was active too and has given way."},
    SectionInfo{Section::kService, "service", "services.NAME",
                "An address and port whose connections are spread over servers."},
    SectionInfo{
        Section::kSchedulerOptions, "scheduler_options", "services.NAME.scheduler_options",
        "What the schedulers sh, mh, lblc and lblcr may be told. An option the service's scheduler has no use for is "
        "an error."},
    SectionInfo{
        Section::kTunnel, "tunnel", "services.NAME.tunnel",
        "What packets are wrapped in on their way to servers behind `forward: tun`, in an outer header of the "
        "family of the server's address. A server may have a `tunnel` of its own, which then is the whole of it. "
        "The way to the server must carry the headers as well, or clients are told of a smaller MTU: 20 bytes in "
        "IPv4 and 40 in IPv6, 4 more for gre (8 with its checksum), 12 more for gue. Packets come from the address "
        "that the director speaks to the server from (`ip route get`), which is the `remote` of the server's "
        "device."},
    SectionInfo{
        Section::kPersistence, "persistence", "services.NAME.persistence",
        "A client's later connections go to the server of its first one, to every port and address of the service, "
        "until it has made none for `timeout` and has none left. All directors know it."},
    SectionInfo{
        Section::kPassive, "passive", "services.NAME.passive",
        "Takes a server down that fails its real clients, before its checks notice or although they pass. Only with "
        "`forward: nat`: the answers of `dr` and `tun` servers go past the director. A server that was taken down "
        "this way comes back by its checks, `hold` later at the earliest, twice as late each time that it happens "
        "again soon."},
    SectionInfo{Section::kTimeouts, "timeouts", "services.NAME.timeouts",
                "How long a flow is remembered without a packet, by its state. The states are IPVS's; `established`, "
                "`fin_wait` "
                "and `udp` are what `ipvsadm --set` changes. A reload holds for the flows there are, too. All "
                "directors should say "
                "the same: a flow that is told to the peer is told with what is left of its time."},
    SectionInfo{
        Section::kLimits, "limits", "services.NAME.limits",
        "What a service takes of new connections, and what of one client. What is over a limit is dropped without an "
        "answer and counted by its reason: the client tries again after a second, as for a lost packet. TCP "
        "connections "
        "count until they begin to close, UDP flows until they expire. Each director counts for itself. 65,536 clients "
        "are known at a time; where more have connections, further ones are not limited."},
    SectionInfo{Section::kCheck, "check", "services.NAME.check",
                "How it is found out that a server works. Exactly one of the keys that name a type says what is asked; "
                "`check: none` asks nothing and takes every server for up."},
    SectionInfo{Section::kTcpCheck, "tcp_check", "services.NAME.check.tcp",
                "The server accepts a connection. No keys: write `tcp: {}` or `tcp:`."},
    SectionInfo{Section::kHttpCheck, "http_check", "services.NAME.check.http",
                "The server answers a GET with an expected status."},
    SectionInfo{Section::kHttpsCheck, "https_check", "services.NAME.check.https",
                "The same over TLS, and the certificate is good for the host."},
    SectionInfo{Section::kTlsCheck, "tls_check", "services.NAME.check.tls",
                "The TLS handshake succeeds, and the certificate is good. Nothing is said after it."},
    SectionInfo{Section::kSmtpCheck, "smtp_check", "services.NAME.check.smtp",
                "The server greets and answers EHLO (RFC 5321)."},
    SectionInfo{Section::kDnsCheck, "dns_check", "services.NAME.check.dns",
                "The server answers a question by UDP with at least one record; an empty answer is a failure."},
    SectionInfo{Section::kPingCheck, "ping_check", "services.NAME.check.ping",
                "The server answers an ICMP echo. No keys: write `ping: {}` or `ping:`."},
    SectionInfo{Section::kUdpCheck, "udp_check", "services.NAME.check.udp",
                "The server replies to a datagram. A port that is closed is a failure at once."},
    SectionInfo{Section::kExecCheck, "exec_check", "services.NAME.check.exec",
                "A program of yours: exit code 0 is up, 1 is down, 2-255 is up with that weight less 2 (keepalived's "
                "misc_dynamic). It is killed with all it started at the timeout; the end of what it writes is shown by "
                "`tandemctl why`."},
    SectionInfo{
        Section::kFileCheck, "file_check", "services.NAME.check.file",
        "A file on the director, in the agent's words (\"up 75%\", \"drain\", \"down\"); an empty file is up, none is "
        "down."},
    SectionInfo{Section::kAgentCheck, "agent_check", "services.NAME.check.agent",
                "A program on the server says how it is, in one line of HAProxy's agent-check: \"up 75%\", \"drain\", "
                "\"maint\", \"down\"."},
    SectionInfo{
        Section::kMysqlCheck, "mysql_check", "services.NAME.check.mysql",
        "MySQL or MariaDB lets the check in and answers a ping. Without `user` a server that refuses the log-in is "
        "well: it answers."},
    SectionInfo{Section::kPgsqlCheck, "pgsql_check", "services.NAME.check.pgsql",
                "PostgreSQL is ready for a log-in. One that starts, stops or is full is down."},
    SectionInfo{Section::kRedisCheck, "redis_check", "services.NAME.check.redis", "Redis answers PING with PONG."},
    SectionInfo{Section::kGrpcCheck, "grpc_check", "services.NAME.check.grpc",
                "The server says SERVING when it is asked by gRPC's health protocol (grpc.health.v1)."},
    SectionInfo{Section::kServer, "server", "services.NAME.servers.NAME", "A real server."},
};

using enum Section;
using enum Type;

std::string range_of(const Key& key) {
  return "from " + std::to_string(key.low) + " to " + std::to_string(key.high);
}

}  // namespace

std::span<const SectionInfo> sections() {
  return kSections;
}

const SectionInfo& section_info(Section section) {
  return kSections[static_cast<size_t>(section)];
}

std::span<const Key> keys_of(Section section) {
  const auto all = keys();
  const auto found = std::ranges::equal_range(all, section, {}, &Key::section);
  return {found.begin(), found.end()};
}

const Key& key(Section section, std::string_view name) {
  for (const Key& row : keys_of(section))
    if (row.name == name) return row;
  TANDEM_ASSERT(false && "a key that the table does not have");
  return keys().front();
}

std::string expectation(const Key& key) {
  switch (key.type) {
    case kName:
      return "a name of 1 to 63 letters, digits, '_', '.' or '-'";
    case kInterface:
      return "the name of an interface (1 to 15 characters, no blank, '/' or ':')";
    case kInteger:
      return "a whole number " + range_of(key);
    case kBoolean:
      return "true or false";
    case kDuration: {
      std::string words = "a time with its unit (250ms, 1.5s, 2m) from " + render_duration(Duration(key.low)) + " to " +
                          render_duration(Duration(key.high));
      if (key.step > 1'000'000) words += " in steps of " + render_duration(Duration(key.step));
      return words;
    }
    case kChoice: {
      std::string words = "one of ";
      for (const Choice& choice : key.choices) {
        if (&choice != &key.choices.front()) words += ", ";
        words += choice.word;
      }
      return words;
    }
    case kAddress:
      return "an IPv4 or IPv6 address";
    case kAddresses:
      return "an IPv4 or IPv6 address or a list of them";
    case kAddressRanges:
      return "an IPv4 or IPv6 address, a range such as 198.51.100.10-198.51.100.20, a network such as "
             "198.51.100.16/28, or "
             "a list of these";
    case kPorts:
      return "a port from 1 to 65535, a range such as 8000-8100, any, or a list of these";
    case kPrefix:
      return "an address with the length of its network part, as in 198.51.100.10/24 or 2001:db8::10/64";
    case kNetwork:
      return "a network, as in 10.0.0.0/8 or 2001:db8::/32, or default";
    case kGateway:
      return "an IPv4 or IPv6 address";
    case kFile:
      return "the path of a file, beginning with '/'";
    case kUrlPath:
      return "a path that begins with '/' and has no blank";
    case kHost:
      return "a host name or an address";
    case kUnicast:
      return "a map of names to addresses, as in { dir-a: 192.0.2.1, dir-b: [192.0.2.2, 2001:db8::2] }";
    case kCommand:
      return "a program's path, beginning with '/', and its arguments, separated by blanks";
    case kPassword:
      return "1 to 8 printable characters without a blank";
    case kText:
      return "a text of 1 to 1024 characters";
    case kTexts:
      return "a list of texts, as in [\"X-Check: tandem\"]";
    case kAmount:
      return "a whole number " + range_of(key) + ", or a share such as 50%";
    case kPercent:
      return "a share " + std::string("from ") + std::to_string(key.low) + "% to " + std::to_string(key.high) + "%";
    case kNeed:
      return "all, any or a whole number " + range_of(key);
    case kNamedChecks:
      return "a map from names to maps of " + key_names(*key.inside);
    case kStatuses:
      return "HTTP statuses from 100 to 599 such as 200, 200-299 or 200,301-302";
    case kInterfaces:
      return "a list of interfaces, as in [eth1, eth2]";
    case kPriorities:
      return "a map of directors to whole numbers " + range_of(key) + ", as in { dir-a: 150 }";
    case kVirtualAddresses:
      return "a list of addresses, as in [198.51.100.10/24]";
    case kBooleanOrMap:
      return "true, false or a map of " + key_names(*key.inside);
    case kNoneOrMap:
      return "none or a map of " + key_names(*key.inside);
    case kMap:
    case kOptionalMap:
      return keys_of(*key.inside).empty() ? "an empty map, {}" : "a map of " + key_names(*key.inside);
    case kNamedMaps:
      return "a map from names to maps of " + key_names(*key.inside);
  }
  TANDEM_ASSERT(false && "a type without words");
  return {};
}

std::string key_names(Section section) {
  std::string names;
  for (const Key& row : keys_of(section)) {
    if (!names.empty()) names += ", ";
    names += row.name;
  }
  return names;
}

}  // namespace tandem::config
