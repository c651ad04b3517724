// The forwarder: the engine with everything it needs around it (flow file, filters, packet ports, next hops, worker), in
// the order that leaves no moment in which the kernel answers for us. It knows no message board and no site file; room.cc does.
//
// Everything but the worker runs on the caller's thread.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/bus/messages.hpp"
#include "daemon/netlink/monitor.hpp"
#include "forwarding/io/batch_gate.hpp"
#include "forwarding/io/engines.hpp"
#include "forwarding/io/fast_path_keeper.hpp"
#include "forwarding/io/flow_file.hpp"
#include "forwarding/io/plan.hpp"
#include "forwarding/io/ruleset_watch.hpp"
#include "forwarding/io/sender_choice.hpp"
#include "forwarding/io/server_hops.hpp"
#include "forwarding/io/silence.hpp"
#include "forwarding/io/stats_teller.hpp"
#include "forwarding/io/surroundings.hpp"
#include "forwarding/io/worker.hpp"
#include "forwarding/service_table.hpp"

namespace tandem::forwarding {

struct ForwarderCallbacks {
  std::function<void(bus::Severity severity, std::string id, std::string subject, std::string text)> event;
  // In a worker's thread: call on_port_broken() soon, on the forwarder's own thread.
  std::function<void(uint32_t ifindex)> port_broken;
  // In a worker's thread: a peer that awaits news of the flow table has some to be told.
  std::function<void()> flows_dirty;
  // Numbers were given out, and no packet has used them yet.
  std::function<void()> names_changed;
};

class Forwarder {
 public:
  // Takes up the flows. Errors: words.
  static std::expected<std::unique_ptr<Forwarder>, std::string> open(const std::filesystem::path& flow_file,
                                                                     ForwarderCallbacks callbacks);
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // Brings everything to these settings; at the first call also starts. When it returns, filters and ports stand, or
  // is_standing() says no and every_second() goes on trying.
  TableChanges apply(const std::vector<ServiceSetting>& settings);
  // How many threads carry packets; 0: as many as there are processors, at most four. Flows and counts stay.
  void set_workers(uint32_t wish);
  // By which socket finished frames leave; also of ports that are open.
  void set_send_by(SendBy wish);
  // Whether established flows may take the fast path, where the kernel has it. Flows and counts stay.
  void set_fast_path(bool wish);
  void hear_latency(const std::string& service, const std::string& server, uint32_t us);
  void set_standing(const std::string& service, const std::string& server, const ServerStanding& standing);
  void set_active(const std::string& service, bool active);

  // Readable when on_network() or on_ruleset() have something to do.
  int network_fd() const { return monitor_.fd(); }
  int ruleset_fd() const { return ruleset_watch_.fd(); }
  void on_network();
  void on_ruleset();
  void on_port_broken(uint32_t ifindex);
  void every_second();

  bool is_standing() const { return silent_ && all_ports_; }

  // Orderly: packets stop, then the filters go. The flows stay for whoever comes next.
  void stop();

  FlowTable& flows() { return file_.table(); }
  const FlowFile& file() const { return file_; }
  ServiceTable& services() { return services_; }
  const Engines& engines() const { return engines_; }
  WorkerStats worker_stats() const;
  // Of one of those at work. REQUIRES: worker < worker_count().
  WorkerStats stats_of(size_t worker) const { return workers_[worker]->stats(); }
  size_t worker_count() const { return workers_.size(); }
  size_t port_count() const { return ports_.size(); }
  bool is_fast() const { return fast_path_.is_on(); }
  ShellNumbers shell_numbers() {
    return {.workers_counted = worker_stats(),
            .workers = worker_count(),
            .ports = port_count(),
            .fast_path = is_fast(),
            .flow_capacity = flows().slots()};
  }

 private:
  struct Port {
    std::string name;
    bool by_xdp = false;
    bool try_again = false;
  };
  Forwarder(FlowFile file, KernelNetwork network, netlink::Connection connection, netlink::Monitor monitor,
            RulesetWatch ruleset_watch, ForwarderCallbacks callbacks);
  void start_workers();
  void stop_workers();
  // Makes or removes the way to this box's own programs.
  void serve_locally(bool wanted);
  // Opens and closes ports, and moves the filters, to what is there now.
  void look_around();
  void open_port(const PacketInterface& interface);
  // Says what came of it when it was asked the first time, or when AF_XDP is used after all.
  void choose_sender_of(const PacketInterface& interface, Port& port, bool first);
  void choose_senders(bool only_those_to_try_again);
  void apply_silence(const SilenceRules& rules);
  // Has the taps hand up what `rules` and the own addresses make ours.
  void tap_for(const SilenceRules& rules);
  // After a server's standing changed: the addresses that answer pings only while a service is up.
  void hear_pings();
  void write_hops(const std::vector<HopChange>& changes);
  void on_change(const netlink::Change& change, bool& look);
  void say(bus::Severity severity, const char* id, std::string subject, std::string text) const;

  FlowFile file_;
  ForwarderCallbacks callbacks_;
  KernelNetwork network_;
  netlink::Connection connection_;
  netlink::Monitor monitor_;
  RulesetWatch ruleset_watch_;
  ServiceTable services_;
  Engines engines_;
  FastPathKeeper fast_path_;
  BatchGate gate_;
  ServerHops server_hops_;
  Silence silence_;
  SilenceRules wanted_silence_;
  bool ipv6_ = false;       // some service or server has an IPv6 address
  bool silent_ = false;     // the filters are as they should be
  bool all_ports_ = false;  // so are the ports
  bool complained_ = false;
  std::map<uint32_t, Port> ports_;  // by interface
  SendBy send_by_ = SendBy::kAuto;
  std::set<IpAddress> own_addresses_;
  TapAddresses tapped_;
  std::shared_ptr<const TapPrograms> programs_;
  bool tap_is_wide_ = false;  // the kernel takes no program that knows all addresses
  uint32_t workers_wished_ = 0;
  WorkerStats closed_workers_;
  bool fast_wished_ = true;
  std::shared_ptr<LocalStack> local_;  // where some server is this box
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace tandem::forwarding
