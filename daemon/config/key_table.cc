#include "daemon/config/key_table.hpp"

#include <algorithm>
#include <array>

#include "daemon/base/assert.hpp"
#include "daemon/config/durations.hpp"

namespace tandem::config {
namespace {

constexpr int64_t ns(Duration duration) {
  return duration.count();
}

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
    SectionInfo{Section::kService, "service", "services.NAME",
                "An address and port whose connections are spread over servers."},
    SectionInfo{Section::kCheck, "check", "services.NAME.check",
                "How it is found out that a server works. Exactly one of `tcp`, `http` and `https` says what is asked; "
                "`check: none` asks nothing and takes every server for up."},
    SectionInfo{Section::kTcpCheck, "tcp_check", "services.NAME.check.tcp",
                "The server accepts a connection. No keys: write `tcp: {}` or `tcp:`."},
    SectionInfo{Section::kHttpCheck, "http_check", "services.NAME.check.http",
                "The server answers a GET with an expected status."},
    SectionInfo{Section::kHttpsCheck, "https_check", "services.NAME.check.https",
                "The same over TLS, and the certificate is good for the host."},
    SectionInfo{Section::kServer, "server", "services.NAME.servers.NAME", "A real server."},
};

using enum Section;
using enum Type;

// Functions, because words.cc holds the choices.
const auto& table() {
  static const std::array kKeys = {
      // The site.
      Key{.section = kSite,
          .name = "site",
          .type = kName,
          .required = true,
          .also = "name",
          .meaning = "The site's name, for people."},
      Key{.section = kSite,
          .name = "directors",
          .type = kNamedMaps,
          .required = true,
          .low = 1,
          .high = 255,
          .inside = kDirector,
          .also = "nodes",
          .meaning = "The boxes that run tandemd, by host name."},
      Key{.section = kSite,
          .name = "peer_link",
          .type = kMap,
          .otherwise = "no connection sync",
          .inside = kPeerLink,
          .meaning = "The connection between the directors."},
      Key{.section = kSite,
          .name = "virtual_routers",
          .type = kNamedMaps,
          .otherwise = "none",
          .low = 0,
          .high = 4095,
          .inside = kVirtualRouter,
          .also = "vrrp vrrp_instance",
          .meaning = "Addresses that move between the directors, by name."},
      Key{.section = kSite,
          .name = "services",
          .type = kNamedMaps,
          .otherwise = "none",
          .low = 0,
          .high = 4095,
          .inside = kService,
          .also = "virtual_server virtual_services",
          .meaning = "What is forwarded to real servers, by name."},

      Key{.section = kDirector,
          .name = "priority",
          .type = kInteger,
          .standard = "100",
          .low = 1,
          .high = 254,
          .meaning =
              "The highest one that works is active. Holds for every virtual router that does not say otherwise."},
      Key{.section = kDirector,
          .name = "peer_address",
          .type = kAddress,
          .otherwise = "required with peer_link",
          .meaning = "Where this director listens for the peer link: an address of its own that does not move."},

      Key{.section = kPeerLink,
          .name = "key_file",
          .type = kFile,
          .required = true,
          .meaning = "64 hex digits, the same on every director, readable by its owner alone. `openssl rand -hex 32` "
                     "makes one."},
      Key{.section = kPeerLink,
          .name = "port",
          .type = kInteger,
          .standard = "8421",
          .low = 1,
          .high = 65535,
          .meaning = "The TCP port the directors listen on for each other."},

      // Virtual routers.
      Key{.section = kVirtualRouter,
          .name = "interface",
          .type = kInterface,
          .required = true,
          .meaning = "Where advertisements are sent and heard, and where the addresses live."},
      Key{.section = kVirtualRouter,
          .name = "id",
          .type = kInteger,
          .required = true,
          .low = 1,
          .high = 255,
          .also = "vrid virtual_router_id",
          .meaning = "The VRID, unique among all routers of the network segment."},
      Key{.section = kVirtualRouter,
          .name = "addresses",
          .type = kVirtualAddresses,
          .required = true,
          .low = 1,
          .high = 255,
          .inside = kVirtualAddress,
          .also = "virtual_ipaddress vips",
          .meaning = "The addresses that move, in the order they are advertised."},
      Key{.section = kVirtualRouter,
          .name = "advert_interval",
          .type = kDuration,
          .standard = "1s",
          .low = ns(10ms),
          .high = ns(40950ms),
          .step = ns(10ms),
          .also = "advert_int interval",
          .meaning = "The time between advertisements. A backup takes over after a little more than three of them."},
      Key{.section = kVirtualRouter,
          .name = "priorities",
          .type = kPriorities,
          .otherwise = "the directors' own",
          .low = 1,
          .high = 254,
          .also = "priority",
          .meaning = "Priorities of directors in this virtual router: `{ dir-a: 100, dir-b: 150 }`."},
      Key{.section = kVirtualRouter,
          .name = "preempt",
          .type = kBooleanOrMap,
          .standard = "true",
          .inside = kPreempt,
          .also = "nopreempt",
          .meaning = "Whether a director with more priority takes over from an active one with less."},
      Key{.section = kVirtualRouter,
          .name = "track",
          .type = kMap,
          .otherwise = "only its own interface",
          .inside = kTrack,
          .also = "track_interface",
          .meaning = "What else must be well."},

      Key{.section = kVirtualAddress,
          .name = "address",
          .type = kPrefix,
          .required = true,
          .meaning = "The address with the length of its network part, 10.0.1.1/24."},
      Key{.section = kVirtualAddress,
          .name = "interface",
          .type = kInterface,
          .otherwise = "the virtual router's",
          .also = "dev",
          .meaning = "Another interface for this address: an inside gateway that moves along."},

      Key{.section = kPreempt,
          .name = "delay",
          .type = kDuration,
          .standard = "0s",
          .low = 0,
          .high = ns(1000s),
          .also = "preempt_delay",
          .meaning = "How long a director waits before it takes over from one with less priority."},

      Key{.section = kTrack,
          .name = "interfaces",
          .type = kInterfaces,
          .otherwise = "none",
          .low = 1,
          .high = 64,
          .also = "interface",
          .meaning = "When one of these loses its link, this director gives up the router."},

      // Services.
      Key{.section = kService,
          .name = "address",
          .type = kAddress,
          .required = true,
          .also = "ip vip",
          .meaning = "The VIP. The virtual router that has it decides which director forwards."},
      Key{.section = kService,
          .name = "port",
          .type = kInteger,
          .required = true,
          .low = 1,
          .high = 65535,
          .meaning = "The port clients connect to."},
      Key{.section = kService,
          .name = "protocol",
          .type = kChoice,
          .standard = "tcp",
          .choices = protocol_choices(),
          .meaning = "What is forwarded."},
      Key{.section = kService,
          .name = "forward",
          .type = kChoice,
          .standard = "nat",
          .choices = forward_choices(),
          .also = "lb_kind lvs_method method",
          .meaning = "How packets reach the servers."},
      Key{.section = kService,
          .name = "scheduler",
          .type = kChoice,
          .standard = "wlc",
          .choices = scheduler_choices(),
          .also = "lb_algo lvs_sched balance",
          .meaning = "Which server a new connection goes to."},
      Key{.section = kService,
          .name = "on_no_server",
          .type = kChoice,
          .standard = "reject",
          .choices = no_server_choices(),
          .meaning = "What a client gets when no server is up."},
      Key{.section = kService,
          .name = "check",
          .type = kNoneOrMap,
          .otherwise = "`{ tcp: {} }` for tcp, `none` for udp",
          .inside = kCheck,
          .also = "health_check healthcheck",
          .meaning = "How the servers are checked."},
      Key{.section = kService,
          .name = "servers",
          .type = kNamedMaps,
          .otherwise = "none",
          .low = 0,
          .high = 65535,
          .inside = kServer,
          .also = "real_server real_servers backends",
          .meaning = "The real servers, by name."},

      Key{.section = kCheck,
          .name = "tcp",
          .type = kOptionalMap,
          .inside = kTcpCheck,
          .also = "TCP_CHECK connect",
          .meaning = "Connect, nothing else."},
      Key{.section = kCheck,
          .name = "http",
          .type = kOptionalMap,
          .inside = kHttpCheck,
          .also = "HTTP_GET",
          .meaning = "Ask by HTTP."},
      Key{.section = kCheck,
          .name = "https",
          .type = kOptionalMap,
          .inside = kHttpsCheck,
          .also = "SSL_GET ssl tls",
          .meaning = "Ask by HTTPS."},
      Key{.section = kCheck,
          .name = "interval",
          .type = kDuration,
          .standard = "2s",
          .low = ns(50ms),
          .high = ns(3600s),
          .step = ns(1ms),
          .also = "delay_loop",
          .meaning = "From the start of one attempt to the start of the next."},
      Key{.section = kCheck,
          .name = "timeout",
          .type = kDuration,
          .standard = "2s",
          .low = ns(10ms),
          .high = ns(600s),
          .step = ns(1ms),
          .also = "connect_timeout",
          .meaning = "For the whole attempt: connection, handshake, request and answer."},
      Key{.section = kCheck,
          .name = "rise",
          .type = kInteger,
          .standard = "2",
          .low = 1,
          .high = 1000,
          .meaning = "Successes in a row that bring a server up; a new server's first one does."},
      Key{.section = kCheck,
          .name = "fall",
          .type = kInteger,
          .standard = "3",
          .low = 1,
          .high = 1000,
          .also = "retry",
          .meaning = "Failures in a row that take a server down."},
      Key{.section = kCheck,
          .name = "port",
          .type = kInteger,
          .otherwise = "the server's",
          .low = 1,
          .high = 65535,
          .also = "connect_port",
          .meaning = "Where the check connects to, if not where clients are sent."},

      Key{.section = kHttpCheck,
          .name = "path",
          .type = kUrlPath,
          .standard = "/",
          .also = "url uri",
          .meaning = "What is asked for."},
      Key{.section = kHttpCheck,
          .name = "host",
          .type = kHost,
          .otherwise = "the server's address",
          .also = "virtualhost hostname",
          .meaning = "The Host header."},
      Key{.section = kHttpCheck,
          .name = "expect",
          .type = kStatuses,
          .standard = "200-299",
          .also = "status status_code codes",
          .meaning = "The statuses of a server that is well."},

      Key{.section = kHttpsCheck,
          .name = "path",
          .type = kUrlPath,
          .standard = "/",
          .also = "url uri",
          .meaning = "What is asked for."},
      Key{.section = kHttpsCheck,
          .name = "host",
          .type = kHost,
          .otherwise = "the server's address",
          .also = "virtualhost hostname sni server_name",
          .meaning = "The Host header, the name asked for by SNI, and the name the certificate must be for."},
      Key{.section = kHttpsCheck,
          .name = "expect",
          .type = kStatuses,
          .standard = "200-299",
          .also = "status status_code codes",
          .meaning = "The statuses of a server that is well."},
      Key{.section = kHttpsCheck,
          .name = "ca_file",
          .type = kFile,
          .otherwise = "the system's store",
          .also = "ca cafile",
          .meaning = "PEM certificates of the authorities that are believed."},
      Key{.section = kHttpsCheck,
          .name = "verify",
          .type = kBoolean,
          .standard = "true",
          .meaning = "Whether the certificate must be good. `false` takes any."},

      Key{.section = kServer,
          .name = "address",
          .type = kAddress,
          .required = true,
          .also = "ip rip",
          .meaning = "The RIP."},
      Key{.section = kServer,
          .name = "port",
          .type = kInteger,
          .otherwise = "the service's",
          .low = 1,
          .high = 65535,
          .meaning = "Where connections are sent. With `forward: dr` or `tun` it must be the service's."},
      Key{.section = kServer,
          .name = "weight",
          .type = kInteger,
          .standard = "1",
          .low = 0,
          .high = 65535,
          .meaning = "Its share of new connections; 0 takes none and keeps those it has."},
  };
  return kKeys;
}

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

std::span<const Key> keys() {
  return table();
}

std::span<const Key> keys_of(Section section) {
  const auto all = keys();
  const auto found = std::ranges::equal_range(all, section, {}, &Key::section);
  return {found.begin(), found.end()};
}

const Key& key(Section section, std::string_view name) {
  for (const Key& row : keys_of(section))
    if (row.name == name) return row;
  TANDEM_ASSERT(!"a key that the table does not have");
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
      return "an IPv4 address";
    case kPrefix:
      return "an IPv4 address with the length of its network part, as in 198.51.100.10/24";
    case kFile:
      return "the path of a file, beginning with '/'";
    case kUrlPath:
      return "a path that begins with '/' and has no blank";
    case kHost:
      return "a host name or an address";
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
  TANDEM_ASSERT(!"a type without words");
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
