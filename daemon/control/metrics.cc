#include "daemon/control/metrics.hpp"

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace tandem::control {
namespace {

// One metric family: its head once, then a line per sample.
class Family {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  Family(std::string& out, std::string_view name, std::string_view type, std::string_view help)
      : out_(out), name_(name), type_(type), help_(help) {}

  void sample(Labels labels, uint64_t value) {
    if (!headed_) {
      headed_ = true;
      out_.append("# HELP ").append(name_).append(" ").append(help_);
      out_.append("\n# TYPE ").append(name_).append(" ").append(type_).append("\n");
    }
    out_.append(name_);
    if (labels.size() > 0) {
      char before = '{';
      for (const auto& [label, text] : labels) {
        out_.append(1, before).append(label).append("=\"");
        escape(text);
        out_.append("\"");
        before = ',';
      }
      out_.append("}");
    }
    out_.append(" ").append(std::to_string(value)).append("\n");
  }

 private:
  void escape(std::string_view text) {
    for (const char c : text) {
      if (c == '\n') {
        out_.append("\\n");
        continue;
      }
      if (c == '"' || c == '\\') out_.append(1, '\\');
      out_.append(1, c);
    }
  }

  std::string& out_;
  std::string_view name_, type_, help_;
  bool headed_ = false;
};

void routers(const View& view, std::string& out) {
  static constexpr std::string_view kStates[] = {"initialize", "backup", "active", "fault"};
  Family state(out, "tandem_router_state", "gauge", "1 for the state the virtual router is in on this director.");
  view.each<bus::InstanceState>([&](const auto& m) {
    for (size_t i = 0; i < std::size(kStates); ++i) {
      state.sample({{"router", m.router}, {"state", kStates[i]}}, static_cast<size_t>(m.state) == i);
    }
  });
  const auto counter = [&](std::string_view name, std::string_view help, uint64_t bus::InstanceState::* member) {
    Family family(out, name, "counter", help);
    view.each<bus::InstanceState>([&](const auto& m) { family.sample({{"router", m.router}}, m.*member); });
  };
  Family priority(out, "tandem_router_priority", "gauge", "The VRRP priority in force.");
  view.each<bus::InstanceState>([&](const auto& m) { priority.sample({{"router", m.router}}, m.priority); });
  counter("tandem_router_transitions_total", "Changes of the router's state.", &bus::InstanceState::transitions);
  counter("tandem_router_adverts_sent_total", "Advertisements sent.", &bus::InstanceState::adverts_sent);
  counter("tandem_router_adverts_received_total", "Advertisements accepted.", &bus::InstanceState::adverts_received);
  counter("tandem_router_adverts_rejected_total", "Advertisements refused.", &bus::InstanceState::adverts_rejected);
}

void servers(const View& view, std::string& out) {
  Family up(out, "tandem_server_up", "gauge", "1 while the real server's checks succeed.");
  view.each<bus::ServerHealth>([&](const auto& m) { up.sample({{"service", m.service}, {"server", m.server}}, m.up); });
  Family weight(out, "tandem_server_weight", "gauge", "The effective weight: 0 takes no new connections.");
  view.each<bus::ServerHealth>(
      [&](const auto& m) { weight.sample({{"service", m.service}, {"server", m.server}}, m.weight); });
  Family attempts(out, "tandem_server_checks_total", "counter", "Attempts to check the real server.");
  view.each<bus::ServerHealth>(
      [&](const auto& m) { attempts.sample({{"service", m.service}, {"server", m.server}}, m.attempts); });
  Family failures(out, "tandem_server_check_failures_total", "counter", "Attempts that failed.");
  view.each<bus::ServerHealth>(
      [&](const auto& m) { failures.sample({{"service", m.service}, {"server", m.server}}, m.failures); });
  Family service_up(out, "tandem_service_up", "gauge", "1 while the service has its quorum.");
  view.each<bus::ServiceHealth>([&](const auto& m) { service_up.sample({{"service", m.service}}, m.up); });
  const auto gauge = [&](std::string_view name, std::string_view help, auto member) {
    Family family(out, name, "gauge", help);
    view.each<bus::ServiceHealth>([&](const auto& m) { family.sample({{"service", m.service}}, m.*member); });
  };
  gauge("tandem_service_quorum", "What the service needs to be up.", &bus::ServiceHealth::quorum);
  gauge("tandem_service_quorum_has", "What it has of that.", &bus::ServiceHealth::quorum_has);
  gauge("tandem_service_sorry_in_use", "1 while sorry servers get the new connections.",
        &bus::ServiceHealth::sorry_in_use);
  gauge("tandem_service_servers_overridden", "Servers that an operator has set.",
        &bus::ServiceHealth::servers_overridden);
  Family serving(out, "tandem_server_in_rotation", "gauge", "0 for servers that are down, spares and sorry servers.");
  view.each<bus::ServerHealth>(
      [&](const auto& m) { serving.sample({{"service", m.service}, {"server", m.server}}, m.in_rotation); });
}

// Totals of services, which outlive their servers. By method: sum by (method), of the servers' where a service has several.
void services(const View& view, std::string& out) {
  using Stats = bus::ServiceStats;
  const auto family = [&](std::string_view name, std::string_view type, std::string_view help,
                          uint64_t Stats::* member) {
    Family lines(out, name, type, help);
    view.each<Stats>([&](const auto& m) { lines.sample({{"service", m.service}, {"method", m.method}}, m.*member); });
  };
  family("tandem_service_connections_active", "gauge", "Established connections.", &Stats::active_connections);
  family("tandem_service_connections_total", "counter", "Connections since forwarding started.", &Stats::connections);
  family("tandem_service_packets_in_total", "counter", "Packets from clients.", &Stats::packets_in);
  family("tandem_service_bytes_in_total", "counter", "Bytes from clients.", &Stats::bytes_in);
  family("tandem_service_packets_out_total", "counter", "Packets to clients through the director.",
         &Stats::packets_out);
  family("tandem_service_bytes_out_total", "counter", "Bytes to clients through the director.", &Stats::bytes_out);
  Family drops(out, "tandem_service_drops_total", "counter", "Packets of the service that went nowhere, by reason.");
  view.each<Stats>([&](const auto& m) {
    for (const auto& drop : m.drops)
      drops.sample({{"service", m.service}, {"method", m.method}, {"reason", drop.name}}, drop.value);
  });
}

void traffic(const View& view, std::string& out) {
  const auto family = [&](std::string_view name, std::string_view type, std::string_view help,
                          uint64_t bus::ServerStats::* member) {
    Family lines(out, name, type, help);
    view.each<bus::ServerStats>([&](const auto& m) {
      lines.sample({{"service", m.service}, {"server", m.server}, {"method", m.method}}, m.*member);
    });
  };
  using Stats = bus::ServerStats;
  family("tandem_server_connections_active", "gauge", "Established connections.", &Stats::active_connections);
  family("tandem_server_connections_inactive", "gauge", "Connections in another state.", &Stats::inactive_connections);
  family("tandem_server_connections_total", "counter", "Connections since forwarding started.", &Stats::connections);
  family("tandem_server_packets_in_total", "counter", "Packets from clients.", &Stats::packets_in);
  family("tandem_server_bytes_in_total", "counter", "Bytes from clients.", &Stats::bytes_in);
  family("tandem_server_packets_out_total", "counter", "Packets to clients through the director.", &Stats::packets_out);
  family("tandem_server_bytes_out_total", "counter", "Bytes to clients through the director.", &Stats::bytes_out);
  services(view, out);
  Family flows(out, "tandem_flows", "gauge", "Flows in the table.");
  view.each<bus::EngineStats>([&](const auto& m) { flows.sample({}, m.flows); });
  Family capacity(out, "tandem_flows_capacity", "gauge", "Flows the table has room for.");
  view.each<bus::EngineStats>([&](const auto& m) { capacity.sample({}, m.flow_capacity); });
  Family fast(out, "tandem_fast_path", "gauge", "1 while packets of established flows go on inside of the kernel.");
  view.each<bus::EngineStats>([&](const auto& m) { fast.sample({}, m.fast_path); });
  Family events(out, "tandem_engine_events_total", "counter", "What the engine counted, by name.");
  view.each<bus::EngineStats>([&](const auto& m) {
    for (const auto& counter : m.counters) events.sample({{"name", counter.name}}, counter.value);
  });
}

void house(const View& view, std::string& out) {
  Family connected(out, "tandem_peer_connected", "gauge", "1 while the peer link stands.");
  view.each<bus::SyncStatus>([&](const auto& m) { connected.sample({{"peer", m.peer}}, m.connected); });
  Family in_step(out, "tandem_peer_in_step", "gauge", "1 once the peer's whole table has been received.");
  view.each<bus::SyncStatus>([&](const auto& m) { in_step.sample({{"peer", m.peer}}, m.in_step); });
  Family sent(out, "tandem_peer_flows_sent_total", "counter", "Flow records sent to the peer.");
  view.each<bus::SyncStatus>([&](const auto& m) { sent.sample({{"peer", m.peer}}, m.flows_sent); });
  Family received(out, "tandem_peer_flows_received_total", "counter", "Flow records received from the peer.");
  view.each<bus::SyncStatus>([&](const auto& m) { received.sample({{"peer", m.peer}}, m.flows_received); });
  Family restarts(out, "tandem_room_restarts_total", "counter", "How often a room was started again.");
  view.each<bus::RoomStatus>([&](const auto& m) { restarts.sample({{"room", m.room}}, m.restarts); });
  Family reload(out, "tandem_config_last_reload_successful", "gauge", "1 when the last reload was applied.");
  view.each<bus::ReloadResult>([&](const auto& m) { reload.sample({}, m.applied); });
}

}  // namespace

std::string metrics_text(const View& view) {
  std::string out;
  Family(out, "tandem_build_info", "gauge", "1, with the version as label.").sample({{"version", TANDEM_VERSION}}, 1);
  routers(view, out);
  servers(view, out);
  traffic(view, out);
  house(view, out);
  return out;
}

}  // namespace tandem::control
