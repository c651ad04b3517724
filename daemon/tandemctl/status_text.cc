#include "daemon/tandemctl/status_text.hpp"

#include <algorithm>
#include <map>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "daemon/tandemctl/health_text.hpp"
#include "daemon/tandemctl/json_parts.hpp"
#include "daemon/tandemctl/table.hpp"

namespace tandem::ctl {

Tone tone_of_state(const std::string& state) {
  if (state == "active") return Tone::kGood;
  if (state == "fault") return Tone::kBad;
  if (state == "initialize") return Tone::kDoubt;
  return Tone::kPlain;
}

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
    std::string addresses;
    for (const auto& address : list_of(service, "addresses"))
      addresses += (addresses.empty() ? "" : ",") + before_port(std::string(address.as_string()));
    if (addresses.empty()) addresses = before_port(text_of(service, "address"));
    std::string ports = text_of(service, "ports");
    if (ports.empty()) ports = std::to_string(number_of(service, "port"));
    places[text_of(service, "name")] = addresses + ':' + ports + '/' + text_of(service, "protocol") + ' ' +
                                       text_of(service, "forward") + ' ' + text_of(service, "scheduler");
  }
  std::map<std::string, std::string> standing;  // service -> how it stands, where there is something to say
  for (const auto& service : list_of(status, "ServiceHealth"))
    standing[text_of(service, "service")] = service_words(service, style);
  Table table({"SERVICE", "SERVER", "STATE", "SINCE", "WEIGHT", "ACTIVE", "INACTIVE", "CONNECTIONS", "REASON"});
  std::string shown;
  for (const auto& server : list_of(status, "ServerHealth")) {
    const std::string service = text_of(server, "service");
    if (service != shown) {
      const auto place = places.find(service);
      Cell nothing = Cell::number(0);
      nothing.text.clear();
      table.row({service, place == places.end() ? "" : place->second, "", "", nothing, nothing, nothing, nothing,
                 standing[service]});
      shown = service;
    }
    const json::value& numbers = statistics[service + '/' + text_of(server, "server")];
    std::string reason = text_of(server, "reason");
    if (const std::string words = serving_words(server, style); !words.empty()) reason += "; " + words;
    table.row({"", text_of(server, "server"), state_cell(server),
               age(number_of(server, "since_unix_ms"), style.now_unix_ms), weight_cell(server),
               Cell::number(number_of(numbers, "active_connections")),
               Cell::number(number_of(numbers, "inactive_connections")),
               Cell::number(number_of(numbers, "connections")), std::move(reason)});
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
            std::to_string(number_of(stats, "flow_capacity")) + (truth_of(stats, "fast_path") ? ", fast path" : "") +
            '\n';
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

}  // namespace tandem::ctl
