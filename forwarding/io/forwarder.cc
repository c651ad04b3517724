#include "forwarding/io/forwarder.hpp"

#include <sched.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <set>
#include <utility>

#include "daemon/base/assert.hpp"
#include "daemon/loop/clock.hpp"

namespace tandem::forwarding {
namespace {

// Workers where the site file does not say. Each has memory for each interface.
constexpr size_t kMostUnasked = 4;

// That this process may use.
size_t processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<size_t>(CPU_COUNT(&set)) : 1;
}

bool has_ipv6(const std::vector<ServiceSetting>& settings) {
  return std::ranges::any_of(settings, [](const ServiceSetting& service) {
    return !service.vip.is_v4() ||
           std::ranges::any_of(service.servers, [](const ServerSetting& server) { return !server.address.is_v4(); });
  });
}

}  // namespace

std::expected<std::unique_ptr<Forwarder>, std::string> Forwarder::open(const std::filesystem::path& flow_file,
                                                                       ForwarderCallbacks callbacks) {
  // Changes are listened for before anything is looked at, so that none falls in between.
  auto monitor = netlink::Monitor::open({.links = true, .addresses = true, .routes = true, .neighbours = true});
  if (!monitor) return std::unexpected(monitor.error().text());
  auto network = KernelNetwork::open();
  if (!network) return std::unexpected(network.error().text());
  auto connection = netlink::Connection::open();
  if (!connection) return std::unexpected(connection.error().text());
  auto ruleset_watch = RulesetWatch::open();
  if (!ruleset_watch)
    return std::unexpected(std::string("listening to nftables: ") + std::strerror(ruleset_watch.error()));
  auto file = FlowFile::open(flow_file);
  if (!file) return std::unexpected(file.error());
  return std::unique_ptr<Forwarder>(new Forwarder(std::move(*file), std::move(*network), std::move(*connection),
                                                  std::move(*monitor), std::move(*ruleset_watch),
                                                  std::move(callbacks)));
}

Forwarder::Forwarder(FlowFile file, KernelNetwork network, netlink::Connection connection, netlink::Monitor monitor,
                     RulesetWatch ruleset_watch, ForwarderCallbacks callbacks)
    : file_(std::move(file)),
      callbacks_(std::move(callbacks)),
      network_(std::move(network)),
      connection_(std::move(connection)),
      monitor_(std::move(monitor)),
      ruleset_watch_(std::move(ruleset_watch)),
      services_(file_.table()),
      engines_(file_.table(), services_),
      fast_path_(file_.table(), services_, engines_,
                 [this](bus::Severity severity, const char* id, std::string subject, std::string text) {
                   say(severity, id, std::move(subject), std::move(text));
                 }),
      server_hops_(network_) {
  fast_path_.load();
}

Forwarder::~Forwarder() = default;

void Forwarder::say(bus::Severity severity, const char* id, std::string subject, std::string text) const {
  if (callbacks_.event) callbacks_.event(severity, id, std::move(subject), std::move(text));
}

TableChanges Forwarder::apply(const std::vector<ServiceSetting>& settings) {
  // New traffic is silenced before the engine takes it, old traffic given back after the engine left it.
  SilenceRules rules = silence_of(settings);
  rules.interfaces = wanted_silence_.interfaces;
  SilenceRules both = rules;
  both.add(wanted_silence_);
  const bool first = workers_.empty();
  const bool ipv6 = has_ipv6(settings);
  const bool other_interfaces = std::exchange(ipv6_, ipv6) != ipv6;
  wanted_silence_ = both;
  tap_for(both);
  if (!first) apply_silence(both);

  const TimePoint now = loop::monotonic_now();
  TableChanges changes;
  {
    const std::lock_guard change(gate_);
    changes = services_.apply(settings, now);
    rules.deaf_to_ping = deaf_to_ping(services_);
    if (callbacks_.names_changed) callbacks_.names_changed();
  }
  fast_path_.tell_fronts();
  std::vector<const Server*> servers = services_.all_servers();
  std::erase_if(servers, [](const Server* server) { return server->method == TANDEM_LOCAL; });  // no way leads there
  write_hops(server_hops_.set_servers(servers, now));
  wanted_silence_ = rules;
  if (first) {
    // What an earlier process left: counts the connections the schedulers look at, and drops what timed out meanwhile.
    if (file_.taken_up()) engines_.at(0).expire(loop::monotonic_now(), flows().slots());
    start_workers();
  } else if (other_interfaces) {
    look_around();
  } else {
    apply_silence(rules);
  }
  tap_for(rules);
  serve_locally(has_local_servers(settings));
  return changes;
}

void Forwarder::serve_locally(bool wanted) {
  if (wanted == (local_ != nullptr)) return;
  if (wanted) {
    auto local = LocalStack::open();
    if (!local)
      return say(bus::Severity::kError, "FORWARDING_LOCAL_REFUSED", "",
                 "There is no way to this director's own programs, so connections of servers with forward: local go "
                 "nowhere: " +
                     local.error());
    local_ = std::move(*local);
  } else {
    local_.reset();
  }
  for (const auto& worker : workers_) worker->deliver_by(local_);
}

void Forwarder::start_workers() {
  if (fast_wished_)
    fast_path_.begin(tapped_);
  else
    fast_path_.end();
  const size_t count = workers_wished_ != 0 ? workers_wished_ : std::clamp<size_t>(processors(), 1, kMostUnasked);
  engines_.grow_to(count);
  Worker::Callbacks callbacks;
  callbacks.port_broken = [this](uint32_t ifindex) {
    if (callbacks_.port_broken) callbacks_.port_broken(ifindex);
  };
  callbacks.flows_dirty = [this] {
    if (callbacks_.flows_dirty) callbacks_.flows_dirty();
  };
  for (size_t i = 0; i < count; ++i) {
    auto network = KernelNetwork::open();
    TANDEM_ASSERT(network.has_value());
    const Worker::Settings settings{.cpu = std::nullopt,
                                    .sweep_slots = i == 0 ? flows().slots() : 0,
                                    .sweeping = &engines_.at(0),
                                    .fast = fast_path_.fast(),
                                    .events = fast_path_.events(),
                                    .dealer = i == 0 ? fast_path_.dealer() : nullptr};
    workers_.push_back(std::make_unique<Worker>(engines_.at(i), flows(), services_, gate_,
                                                std::make_unique<KernelNetwork>(std::move(*network)), settings,
                                                callbacks));
    workers_.back()->deliver_by(local_);
  }
  look_around();
}

void Forwarder::set_workers(uint32_t wish) {
  if (std::exchange(workers_wished_, wish) == wish || workers_.empty()) return;
  stop_workers();
  start_workers();
}

void Forwarder::set_fast_path(bool wish) {
  if (std::exchange(fast_wished_, wish) == wish) return;
  if (!wish)
    say(bus::Severity::kInfo, "FORWARDING_FAST_PATH", "", "Every packet goes by the engine, as the site file says.");
  if (workers_.empty()) return;
  stop_workers();
  start_workers();
}

void Forwarder::stop_workers() {
  for (const auto& worker : workers_) closed_workers_ += worker->stop();
  workers_.clear();
  ports_.clear();
}

void Forwarder::tap_for(const SilenceRules& rules) {
  TapAddresses addresses{.services = rules.taken_to(), .servers = rules.taken_from(), .own = own_addresses_};
  if (programs_ && addresses == tapped_) return;
  tapped_ = std::move(addresses);
  fast_path_.tell(tapped_);
  TapPrograms programs = tap_programs(tapped_);
  const auto taken = try_program(programs.wanted);
  if (!taken) programs.wanted = programs.any;
  if (std::exchange(tap_is_wide_, !taken) == taken.has_value())
    say(bus::Severity::kNotice, "FORWARDING_TAP", "",
        taken ? "The taps tell by address again what the engine may take."
              : std::string(
                    "The kernel takes no tap that knows so many addresses, so every IP frame goes up to the engine, "
                    "which costs time; a larger net.core.optmem_max lets it: ") +
                    std::strerror(taken.error()));
  programs_ = std::make_shared<const TapPrograms>(std::move(programs));
  for (const auto& worker : workers_) worker->use(programs_);
}

void Forwarder::set_standing(const std::string& service, const std::string& server, const ServerStanding& standing) {
  {
    const std::lock_guard change(gate_);
    services_.set_standing(service, server, standing);
  }
  hear_pings();
}

void Forwarder::hear_pings() {
  std::set<IpAddress> deaf = deaf_to_ping(services_);
  if (deaf == wanted_silence_.deaf_to_ping) return;
  wanted_silence_.deaf_to_ping = std::move(deaf);
  if (!workers_.empty()) apply_silence(wanted_silence_);
}

void Forwarder::hear_latency(const std::string& service, const std::string& server, uint32_t us) {
  // No worker is kept waiting: the servers change on this thread alone, and a latency is one atomic number.
  services_.hear_latency(service, server, us);
}

void Forwarder::set_active(const std::string& service, bool active) {
  const std::lock_guard change(gate_);
  services_.set_active(service, active, loop::monotonic_now());
}

void Forwarder::write_hops(const std::vector<HopChange>& changes) {
  if (changes.empty()) return;
  const std::lock_guard change(gate_);
  for (const HopChange& hop : changes) services_.set_next_hop(hop.slot, hop.hop, hop.neighbour_known);
}

void Forwarder::apply_silence(const SilenceRules& rules) {
  const Silence::Outcome outcome = silence_.apply(rules);
  ruleset_watch_.drain();
  silent_ = outcome.has_value();
  if (silent_ && complained_)
    say(bus::Severity::kNotice, "FORWARDING_FILTERS_STAND", "", "The filters are in place again.");
  if (!silent_ && !complained_)
    say(bus::Severity::kError, "FORWARDING_FILTERS_REFUSED", "",
        "The kernel took no filters, so it will reset connections to the services; trying again every second. nftables "
        "said: " +
            outcome.error());
  complained_ = !silent_;
}

void Forwarder::look_around() {
  if (workers_.empty()) return;
  all_ports_ = false;
  const auto found = forwarding::look_around(connection_, ipv6_);
  if (!found) {
    say(bus::Severity::kWarning, "FORWARDING_BLIND", "", "Asking for interfaces failed: " + found.error().text());
    return;
  }
  {
    const std::lock_guard change(gate_);
    services_.set_own_addresses(found->own_addresses);
  }
  own_addresses_ = {found->own_addresses.begin(), found->own_addresses.end()};
  tap_for(wanted_silence_);
  wanted_silence_.interfaces.clear();
  for (const PacketInterface& interface : found->interfaces)
    wanted_silence_.interfaces.insert({interface.name, interface.index});
  apply_silence(wanted_silence_);

  all_ports_ = true;
  std::set<uint32_t> stay;
  for (const PacketInterface& interface : found->interfaces)
    if (interface.up) {
      stay.insert(static_cast<uint32_t>(interface.index));
      open_port(interface);
    }
  std::erase_if(ports_, [&](const auto& port) {
    if (stay.contains(port.first)) return false;
    for (const auto& worker : workers_) worker->remove_port(port.first);
    fast_path_.detach(port.first);
    return true;
  });
}

void Forwarder::open_port(const PacketInterface& interface) {
  const auto ifindex = static_cast<uint32_t>(interface.index);
  if (ports_.contains(ifindex)) return;
  // First who carries out the tap's word, then who gives it.
  const bool fast = fast_path_.attach(ifindex, interface.name);
  auto opened = open_packet_sockets(ifindex, workers_.size(), *programs_, fast ? fast_path_.tap() : -1);
  if (!opened) {
    say(bus::Severity::kWarning, "FORWARDING_PORT_REFUSED", interface.name,
        std::string("The packet socket could not be opened; trying again: ") + std::strerror(opened.error()));
    all_ports_ = false;
    return;
  }
  for (size_t i = 0; i < workers_.size(); ++i) workers_[i]->add_port(std::move((*opened)[i]));
  choose_sender_of(interface, ports_[ifindex] = Port{.name = interface.name}, true);
}

void Forwarder::choose_sender_of(const PacketInterface& interface, Port& port, bool first) {
  if (port.by_xdp) return;
  SenderChoice choice = choose_sender(interface, send_by_, workers_.size());
  port.by_xdp = !choice.senders.empty();
  port.try_again = choice.try_again;
  for (size_t i = 0; port.by_xdp && i < workers_.size(); ++i)
    workers_[i]->send_by(static_cast<uint32_t>(interface.index), choice.senders[i % choice.senders.size()]);
  if (!first && !port.by_xdp) return;
  // An interface that went down and up again still has its former socket, for a moment.
  const bool disappoints = send_by_ == SendBy::kAfXdp && !port.by_xdp && !port.try_again;
  say(disappoints ? bus::Severity::kWarning : bus::Severity::kInfo, "FORWARDING_PORT_OPEN", interface.name,
      port.by_xdp ? "Packets of this interface are served; finished frames leave by AF_XDP."
                  : "Packets of this interface are served; all leave by the packet socket: " + choice.reason + ".");
}

void Forwarder::choose_senders(bool only_those_to_try_again) {
  for (auto& [ifindex, port] : ports_) {
    if (only_those_to_try_again && !port.try_again) continue;
    const auto link = netlink::find_link(connection_, static_cast<int>(ifindex));
    if (!link) continue;  // it is just going
    const PacketInterface interface{
        .index = static_cast<int>(ifindex), .name = port.name, .qdisc = link->qdisc, .up = link->up};
    choose_sender_of(interface, port, false);
  }
}

void Forwarder::set_send_by(SendBy wish) {
  if (std::exchange(send_by_, wish) == wish || workers_.empty()) return;
  if (wish != SendBy::kAfXdp) {
    // What may stay so is opened anew, by the rules of the new wish.
    for (auto& [ifindex, port] : ports_) {
      if (!port.by_xdp) continue;
      port.by_xdp = false;
      port.try_again = wish == SendBy::kAuto;
      for (const auto& worker : workers_) worker->send_by(ifindex, nullptr);
    }
  }
  choose_senders(false);
}

void Forwarder::on_change(const netlink::Change& change, bool& look) {
  const TimePoint now = loop::monotonic_now();
  if (const auto* neighbour = std::get_if<netlink::NeighbourChange>(&change)) {
    write_hops(server_hops_.on_neighbour(*neighbour));
    for (const auto& worker : workers_) worker->neighbour_changed(*neighbour);
  } else if (const auto* route = std::get_if<netlink::RouteChange>(&change)) {
    write_hops(server_hops_.on_route(route->destination, now));
    for (const auto& worker : workers_) worker->route_changed(route->destination);
  } else if (std::holds_alternative<netlink::AddressChange>(change)) {
    look = true;  // the routes that follow from it are told by themselves; which source they prefer is not
    server_hops_.on_address();
  } else {
    look = true;
    write_hops(server_hops_.refresh(now));
    for (const auto& worker : workers_) worker->forget_next_hops();
  }
}

void Forwarder::on_network() {
  bool look = false;
  for (;;) {
    const auto changes = monitor_.read();
    if (!changes) {
      say(bus::Severity::kWarning, "FORWARDING_BLIND", "", "Following the network failed: " + changes.error().text());
      break;
    }
    if (changes->empty()) break;
    for (const netlink::Change& change : *changes) on_change(change, look);
  }
  if (look) look_around();
}

void Forwarder::on_ruleset() {
  if (!ruleset_watch_.drain() || workers_.empty()) return;
  silence_.distrust();
  say(bus::Severity::kNotice, "FORWARDING_FILTERS_RESTORED", "",
      "Somebody or a vanished interface removed filters of nftables' table netdev tandem; they are put back.");
  look_around();
}

void Forwarder::on_port_broken(uint32_t ifindex) {
  // What one worker found broken is so for all.
  if (ports_.erase(ifindex) != 0)
    for (const auto& worker : workers_) worker->remove_port(ifindex);
  look_around();
}

void Forwarder::every_second() {
  write_hops(server_hops_.every_second(loop::monotonic_now()));
  if (!is_standing()) look_around();
  fast_path_.every_second();
  choose_senders(true);
}

void Forwarder::stop() {
  stop_workers();
  fast_path_.end();
  const Silence::Outcome outcome = silence_.remove();
  if (!outcome)
    say(bus::Severity::kWarning, "FORWARDING_FILTERS_STAY", "",
        "The filters could not be removed; `nft delete table netdev tandem` does it. nftables said: " +
            outcome.error());
}

WorkerStats Forwarder::worker_stats() const {
  WorkerStats total = closed_workers_;
  for (const auto& worker : workers_) total += worker->stats();
  return total;
}

}  // namespace tandem::forwarding
