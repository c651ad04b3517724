#include "daemon/config/diff.hpp"

#include <algorithm>
#include <concepts>
#include <string>
#include <unordered_map>

#include "daemon/base/address_traits.hpp"
#include "daemon/config/durations.hpp"
#include "daemon/config/words.hpp"

namespace tandem::config {
namespace {

std::string shown(const std::string& text) {
  return text.empty() ? "none" : text;
}
std::string shown(bool value) {
  return value ? "true" : "false";
}
std::string shown(std::unsigned_integral auto value) {
  return std::to_string(value);
}
std::string shown(Duration value) {
  return render_duration(value);
}
std::string shown(const IpAddress& address) {
  return address == IpAddress() ? "none" : address.text();
}
template <class Enum>
  requires std::is_enum_v<Enum>
std::string shown(Enum value) {
  return std::string(word(value));
}
std::string shown(const Amount& amount) {
  return text_of(amount);
}
std::string shown(const VirtualAddress& address) {
  return address.prefix.text() + " on " + address.interface;
}
std::string shown(const VirtualRoute& route) {
  return route.name;
}
std::string shown(const VirtualRule& rule) {
  return rule.name;
}
std::string shown(const Tracked& thing) {
  return thing.name;
}
std::string shown(const UnicastPeer& peer) {
  std::string text = peer.name;
  for (const IpAddress& address : peer.addresses) text += " " + address.text();
  return text;
}
std::string shown(const DirectorPriority& priority) {
  return priority.director + " " + std::to_string(priority.priority);
}
std::string shown(const std::vector<PortRange>& ranges) {
  return text_of(ranges);
}
std::string shown(const std::vector<StatusRange>& ranges) {
  std::string text;
  for (const StatusRange& range : ranges) {
    if (!text.empty()) text += ',';
    text += std::to_string(range.low);
    if (range.high != range.low) text += "-" + std::to_string(range.high);
  }
  return text;
}

// Addresses that follow each other as one range: "198.51.100.10-198.51.100.20".
std::vector<std::string> stretches_of(const std::vector<IpAddress>& addresses) {
  std::vector<std::string> stretches;
  for (size_t from = 0; from < addresses.size();) {
    size_t to = from;
    while (to + 1 < addresses.size() && next_of(addresses[to]) == addresses[to + 1]) ++to;
    stretches.push_back(addresses[from].text() + (to == from ? "" : "-" + addresses[to].text()));
    from = to + 1;
  }
  return stretches;
}

// Collects the differences of one thing, each line beginning with its path.
class Comparison {
 public:
  Comparison(std::vector<std::string>& lines, std::string path) : lines_(lines), path_(std::move(path)) {}

  template <class T>
  void value(std::string_view name, const T& before, const T& after) {
    if (before != after) say(std::string(name) + ": " + shown(before) + " -> " + shown(after));
  }

  // A list of values without names.
  template <class T>
  void list(std::string_view name, const std::vector<T>& before, const std::vector<T>& after) {
    if (before == after) return;
    const size_t lines = lines_.size();
    for (const T& value : before)
      if (std::ranges::find(after, value) == after.end()) say(std::string(name) + ": removed " + shown(value));
    for (const T& value : after)
      if (std::ranges::find(before, value) == before.end()) say(std::string(name) + ": added " + shown(value));
    if (lines_.size() == lines) say(std::string(name) + ": in another order");
  }

  void say(const std::string& what) { lines_.push_back(path_.empty() ? what : path_ + ": " + what); }

 private:
  std::vector<std::string>& lines_;
  std::string path_;
};

// Things with names: which are gone, which are new, and `compare` for those of both.
template <class T, class Compare>
void compare_named(std::vector<std::string>& lines, const std::string& path, const std::vector<T>& before,
                   const std::vector<T>& after, Compare compare) {
  std::unordered_map<std::string_view, const T*> old_ones;
  std::unordered_map<std::string_view, const T*> new_ones;
  for (const T& thing : before) old_ones.emplace(thing.name, &thing);
  for (const T& thing : after) new_ones.emplace(thing.name, &thing);
  std::vector<std::string_view> old_order;
  std::vector<std::string_view> new_order;
  for (const T& thing : before) {
    if (new_ones.contains(thing.name))
      old_order.push_back(thing.name);
    else
      lines.push_back(path + '.' + thing.name + ": removed");
  }
  for (const T& thing : after) {
    if (const auto old_one = old_ones.find(thing.name); old_one != old_ones.end()) {
      new_order.push_back(thing.name);
      if (*old_one->second != thing) compare(path + '.' + thing.name, *old_one->second, thing);
    } else {
      lines.push_back(path + '.' + thing.name + ": added");
    }
  }
  if (old_order != new_order) lines.push_back(path + ": in another order");
}

// `lines` say the check's own path: "services.web: check" or "services.web.checks.app: check".
void compare_check(Comparison& lines, const Check& before, const Check& after) {
  lines.value("check", before.type, after.type);
  const auto share = [](const std::optional<uint8_t>& kept) {
    return kept ? std::to_string(*kept) + "%" : std::string("none");
  };
  lines.value("check.weight_when_down", share(before.weight_when_down), share(after.weight_when_down));
  lines.value("check.interval", before.interval, after.interval);
  lines.value("check.timeout", before.timeout, after.timeout);
  lines.value("check.rise", before.rise, after.rise);
  lines.value("check.fall", before.fall, after.fall);
  const auto port = [](uint16_t number) { return number == 0 ? "the server's" : std::to_string(number); };
  lines.value("check.port", std::string(port(before.port)), std::string(port(after.port)));
  lines.value("check.path", before.path, after.path);
  lines.value("check.host", before.host, after.host);
  lines.value("check.expect", before.expect, after.expect);
  lines.value("check.ca_file", before.ca_file, after.ca_file);
  lines.value("check.verify", before.verify, after.verify);
  lines.value("check.interval_while_changing", before.interval_while_changing, after.interval_while_changing);
  lines.value("check.initial", before.initially_up, after.initially_up);
  const auto address = [](const IpAddress& each) { return each == IpAddress() ? std::string("none") : each.text(); };
  lines.value("check.address", address(before.address), address(after.address));
  lines.value("check.source", address(before.source), address(after.source));
  lines.value("check.interface", before.interface, after.interface);
  lines.value("check.mark", before.mark, after.mark);
  lines.value("check.user", before.account, after.account);
  const bool others_differ = [&] {
    // What else there is may be secret or long: it is said that it changed, not to what.
    Check same = before;
    same.type = after.type, same.interval = after.interval, same.timeout = after.timeout, same.rise = after.rise;
    same.fall = after.fall, same.port = after.port, same.path = after.path, same.host = after.host;
    same.expect = after.expect, same.ca_file = after.ca_file, same.verify = after.verify;
    same.interval_while_changing = after.interval_while_changing, same.initially_up = after.initially_up;
    same.address = after.address, same.source = after.source, same.interface = after.interface;
    same.mark = after.mark, same.account = after.account, same.weight_when_down = after.weight_when_down;
    return same != after;
  }();
  if (others_differ) lines.value("check", std::string("what is asked, as it was"), std::string("edited"));
}

void compare_checks(std::vector<std::string>& lines, const std::string& path, const CheckSet& before,
                    const CheckSet& after) {
  if (before == after) return;
  Comparison set(lines, path);
  if (before.single && after.single) {
    Check none;
    none.type = CheckType::kNone;
    compare_check(set, before.checks.empty() ? none : before.checks[0].check,
                  after.checks.empty() ? none : after.checks[0].check);
    return;
  }
  const auto need = [](const CheckSet& s) { return s.need == 0 ? std::string("all") : std::to_string(s.need); };
  set.value("need", need(before), need(after));
  compare_named(lines, path + ".checks", before.checks, after.checks,
                [&](const std::string& check_path, const NamedCheck& a, const NamedCheck& b) {
                  Comparison check(lines, check_path);
                  compare_check(check, a.check, b.check);
                });
}

void compare_serving(Comparison& service, const ServingRules& a, const ServingRules& b) {
  service.value("quorum", a.quorum, b.quorum);
  service.value("quorum_of", a.quorum_of, b.quorum_of);
  service.value("hysteresis", a.hysteresis, b.hysteresis);
  service.value("group_minimum", a.group_minimum, b.group_minimum);
  service.value("weight", a.weight_from, b.weight_from);
  service.value("slow_start", a.slow_start, b.slow_start);
  service.value("on_down", a.on_down, b.on_down);
  service.value("action_on_down", a.flows_on_down, b.flows_on_down);
  if (a.passive == b.passive) return;
  if (!a.passive || !b.passive) return service.say(std::string("passive: ") + (b.passive ? "added" : "removed"));
  service.value("passive.failures", a.passive->failures, b.passive->failures);
  service.value("passive.minimum", a.passive->minimum, b.passive->minimum);
  service.value("passive.clients", a.passive->clients, b.passive->clients);
  service.value("passive.window", a.passive->window, b.passive->window);
  service.value("passive.hold", a.passive->hold, b.passive->hold);
  service.value("passive.most_down", a.passive->most_down, b.passive->most_down);
}

void compare_flows(Comparison& service, const FlowRules& a, const FlowRules& b) {
  service.value("timeouts.established", a.timeouts.established, b.timeouts.established);
  service.value("timeouts.syn_sent", a.timeouts.syn_sent, b.timeouts.syn_sent);
  service.value("timeouts.syn_recv", a.timeouts.syn_recv, b.timeouts.syn_recv);
  service.value("timeouts.fin_wait", a.timeouts.fin_wait, b.timeouts.fin_wait);
  service.value("timeouts.time_wait", a.timeouts.time_wait, b.timeouts.time_wait);
  service.value("timeouts.close", a.timeouts.close, b.timeouts.close);
  service.value("timeouts.close_wait", a.timeouts.close_wait, b.timeouts.close_wait);
  service.value("timeouts.last_ack", a.timeouts.last_ack, b.timeouts.last_ack);
  service.value("timeouts.synack", a.timeouts.synack, b.timeouts.synack);
  service.value("timeouts.udp", a.timeouts.udp, b.timeouts.udp);
  service.value("limits.connections", a.limits.connections, b.limits.connections);
  service.value("limits.per_second", a.limits.per_second, b.limits.per_second);
  service.value("limits.client_connections", a.limits.client_connections, b.limits.client_connections);
  service.value("limits.client_per_second", a.limits.client_per_second, b.limits.client_per_second);
  service.value("limits.ipv4_prefix", a.limits.ipv4_prefix, b.limits.ipv4_prefix);
  service.value("limits.ipv6_prefix", a.limits.ipv6_prefix, b.limits.ipv6_prefix);
  service.value("ping", a.ping, b.ping);
  service.value("out_of_state", a.out_of_state, b.out_of_state);
  service.value("clamp_mss", a.clamp_mss, b.clamp_mss);
}

void compare_notify(Comparison& lines, const std::optional<Notify>& a, const std::optional<Notify>& b) {
  if (!a && !b) return;
  if (!a || !b) return lines.say(b ? "notify: added" : "notify: removed");
  lines.value("notify.script", a->script, b->script);
  lines.value("notify.user", a->user, b->user);
  lines.value("notify.timeout", a->timeout, b->timeout);
  lines.value("notify.attempts", a->attempts, b->attempts);
}

void compare_routers(std::vector<std::string>& lines, const Site& before, const Site& after) {
  compare_named(lines, "virtual_routers", before.virtual_routers, after.virtual_routers,
                [&](const std::string& path, const VirtualRouter& a, const VirtualRouter& b) {
                  Comparison router(lines, path);
                  router.value("interface", a.interface, b.interface);
                  router.value("id", a.id, b.id);
                  router.value("advert_interval", a.advert_interval, b.advert_interval);
                  router.value("cross_check", a.cross_check, b.cross_check);
                  router.value("accept", a.accept, b.accept);
                  router.value("start_hold_down", a.start_hold_down, b.start_hold_down);
                  router.value("version", a.version, b.version);
                  if (a.password != b.password) router.say("password: changed");
                  router.value("group", a.group, b.group);
                  router.list("unicast", a.unicast, b.unicast);
                  router.value("min_ttl", a.min_ttl, b.min_ttl);
                  router.list("excluded_addresses", a.excluded_addresses, b.excluded_addresses);
                  router.value("virtual_mac", a.virtual_mac, b.virtual_mac);
                  router.value("announce.count", a.announce.count, b.announce.count);
                  router.value("announce.again_after", a.announce.again_after, b.announce.again_after);
                  router.value("announce.refresh", a.announce.refresh, b.announce.refresh);
                  router.list("routes", a.routes, b.routes);
                  router.list("rules", a.rules, b.rules);
                  compare_notify(router, a.notify, b.notify);
                  router.list("track.checks", a.tracked, b.tracked);
                  router.value("checksum", a.checksum, b.checksum);
                  router.list("priorities", a.priorities, b.priorities);
                  router.value("preempt", a.preempt.enabled, b.preempt.enabled);
                  router.value("preempt.delay", a.preempt.delay, b.preempt.delay);
                  router.list("addresses", a.addresses, b.addresses);
                  router.list("track.interfaces", a.track_interfaces, b.track_interfaces);
                });
}

void compare_tunnel(Comparison& lines, const Tunnel& a, const Tunnel& b) {
  lines.value("tunnel.type", a.type, b.type);
  lines.value("tunnel.port", a.port, b.port);
  lines.value("tunnel.checksum", a.checksum, b.checksum);
}

void compare_scheduler_options(Comparison& service, const SchedulerOptions& a, const SchedulerOptions& b) {
  service.value("scheduler_options.port", a.port, b.port);
  service.value("scheduler_options.fallback", a.fallback, b.fallback);
  service.value("scheduler_options.keep_slots", a.keep_slots, b.keep_slots);
  service.value("scheduler_options.table_size", a.table_size, b.table_size);
  service.value("scheduler_options.expiration", a.expiration, b.expiration);
}

void compare_persistence(std::vector<std::string>& lines, const std::string& path, const std::optional<Persistence>& a,
                         const std::optional<Persistence>& b) {
  if (!a && !b) return;
  if (!a || !b) {
    lines.push_back(path + ": persistence: " + (b ? "added" : "removed"));
    return;
  }
  Comparison persistence(lines, path);
  persistence.value("persistence.timeout", a->timeout, b->timeout);
  persistence.value("persistence.ipv4_prefix", a->ipv4_prefix, b->ipv4_prefix);
  persistence.value("persistence.ipv6_prefix", a->ipv6_prefix, b->ipv6_prefix);
  persistence.value("persistence.keep_drained", a->keep_drained, b->keep_drained);
}

void compare_services(std::vector<std::string>& lines, const Site& before, const Site& after) {
  compare_named(lines, "services", before.services, after.services,
                [&](const std::string& path, const Service& a, const Service& b) {
                  Comparison service(lines, path);
                  service.value("address", a.address, b.address);
                  service.list("other addresses", a.other_addresses, b.other_addresses);
                  service.value("port", a.ports, b.ports);
                  service.value("protocol", a.protocol, b.protocol);
                  service.value("forward", a.forward, b.forward);
                  compare_tunnel(service, a.tunnel, b.tunnel);
                  service.list("source_pool", stretches_of(a.source_pool), stretches_of(b.source_pool));
                  service.value("scheduler", a.scheduler, b.scheduler);
                  compare_scheduler_options(service, a.scheduler_options, b.scheduler_options);
                  compare_persistence(lines, path, a.persistence, b.persistence);
                  service.value("on_no_server", a.no_server, b.no_server);
                  service.value("one_packet", a.one_packet, b.one_packet);
                  service.value("virtual router", a.router, b.router);
                  compare_checks(lines, path, a.checks, b.checks);
                  compare_serving(service, a.serving, b.serving);
                  compare_flows(service, a.flows, b.flows);
                  compare_notify(service, a.notify, b.notify);
                  compare_named(lines, path + ".servers", a.servers, b.servers,
                                [&](const std::string& server_path, const Server& x, const Server& y) {
                                  Comparison server(lines, server_path);
                                  server.value("address", x.address, y.address);
                                  server.value("port", x.port, y.port);
                                  server.value("forward", x.forward, y.forward);
                                  compare_tunnel(server, x.tunnel, y.tunnel);
                                  server.value("weight", x.weight, y.weight);
                                  server.value("group", x.group, y.group);
                                  server.value("sorry", x.sorry, y.sorry);
                                  if (x.checks && y.checks)
                                    compare_checks(lines, server_path, *x.checks, *y.checks);
                                  else if (x.checks != y.checks)
                                    server.say(y.checks ? "its own checks: added" : "its own checks: removed");
                                  server.value("upper_threshold", x.upper_threshold, y.upper_threshold);
                                  server.value("lower_threshold", x.lower_threshold, y.lower_threshold);
                                });
                });
}

}  // namespace

std::vector<std::string> describe_difference(const Site& before, const Site& after) {
  std::vector<std::string> lines;
  Comparison(lines, "").value("site", before.name, after.name);
  Comparison(lines, "").value("send_by", before.send_by, after.send_by);
  Comparison(lines, "").value("fast_path", before.fast_path, after.fast_path);
  Comparison(lines, "").value("workers", before.workers, after.workers);
  compare_named(lines, "directors", before.directors, after.directors,
                [&](const std::string& path, const Director& a, const Director& b) {
                  Comparison director(lines, path);
                  director.value("priority", a.priority, b.priority);
                  director.value("peer_address", a.peer_address, b.peer_address);
                });
  if (before.peer_link && after.peer_link) {
    Comparison link(lines, "peer_link");
    link.value("key_file", before.peer_link->key_file, after.peer_link->key_file);
    link.value("port", before.peer_link->port, after.peer_link->port);
  } else if (before.peer_link || after.peer_link) {
    lines.push_back(after.peer_link ? "peer_link: added" : "peer_link: removed");
  }
  compare_routers(lines, before, after);
  compare_services(lines, before, after);
  return lines;
}

}  // namespace tandem::config
