// Forwarding without the rest of the daemon, for the lab: a site file in, and every server of it is up and every service is
// active here. Prints "ready" when filters and ports stand, and the counters when it is ended by SIGTERM or SIGINT.
//
//   forwarder_alone SITE_FILE RUN_DIRECTORY
//
// SIGHUP reads the file again; SIGUSR1 prints the flows, one a line: "flow tcp 192.0.2.7 40000 web web1 SYN_RECV 60" (its
// timeout in seconds), and then "flows"; SIGUSR2 prints "counters begin", the counters, and then "counters". Exit status 1: it could not begin.
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>

#include "daemon/config/reader.hpp"
#include "daemon/loop/clock.hpp"
#include "forwarding/flow_search.hpp"
#include "forwarding/io/forwarder.hpp"

namespace {

using namespace tandem;
using namespace tandem::forwarding;

std::optional<config::Site> read_file(const char* path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  config::Reading reading = config::read_site(text.str(), path);
  for (const auto& error : reading.errors) std::cerr << error.render() << '\n';
  return std::move(reading.site);
}

// Everything is well.
Knowledge all_well(const config::Site& site) {
  Knowledge knowledge;
  for (const auto& router : site.virtual_routers)
    knowledge.routers[router.name] = {.router = router.name, .state = bus::RouterState::kActive};
  for (const auto& service : site.services)
    for (const auto& server : service.servers)
      knowledge.health[service.name + '/' + server.name] = {.service = service.name,
                                                            .server = server.name,
                                                            .up = true,
                                                            .known = true,
                                                            .in_rotation = true,
                                                            .weight = server.weight};
  return knowledge;
}

void print_counters(const Forwarder& forwarder) {
  for (size_t i = 0; i < static_cast<size_t>(Counter::kCount); ++i) {
    const auto counter = static_cast<Counter>(i);
    if (const uint64_t value = forwarder.engines().counted(counter))
      std::cout << name_of(counter) << ' ' << value << '\n';
  }
  for (size_t i = 0; i < forwarder.worker_count(); ++i)
    std::cout << "worker_" << i << "_received " << forwarder.stats_of(i).ports.received << '\n';
  const FastPath::Frames fast = forwarder.engines().fast_frames();
  std::cout << "fast_path " << forwarder.is_fast() << "\nfast_to_servers " << fast.to_servers << "\nfast_to_clients "
            << fast.to_clients << '\n';
  const WorkerStats worker = forwarder.worker_stats();
  std::cout << "port_received " << worker.ports.received << "\nport_receive_dropped " << worker.ports.receive_dropped
            << "\nport_receive_malformed " << worker.ports.receive_malformed << "\nport_sent " << worker.ports.sent
            << "\nport_sent_by_xdp " << worker.ports.sent_by_xdp << "\nport_send_retried " << worker.ports.send_retried
            << "\nport_send_dropped " << worker.ports.send_dropped << "\nlookups " << worker.hops.lookups << "\nheld "
            << worker.hops.held << "\ndrop_next_hop_unresolved " << worker.hops.dropped_waiting << "\ndrop_no_route "
            << worker.hops.dropped_no_route << "\ndrop_no_port " << worker.dropped_no_port << "\ndrop_too_long "
            << worker.dropped_too_long << "\nlocal " << worker.delivered_locally << "\ndrop_local "
            << worker.dropped_local << "\nflows " << forwarder.engines().flow_count() << std::endl;
}

void print_flows(Forwarder& forwarder) {
  FlowSearch search(forwarder.flows(), forwarder.services(), {}, FlowSearch::Act::kList, 1'000'000);
  while (!search.step(loop::monotonic_now(), 65536)) {
  }
  for (const FlowRow& row : search.rows())
    std::cout << "flow " << name_of_protocol(row.protocol) << ' ' << row.client.text() << ' ' << row.client_port << ' '
              << row.service << ' ' << row.server << ' ' << name_of(row.state) << ' '
              << std::chrono::round<std::chrono::seconds>(row.idle + row.expires).count() << '\n';
  std::cout << "flows" << std::endl;
}

int run(const char* site_path, const char* run_directory) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  const int broken_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::atomic<uint32_t> broken_port = 0;

  ForwarderCallbacks callbacks;
  callbacks.event = [](bus::Severity, const std::string& id, const std::string& subject, const std::string& text) {
    std::cerr << id << ' ' << subject << ": " << text << '\n';
  };
  callbacks.port_broken = [&](uint32_t ifindex) {
    broken_port = ifindex;
    eventfd_write(broken_fd, 1);
  };
  auto opened = Forwarder::open(std::string(run_directory) + "/flows", callbacks);
  if (!opened) {
    std::cerr << opened.error() << '\n';
    return 1;
  }
  Forwarder& forwarder = **opened;
  std::cerr << (forwarder.file().taken_up() ? "flows taken up" : "new flows: " + forwarder.file().reason()) << '\n';
  auto site = read_file(site_path);
  if (!site) return 1;
  forwarder.set_send_by(send_by_of(*site));
  forwarder.set_workers(site->workers);
  forwarder.set_fast_path(may_take_fast_path(*site));
  forwarder.apply(settings_of(*site, all_well(*site)));
  std::cout << "ready" << std::endl;

  TimePoint next_second = loop::monotonic_now() + 1s;
  std::array<pollfd, 4> fds = {{{signal_fd, POLLIN, 0},
                                {broken_fd, POLLIN, 0},
                                {forwarder.network_fd(), POLLIN, 0},
                                {forwarder.ruleset_fd(), POLLIN, 0}}};
  for (;;) {
    poll(fds.data(), fds.size(), 200);
    if (fds[2].revents != 0) forwarder.on_network();
    if (fds[3].revents != 0) forwarder.on_ruleset();
    if (fds[1].revents != 0) {
      eventfd_t ignored = 0;
      eventfd_read(broken_fd, &ignored);
      forwarder.on_port_broken(broken_port);
    }
    if (loop::monotonic_now() >= next_second) {
      next_second += 1s;
      forwarder.every_second();
    }
    signalfd_siginfo signal{};
    if (read(signal_fd, &signal, sizeof signal) != sizeof signal) continue;
    if (signal.ssi_signo == SIGUSR1) {
      print_flows(forwarder);
      continue;
    }
    if (signal.ssi_signo == SIGUSR2) {
      std::cout << "counters begin\n";
      print_counters(forwarder);
      std::cout << "counters" << std::endl;
      continue;
    }
    if (signal.ssi_signo != SIGHUP) break;
    if ((site = read_file(site_path))) {
      forwarder.set_send_by(send_by_of(*site));
      forwarder.set_workers(site->workers);
      forwarder.set_fast_path(may_take_fast_path(*site));
      forwarder.apply(settings_of(*site, all_well(*site)));
    }
    std::cout << "reloaded" << std::endl;
  }
  print_counters(forwarder);
  forwarder.stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3) return run(argv[1], argv[2]);
  std::cerr << "usage: forwarder_alone SITE_FILE RUN_DIRECTORY\n";
  return 2;
}
