// tandemctl: the operator's command. check works on a file; everything else asks the daemon over
// its control socket.
//
// Exit status: 0 well; 1 the answer is bad news (errors in the file, reload refused); 2 wrong use;
// 3 the daemon cannot be asked.
#include <unistd.h>

#include <cctype>
#include <chrono>
#include <csignal>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "daemon/config/files.hpp"
#include "daemon/tandemctl/client.hpp"
#include "daemon/tandemctl/flows_text.hpp"
#include "daemon/tandemctl/stats_text.hpp"
#include "daemon/tandemctl/status_text.hpp"

namespace tandem::ctl {
namespace {

constexpr int kBadNews = 1;
constexpr int kCannotAsk = 3;

unsigned long long unix_ms_now() {
  return static_cast<unsigned long long>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
}

bool wants_colour() {
  return isatty(STDOUT_FILENO) && !std::getenv("NO_COLOR");
}

int cannot_ask(const std::string& why) {
  std::cerr << "tandemctl: " << why << '\n';
  return kCannotAsk;
}

int check(const std::string& path) {
  const config::CheckedSite checked = config::check_site_file(path);
  for (const auto& warning : checked.warnings) std::cerr << warning.render() << " (warning)\n";
  for (const auto& error : checked.errors) std::cerr << error.render() << '\n';
  if (!checked.errors.empty()) {
    std::cerr << path << ": " << checked.errors.size() << (checked.errors.size() == 1 ? " error\n" : " errors\n");
    return kBadNews;
  }
  size_t servers = 0;
  for (const auto& service : checked.site->services) servers += service.servers.size();
  std::cout << path << ": valid: site " << checked.site->name << ", " << checked.site->directors.size()
            << " directors, " << checked.site->virtual_routers.size() << " virtual routers, "
            << checked.site->services.size() << " services, " << servers << " servers\n";
  return 0;
}

int status(const std::string& socket, bool as_json) {
  const auto answer = ask(socket, "GET", "/v1/status", std::chrono::seconds(5));
  if (!answer) return cannot_ask(answer.error());
  if (as_json) {
    std::cout << boost::json::serialize(*answer) << '\n';
  } else {
    std::cout << status_text(*answer, {.colour = wants_colour(), .now_unix_ms = unix_ms_now()});
  }
  return 0;
}

int stats(const std::string& socket, const StatsWish& wish, bool as_json) {
  const auto answer = ask(socket, "GET", "/v1/status", std::chrono::seconds(5));
  if (!answer) return cannot_ask(answer.error());
  if (as_json)
    std::cout << boost::json::serialize(stats_json(*answer, wish)) << '\n';
  else
    std::cout << stats_text(*answer, wish, {.colour = wants_colour(), .now_unix_ms = unix_ms_now()});
  return 0;
}

int reload(const std::string& socket, bool as_json) {
  const auto answer = ask(socket, "POST", "/v1/reload", std::chrono::seconds(60));
  if (!answer) return cannot_ask(answer.error());
  const auto* object = answer->if_object();
  const auto* applied = object ? object->if_contains("applied") : nullptr;
  if (!applied || !applied->is_bool()) return cannot_ask("tandemd gave no verdict: " + boost::json::serialize(*answer));
  if (as_json) {
    std::cout << boost::json::serialize(*answer) << '\n';
    return applied->as_bool() ? 0 : kBadNews;
  }
  std::ostream& out = applied->as_bool() ? std::cout : std::cerr;
  out << (applied->as_bool() ? "reloaded\n" : "not reloaded; the running configuration stays:\n");
  if (const auto* lines = object->if_contains("lines"); lines && lines->is_array()) {
    for (const auto& line : lines->as_array()) {
      if (line.is_string()) out << "  " << line.as_string().c_str() << '\n';
    }
  }
  return applied->as_bool() ? 0 : kBadNews;
}

// What the daemon says to a planned change: {"done":..., "lines":[...]}.
int handover(const std::string& socket, const std::string& router) {
  const auto answer =
      ask(socket, "POST", "/v1/handover" + (router.empty() ? "" : "/" + router), std::chrono::seconds(15));
  if (!answer) return cannot_ask(answer.error());
  const auto* object = answer->if_object();
  const auto* done = object ? object->if_contains("done") : nullptr;
  if (!done || !done->is_bool()) return cannot_ask("tandemd gave no verdict: " + boost::json::serialize(*answer));
  std::ostream& out = done->as_bool() ? std::cout : std::cerr;
  size_t said = 0;
  if (const auto* lines = object->if_contains("lines"); lines && lines->is_array()) {
    for (const auto& line : lines->as_array()) {
      if (line.is_string()) out << line.as_string().c_str() << '\n', ++said;
    }
  }
  if (said == 0) out << "no router is active here; nothing to hand over\n";
  return done->as_bool() ? 0 : kBadNews;
}

int maintenance(const std::string& socket, const std::string& word) {
  const auto answer = ask(socket, "POST", "/v1/maintenance/" + word, std::chrono::seconds(5));
  if (!answer) return cannot_ask(answer.error());
  std::cout << (word == "on" ? "in maintenance: routers are handed over, and taken back only from silence\n"
                             : "back in service: routers are taken back as their priorities say\n");
  return 0;
}

int why(const std::string& socket, const std::string& router) {
  const auto answer = ask(socket, "GET", "/v1/status", std::chrono::seconds(5));
  if (!answer) return cannot_ask(answer.error());
  const auto text = why_text(*answer, router, {.colour = wants_colour(), .now_unix_ms = unix_ms_now()});
  if (!text) {
    std::cerr << "tandemctl: " << text.error() << '\n';
    return kBadNews;
  }
  std::cout << *text;
  return 0;
}

// "?client=192.0.2.0%2f24&service=web" of the conditions that were given.
std::string query_of(const std::vector<std::pair<std::string, std::string>>& conditions) {
  std::string query;
  for (const auto& [name, value] : conditions) {
    if (value.empty()) continue;
    query += (query.empty() ? '?' : '&') + name + '=';
    for (const char c : value) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      if (std::isalnum(byte) || c == '-' || c == '_' || c == '.') {
        query += c;
      } else {
        query += '%';
        query += kDigits[byte >> 4];
        query += kDigits[byte & 15];
      }
    }
  }
  return query;
}

// An answer with "error" is bad news: of the daemon's door, or of the room behind it.
std::optional<std::string> error_of(const boost::json::value& answer) {
  const auto* object = answer.if_object();
  const auto* error = object ? object->if_contains("error") : nullptr;
  const auto* text = error ? error->if_string() : nullptr;
  if (!text || text->empty()) return std::nullopt;
  return std::string(text->data(), text->size());
}

// "web/web1" is a server of one service, "web1" one of every service that has it.
int server_set(const std::string& socket, const std::string& server, const std::string& what, unsigned weight) {
  const size_t slash = server.find('/');
  const std::string service = slash == std::string::npos ? "" : server.substr(0, slash);
  const std::string name = slash == std::string::npos ? server : server.substr(slash + 1);
  const auto answer = ask(socket, "POST",
                          "/v1/server" + query_of({{"service", service},
                                                   {"server", name},
                                                   {"set", what},
                                                   {"weight", what == "weight" ? std::to_string(weight) : ""}}),
                          std::chrono::seconds(5));
  if (!answer) return cannot_ask(answer.error());
  if (const auto error = error_of(*answer)) {
    std::cerr << "tandemctl: " << *error << '\n';
    return kBadNews;
  }
  const auto* object = answer->if_object();
  const auto* lines = object ? object->if_contains("lines") : nullptr;
  if (lines && lines->is_array())
    for (const auto& line : lines->as_array())
      if (line.is_string()) std::cout << line.as_string().c_str() << '\n';
  return 0;
}

struct FlowOptions {
  std::string client, virtual_address, protocol, service, server, state;
  unsigned client_port = 0, virtual_port = 0, limit = 100;
  bool count = false, kill = false, all = false;
};

int flows(const std::string& socket, const FlowOptions& options, bool as_json) {
  const auto number = [](unsigned value) { return value == 0 ? std::string() : std::to_string(value); };
  const std::string target =
      "/v1/flows" + query_of({{"client", options.client},
                              {"client_port", number(options.client_port)},
                              {"virtual_address", options.virtual_address},
                              {"virtual_port", number(options.virtual_port)},
                              {"protocol", options.protocol},
                              {"service", options.service},
                              {"server", options.server},
                              {"state", options.state},
                              {"limit", options.count || options.kill ? "0" : std::to_string(options.limit)},
                              {"all", options.kill && options.all ? "1" : ""}});
  unsigned long long killed = 0;
  // A kill of very many takes several questions.
  for (;;) {
    const auto answer = ask(socket, options.kill ? "POST" : "GET", target, std::chrono::seconds(25));
    if (!answer) return cannot_ask(answer.error());
    if (const auto error = error_of(*answer)) {
      std::cerr << "tandemctl: " << *error << '\n';
      return kBadNews;
    }
    const FlowCounts counts = flow_counts(*answer);
    killed += counts.killed;
    if (options.kill && !counts.complete && counts.killed > 0) continue;
    if (as_json)
      std::cout << boost::json::serialize(*answer) << '\n';
    else if (options.kill)
      std::cout << killed << (killed == 1 ? " flow" : " flows") << " ended\n";
    else if (options.count)
      std::cout << counts.matched << '\n';
    else
      std::cout << flows_text(*answer, {.colour = wants_colour(), .now_unix_ms = unix_ms_now()});
    return 0;
  }
}

int trace(const std::string& socket, const std::string& client, unsigned port, const std::string& service,
          bool as_json) {
  const std::string target =
      "/v1/trace" +
      query_of({{"client", client}, {"client_port", port == 0 ? "" : std::to_string(port)}, {"service", service}});
  const auto answer = ask(socket, "GET", target, std::chrono::seconds(25));
  if (!answer) return cannot_ask(answer.error());
  if (const auto error = error_of(*answer)) {
    std::cerr << "tandemctl: " << *error << '\n';
    return kBadNews;
  }
  if (as_json) {
    std::cout << boost::json::serialize(*answer) << '\n';
    return 0;
  }
  const auto* object = answer->if_object();
  const auto* lines = object ? object->if_contains("lines") : nullptr;
  if (lines && lines->is_array())
    for (const auto& line : lines->as_array())
      if (line.is_string()) std::cout << line.as_string().c_str() << '\n';
  return 0;
}

// The live board. Redraws in place; without a terminal it prints one status after the other.
int top(const std::string& socket, double every, int rounds) {
  static volatile std::sig_atomic_t interrupted = 0;
  std::signal(SIGINT, [](int) { interrupted = 1; });
  std::signal(SIGTERM, [](int) { interrupted = 1; });
  const bool live = isatty(STDOUT_FILENO);
  if (live) std::cout << "\x1b[?1049h\x1b[?25l";
  int result = 0;
  for (int round = 0; !interrupted && (rounds == 0 || round < rounds); ++round) {
    const auto answer = ask(socket, "GET", "/v1/status", std::chrono::seconds(5));
    std::string text = answer ? status_text(*answer, {.colour = wants_colour(), .now_unix_ms = unix_ms_now()})
                              : "tandemctl: " + answer.error() + "\n";
    result = answer ? 0 : kCannotAsk;
    if (live) {
      std::string in_place = "\x1b[H";
      for (const char c : text) in_place += c == '\n' ? std::string("\x1b[K\n") : std::string(1, c);
      std::cout << in_place << "\x1b[J" << std::flush;
    } else {
      std::cout << text << std::flush;
    }
    // In short naps, so that Ctrl-C is answered at once.
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(every);
    while (!interrupted && round + 1 != rounds && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  if (live) std::cout << "\x1b[?25h\x1b[?1049l" << std::flush;
  return result;
}

int run(int argc, char** argv) {
  CLI::App app("Looks at a Tandem director and tells it what to do.", "tandemctl");
  app.set_version_flag("--version", std::string("tandemctl ") + TANDEM_VERSION);
  app.require_subcommand(1);
  std::string socket = "/run/tandem/control.sock";
  app.add_option("--socket", socket, "The daemon's control socket")->capture_default_str();

  bool as_json = false;
  auto* status_command = app.add_subcommand("status", "Who is active, what is up, what is connected");
  status_command->add_flag("--json", as_json, "Everything, as JSON");
  std::string file = "/etc/tandem/tandem.yaml";
  auto* check_command = app.add_subcommand("check", "Tell every error of a site file, as the daemon would");
  check_command->add_option("FILE", file, "The site file")->capture_default_str();
  auto* reload_command = app.add_subcommand("reload", "Validate the site file and apply what changed");
  reload_command->add_flag("--json", as_json, "The verdict as JSON");
  std::string router;
  auto* handover_command = app.add_subcommand("handover", "Let the peer take over, without losing a packet");
  handover_command->add_option("ROUTER", router, "A virtual router; without it every one that is active here");
  std::string word;
  auto* maintenance_command =
      app.add_subcommand("maintenance", "Take this director out of service (on), or back into it (off)");
  maintenance_command->add_option("on|off", word)->required()->check(CLI::IsMember({"on", "off"}));
  auto* why_command = app.add_subcommand("why", "Why a virtual router, a service or a server stands as it does");
  why_command->add_option("NAME", router, "A virtual router, a service, a server, or SERVICE/SERVER")->required();
  std::string server, what;
  unsigned weight = 0;
  auto* server_command = app.add_subcommand("server", "What an operator makes of a server, over restarts");
  server_command->require_subcommand(1);
  auto* set_command = server_command->add_subcommand("set", "On this director: say it on each");
  set_command->add_option("SERVER", server, "SERVICE/SERVER, or a server of every service that has it")->required();
  set_command
      ->add_option("WHAT", what,
                   "weight N: instead of the configured one; drain: no new connections; disable: as if it were down; "
                   "enable: as the site file and the checks say")
      ->required()
      ->check(CLI::IsMember({"weight", "drain", "disable", "enable"}));
  auto* weight_option = set_command->add_option("N", weight)->check(CLI::Range(0, 65535));
  auto* stats_command = app.add_subcommand("stats", "What the services forward, how fast, and what they drop");
  StatsWish stats_wish;
  stats_command->add_flag("--totals", stats_wish.totals, "Packets and bytes ever, in place of those of a second");
  stats_command->add_option("--service", stats_wish.service, "Of this service");
  stats_command->add_flag("--json", as_json, "The counters as JSON");
  FlowOptions flow_options;
  auto* flows_command = app.add_subcommand("flows", "The flow table: which connections go where");
  flows_command->add_option("--client", flow_options.client,
                            "An address, or a network such as 192.0.2.0/24 or 2001:db8::/64");
  flows_command->add_option("--client-port", flow_options.client_port)->check(CLI::Range(1, 65535));
  flows_command->add_option("--virtual", flow_options.virtual_address, "The same, of what the client came to");
  flows_command->add_option("--virtual-port", flow_options.virtual_port, "Or of a range that has it")
      ->check(CLI::Range(1, 65535));
  flows_command->add_option("--protocol", flow_options.protocol)
      ->check(CLI::IsMember({"tcp", "udp", "sctp"}, CLI::ignore_case));
  flows_command->add_option("--service", flow_options.service, "Of this service");
  flows_command->add_option("--server", flow_options.server, "Of servers of this name");
  flows_command->add_option("--state", flow_options.state, "In this state, as it is listed");
  flows_command->add_option("--limit", flow_options.limit, "List so many at most")
      ->check(CLI::Range(0, 1500))
      ->capture_default_str();
  flows_command->add_flag("--count", flow_options.count, "Only how many match");
  flows_command->add_flag("--kill", flow_options.kill, "End those that match, here and on the peers")
      ->excludes("--count");
  flows_command->add_flag("--all", flow_options.all, "With --kill and no condition: really all of them");
  flows_command->add_flag("--json", as_json, "The answer as JSON");
  std::string client, of_service;
  unsigned client_port = 0;
  auto* trace_command = app.add_subcommand("trace", "What is decided for a client's next packets, and why");
  trace_command->add_option("CLIENT", client, "Its address")->required();
  trace_command->add_option("--client-port", client_port, "The port it comes from")->check(CLI::Range(1, 65535));
  trace_command->add_option("--service", of_service, "For this service; without it for every one");
  trace_command->add_flag("--json", as_json, "The answer as JSON");
  double every = 1.0;
  int rounds = 0;
  auto* top_command = app.add_subcommand("top", "The live board; Ctrl-C ends it");
  top_command->add_option("--every", every, "Seconds between two looks")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  top_command->add_option("--rounds", rounds, "End after so many looks; 0: never")->check(CLI::Range(0, 1'000'000));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (check_command->parsed()) return check(file);
  if (status_command->parsed()) return status(socket, as_json);
  if (reload_command->parsed()) return reload(socket, as_json);
  if (handover_command->parsed()) return handover(socket, router);
  if (maintenance_command->parsed()) return maintenance(socket, word);
  if (why_command->parsed()) return why(socket, router);
  if (set_command->parsed()) {
    if ((what == "weight") != (weight_option->count() > 0)) {
      std::cerr << "tandemctl: expected a number after weight, and after nothing else\n";
      return 2;
    }
    return server_set(socket, server, what, weight);
  }
  if (stats_command->parsed()) return stats(socket, stats_wish, as_json);
  if (flows_command->parsed()) return flows(socket, flow_options, as_json);
  if (trace_command->parsed()) return trace(socket, client, client_port, of_service, as_json);
  if (top_command->parsed()) return top(socket, every, rounds);
  return 2;
}

}  // namespace
}  // namespace tandem::ctl

int main(int argc, char** argv) {
  try {
    return tandem::ctl::run(argc, argv);
  } catch (const std::exception& problem) {
    std::cerr << "tandemctl: " << problem.what() << '\n';
    return 2;
  }
}
