// `tandemctl why NAME`: of a service, a server, a virtual router, or whatever has that name.
#include <algorithm>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "daemon/tandemctl/health_text.hpp"
#include "daemon/tandemctl/json_parts.hpp"
#include "daemon/tandemctl/status_text.hpp"
#include "daemon/tandemctl/table.hpp"

namespace tandem::ctl {
namespace {

std::string milliseconds(Number us) {
  return std::to_string(us / 1000) + "." + std::to_string(us / 100 % 10) + " ms";
}

std::string attempts_of(const json::value& counted) {
  return std::to_string(number_of(counted, "attempts")) + " attempts, " +
         std::to_string(number_of(counted, "failures")) + " failed";
}

// Of one check: how its last attempts ended, those in a row that ended alike in one line.
std::string why_check(const json::value& check, const StatusStyle& style) {
  const bool up = truth_of(check, "up");
  std::string text = "\ncheck " + text_of(check, "name");
  if (const std::string type = text_of(check, "type"); !type.empty()) text += " (" + type + ")";
  text += up ? " passes" : truth_of(check, "known") ? " fails" : " has no answer yet";
  text += " since " + age(number_of(check, "since_unix_ms"), style.now_unix_ms) + ": " + text_of(check, "reason") +
          "; " + attempts_of(check);
  if (const std::string kept = text_of(check, "weight_when_down"); !kept.empty())
    text += "; does not count, leaves " + kept + " of the weight while it fails";
  Table recent({"AGO", "TIMES", "TOOK", "RESULT", "IN WORDS"});
  for (const auto& run : list_of(check, "recent")) {
    const bool passed = truth_of(run, "passed");
    recent.row({age(number_of(run, "last_unix_ms"), style.now_unix_ms), Cell::number(number_of(run, "count")),
                milliseconds(number_of(run, "last_duration_us")),
                Cell(passed ? "passed" : "failed", passed ? Tone::kGood : Tone::kBad), text_of(run, "words")});
  }
  return text + '\n' + recent.render(style.colour);
}

std::string why_server(const json::value& server, const StatusStyle& style) {
  const Cell state = state_cell(server);
  std::string text = text_of(server, "server") + " of " + text_of(server, "service") + " is " +
                     toned(state.text, state.tone, style.colour) + " since " +
                     age(number_of(server, "since_unix_ms"), style.now_unix_ms) + ": " + text_of(server, "reason") +
                     "\nweight " + weight_cell(server).text + " of " +
                     std::to_string(number_of(server, "configured_weight")) + " configured; " + attempts_of(server);
  if (const Number latency = number_of(server, "latency_us"); latency != 0)
    text += "; answers in " + milliseconds(latency) + " (smoothed)";
  text += '\n';
  if (const std::string words = serving_words(server, style); !words.empty()) text += words + '\n';
  for (const auto& check : list_of(server, "checks")) text += why_check(check, style);
  return text;
}

// Who gets its new connections, and what would change that.
std::string why_service(const json::value& service, const json::value& status, const StatusStyle& style) {
  const std::string name = text_of(service, "service");
  const bool up = truth_of(service, "up");
  const Number has = number_of(service, "quorum_has"), quorum = number_of(service, "quorum");
  const Number hysteresis = number_of(service, "hysteresis");
  const std::string what = text_of(service, "quorum_of") == "servers" ? "servers up" : "weight up";
  std::string text =
      name + " is " + toned(up ? "up" : "down", up ? Tone::kGood : Tone::kBad, style.colour) + " since " +
      age(number_of(service, "since_unix_ms"), style.now_unix_ms) + ": " + what + ' ' + std::to_string(has) + " of " +
      std::to_string(number_of(service, "quorum_total")) + "; it goes down " +
      (quorum - std::min(quorum, hysteresis) <= 1 ? std::string("when nothing is left")
                                                  : "below " + std::to_string(quorum - std::min(quorum, hysteresis))) +
      " and comes up from " + std::to_string(quorum + hysteresis) + " on\n";
  bool has_sorry = false, anybody = false;
  Number groups = 1;
  Table table({"SERVER", "STATE", "SINCE", "WEIGHT", "GROUP", "REASON", "SERVING"});
  for (const auto& server : list_of(status, "ServerHealth")) {
    if (text_of(server, "service") != name) continue;
    has_sorry = has_sorry || truth_of(server, "sorry");
    anybody = anybody || number_of(server, "weight") > 0;
    groups = std::max(groups, number_of(server, "group"));
    table.row({text_of(server, "server"), state_cell(server),
               age(number_of(server, "since_unix_ms"), style.now_unix_ms), weight_cell(server),
               truth_of(server, "sorry") ? Cell("sorry") : Cell::number(number_of(server, "group")),
               text_of(server, "reason"), serving_words(server, style)});
  }
  const Number in_use = std::max<Number>(number_of(service, "groups_in_use"), 1);
  text += "new connections go to ";
  if (truth_of(service, "sorry_in_use"))
    text += "its sorry server alone, until the quorum is there again; the others keep the connections they have\n";
  else if (!anybody)
    text += "nobody, and are answered as on_no_server says\n";
  else if (groups == 1)
    text += std::string("the servers that have a weight") +
            (up          ? "\n"
             : has_sorry ? ": no sorry server is up to stand in\n"
                         : ", although the quorum is gone: there is no sorry server\n");
  else
    text += in_use == 1 ? "group 1; the others are spares\n"
                        : "groups 1 to " + std::to_string(in_use) + ", because those before have too few servers\n";
  return text + '\n' + table.render(style.colour);
}

std::string why_router(const json::value& router, const StatusStyle& style) {
  const std::string state = text_of(router, "state");
  std::string text = text_of(router, "router") + " is " + toned(state, tone_of_state(state), style.colour) + " since " +
                     age(number_of(router, "since_unix_ms"), style.now_unix_ms) + ": " + text_of(router, "reason") +
                     '\n';
  if (const std::string active = text_of(router, "active_address"); !active.empty() && state != "active")
    text += "active is " + active + '\n';
  const auto& tracked = list_of(router, "tracked");
  if (!tracked.empty()) text += "\ntracked:\n";
  for (const auto& line : tracked)
    if (line.is_string()) text += "  " + std::string(line.as_string()) + '\n';
  Table history({"AGO", "FROM", "TO", "BECAUSE"});
  for (const auto& step : list_of(router, "history"))
    history.row({age(number_of(step, "unix_ms"), style.now_unix_ms), text_of(step, "from"),
                 Cell(text_of(step, "to"), tone_of_state(text_of(step, "to"))), text_of(step, "reason")});
  text += '\n' + history.render(style.colour);
  Table counters({"COUNTER", "VALUE"});
  for (const auto& counter : list_of(router, "counters"))
    if (number_of(counter, "value") > 0)
      counters.row({text_of(counter, "name"), Cell::number(number_of(counter, "value"))});
  return text + '\n' + counters.render(style.colour);
}

// "; there are the services mail, web"
std::string there_are(const std::string& what, const json::array& list, const char* member) {
  std::string names;
  for (const auto& each : list) names += (names.empty() ? "" : ", ") + text_of(each, member);
  return names.empty() ? names : "; there are the " + what + ' ' + names;
}

}  // namespace

std::expected<std::string, std::string> why_text(const json::value& status, const std::string& name,
                                                 const StatusStyle& style) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : "\n") + part; };
  for (const auto& router : list_of(status, "InstanceState"))
    if (text_of(router, "router") == name) add(why_router(router, style));
  for (const auto& service : list_of(status, "ServiceHealth"))
    if (text_of(service, "service") == name) add(why_service(service, status, style));
  // A server by its name, in every service that has it, or by SERVICE/SERVER.
  for (const auto& server : list_of(status, "ServerHealth"))
    if (text_of(server, "server") == name || text_of(server, "service") + "/" + text_of(server, "server") == name)
      add(why_server(server, style));
  if (!text.empty()) return text;
  return std::unexpected("there is no virtual router, service or server '" + name + "' here" +
                         there_are("routers", list_of(status, "InstanceState"), "router") +
                         there_are("services", list_of(status, "ServiceHealth"), "service"));
}

}  // namespace tandem::ctl
