#include "daemon/tandemctl/status_text.hpp"

#include <algorithm>
#include <map>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "daemon/tandemctl/json_parts.hpp"
#include "daemon/tandemctl/table.hpp"

namespace tandem::ctl {
namespace {

namespace json = boost::json;
std::string joined(const json::array& list) {
  std::string text;
  for (const auto& item : list) {
    if (const auto* word = item.if_string()) {
      if (!text.empty()) text += ' ';
      text.append(word->data(), word->size());
    }
  }
  return text;
}

Tone tone_of_state(const std::string& state) {
  if (state == "active") return Tone::kGood;
  if (state == "fault") return Tone::kBad;
  if (state == "initialize") return Tone::kDoubt;
  return Tone::kPlain;
}

std::string routers(const json::value& status, const StatusStyle& style) {
  Table table({"ROUTER", "STATE", "SINCE", "VRID", "PRIORITY", "INTERFACE", "ADDRESSES", "WHY"});
  for (const auto& router : list_of(status, "InstanceState")) {
    const std::string state = text_of(router, "state");
    table.row({text_of(router, "router"), Cell(state, tone_of_state(state)),
               age(number_of(router, "since_unix_ms"), style.now_unix_ms), Cell::number(number_of(router, "vrid")),
               Cell::number(number_of(router, "priority")), text_of(router, "interface"),
               joined(list_of(router, "addresses")), text_of(router, "reason")});
  }
  return table.render(style.colour);
}

std::string services(const json::value& status, const StatusStyle& style) {
  std::map<std::string, json::value> statistics;
  for (const auto& server : list_of(status, "ServerStats")) {
    statistics[text_of(server, "service") + '/' + text_of(server, "server")] = server;
  }
  std::map<std::string, std::string> places;  // service -> "198.51.100.10:80/tcp nat wlc"
  for (const auto& service : list_of(status, "services")) {
    std::string addresses = joined(list_of(service, "addresses"));
    std::ranges::replace(addresses, ' ', ',');
    if (addresses.empty()) addresses = text_of(service, "address");
    std::string ports = text_of(service, "ports");
    if (ports.empty()) ports = std::to_string(number_of(service, "port"));
    places[text_of(service, "name")] = addresses + ':' + ports + '/' + text_of(service, "protocol") + ' ' +
                                       text_of(service, "forward") + ' ' + text_of(service, "scheduler");
  }
  Table table({"SERVICE", "SERVER", "STATE", "SINCE", "WEIGHT", "ACTIVE", "INACTIVE", "CONNECTIONS", "REASON"});
  std::string shown;
  for (const auto& server : list_of(status, "ServerHealth")) {
    const std::string service = text_of(server, "service");
    if (service != shown) {
      const auto place = places.find(service);
      Cell nothing = Cell::number(0);
      nothing.text.clear();
      table.row({service, place == places.end() ? "" : place->second, "", "", nothing, nothing, nothing, nothing, ""});
      shown = service;
    }
    const bool up = truth_of(server, "up");
    const bool known = truth_of(server, "known");
    const json::value& numbers = statistics[service + '/' + text_of(server, "server")];
    table.row({"", text_of(server, "server"),
               Cell(up      ? "up"
                    : known ? "down"
                            : "unknown",
                    up      ? Tone::kGood
                    : known ? Tone::kBad
                            : Tone::kDoubt),
               age(number_of(server, "since_unix_ms"), style.now_unix_ms), Cell::number(number_of(server, "weight")),
               Cell::number(number_of(numbers, "active_connections")),
               Cell::number(number_of(numbers, "inactive_connections")),
               Cell::number(number_of(numbers, "connections")), text_of(server, "reason")});
  }
  return table.render(style.colour);
}

std::string peers(const json::value& status, const StatusStyle& style) {
  Table table({"PEER", "LINK", "SINCE", "FLOWS SENT", "RECEIVED", "REASON"});
  for (const auto& peer : list_of(status, "SyncStatus")) {
    const bool connected = truth_of(peer, "connected");
    const bool in_step = truth_of(peer, "in_step");
    table.row({text_of(peer, "peer"),
               in_step     ? Cell("in step", Tone::kGood)
               : connected ? Cell("catching up", Tone::kDoubt)
                           : Cell("not connected", Tone::kBad),
               age(number_of(peer, "since_unix_ms"), style.now_unix_ms), Cell::number(number_of(peer, "flows_sent")),
               Cell::number(number_of(peer, "flows_received")), text_of(peer, "reason")});
  }
  return table.render(style.colour);
}

std::string rooms(const json::value& status, const StatusStyle& style) {
  Table table({"ROOM", "STATE", "PID", "SINCE", "RESTARTS", "LAST END"});
  for (const auto& room : list_of(status, "RoomStatus")) {
    const std::string phase = text_of(room, "phase");
    table.row({text_of(room, "room"), Cell(phase, phase == "running" ? Tone::kGood : Tone::kDoubt),
               Cell::number(number_of(room, "pid")), age(number_of(room, "since_unix_ms"), style.now_unix_ms),
               Cell::number(number_of(room, "restarts")), text_of(room, "reason")});
  }
  return table.render(style.colour);
}

std::string engine(const json::value& status, const StatusStyle& style) {
  std::string text;
  for (const auto& stats : list_of(status, "EngineStats")) {
    text += "engine " + text_of(stats, "engine") + ": " + std::to_string(number_of(stats, "flows")) + " flows of " +
            std::to_string(number_of(stats, "flow_capacity")) + '\n';
  }
  for (const auto& result : list_of(status, "ReloadResult")) {
    if (truth_of(result, "applied")) continue;
    text += toned("the last reload (" + age(number_of(result, "unix_ms"), style.now_unix_ms) +
                      " ago) was refused; the configuration before it is in force:",
                  Tone::kBad, style.colour) +
            '\n';
    for (const auto& line : list_of(result, "lines")) {
      if (const auto* words = line.if_string()) text += "  " + std::string(words->data(), words->size()) + '\n';
    }
  }
  return text;
}

}  // namespace

std::string status_text(const json::value& status, const StatusStyle& style) {
  std::string text = text_of(status, "director") + "   site " + text_of(status, "site") + "   Tandem " +
                     text_of(status, "version") + "   configuration " +
                     std::to_string(number_of(status, "generation")) + "\n";
  for (const std::string& part : {routers(status, style), services(status, style), peers(status, style),
                                  rooms(status, style), engine(status, style)}) {
    if (!part.empty()) text += '\n' + part;
  }
  return text;
}

namespace {

// Of one server: how its last attempts ended, those in a row that ended alike in one line.
std::string why_server(const json::value& server, const StatusStyle& style) {
  const bool up = truth_of(server, "up");
  std::string text = text_of(server, "server") + " of " + text_of(server, "service") + " is " +
                     toned(up ? "up" : "down", up ? Tone::kGood : Tone::kBad, style.colour) + " since " +
                     age(number_of(server, "since_unix_ms"), style.now_unix_ms) + ": " + text_of(server, "reason") +
                     "\nweight " + std::to_string(number_of(server, "weight")) + ", " +
                     std::to_string(number_of(server, "attempts")) + " attempts, " +
                     std::to_string(number_of(server, "failures")) + " failed\n";
  Table recent({"AGO", "TIMES", "TOOK", "RESULT", "IN WORDS"});
  for (const auto& run : list_of(server, "recent")) {
    const bool passed = truth_of(run, "passed");
    recent.row({age(number_of(run, "last_unix_ms"), style.now_unix_ms), Cell::number(number_of(run, "count")),
                std::to_string(number_of(run, "last_duration_us") / 1000) + "." +
                    std::to_string(number_of(run, "last_duration_us") / 100 % 10) + " ms",
                Cell(passed ? "passed" : "failed", passed ? Tone::kGood : Tone::kBad), text_of(run, "words")});
  }
  return text + '\n' + recent.render(style.colour);
}

}  // namespace

std::expected<std::string, std::string> why_text(const json::value& status, const std::string& router,
                                                 const StatusStyle& style) {
  // A server by its name, in every service that has it, or by SERVICE/SERVER.
  std::string servers;
  for (const auto& each : list_of(status, "ServerHealth"))
    if (const std::string name = text_of(each, "server");
        name == router || text_of(each, "service") + "/" + name == router)
      servers += (servers.empty() ? "" : "\n") + why_server(each, style);
  const json::array& all = list_of(status, "InstanceState");
  std::string names;
  for (const auto& each : all) {
    if (text_of(each, "router") != router) {
      names += (names.empty() ? "" : ", ") + text_of(each, "router");
      continue;
    }
    const std::string state = text_of(each, "state");
    std::string text = router + " is " + toned(state, tone_of_state(state), style.colour) + " since " +
                       age(number_of(each, "since_unix_ms"), style.now_unix_ms) + ": " + text_of(each, "reason") + '\n';
    if (const std::string active = text_of(each, "active_address"); !active.empty() && state != "active")
      text += "active is " + active + '\n';
    const auto& tracked = list_of(each, "tracked");
    if (!tracked.empty()) text += "\ntracked:\n";
    for (const auto& line : tracked)
      if (line.is_string()) text += "  " + std::string(line.as_string()) + '\n';
    Table history({"AGO", "FROM", "TO", "BECAUSE"});
    for (const auto& step : list_of(each, "history"))
      history.row({age(number_of(step, "unix_ms"), style.now_unix_ms), text_of(step, "from"),
                   Cell(text_of(step, "to"), tone_of_state(text_of(step, "to"))), text_of(step, "reason")});
    text += '\n' + history.render(style.colour);
    Table counters({"COUNTER", "VALUE"});
    for (const auto& counter : list_of(each, "counters"))
      if (number_of(counter, "value") > 0)
        counters.row({text_of(counter, "name"), Cell::number(number_of(counter, "value"))});
    text += '\n' + counters.render(style.colour);
    return servers.empty() ? text : text + '\n' + servers;
  }
  if (!servers.empty()) return servers;
  return std::unexpected("there is no virtual router or server '" + router + "' here" +
                         (names.empty() ? std::string() : "; there are the routers " + names));
}

}  // namespace tandem::ctl
