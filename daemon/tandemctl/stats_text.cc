#include "daemon/tandemctl/stats_text.hpp"

#include <string_view>
#include <vector>

#include "daemon/tandemctl/json_parts.hpp"
#include "daemon/tandemctl/table.hpp"

namespace tandem::ctl {
namespace {

Cell right(std::string text) {
  Cell cell(std::move(text));
  cell.right = true;
  return cell;
}

Cell short_cell(const json::value& from, const char* name) {
  return right(short_number(number_of(from, name)));
}

std::vector<Cell> row_of(const json::value& stats, std::string first, std::string second, bool totals) {
  static const json::value kNone = json::object();
  const auto* object = stats.if_object();
  const auto* found = object ? object->if_contains("rates") : nullptr;
  const json::value& rates = found ? *found : kNone;
  std::vector<Cell> row{std::move(first), std::move(second), Cell::number(number_of(stats, "active_connections")),
                        Cell::number(number_of(stats, "inactive_connections")),
                        Cell::number(number_of(stats, "connections"))};
  if (!totals) row.push_back(short_cell(rates, "connections"));
  for (const char* name : {"packets_in", "bytes_in", "packets_out", "bytes_out"})
    row.push_back(short_cell(totals ? stats : rates, name));
  return row;
}

Number counted(const json::value& engine, std::string_view name) {
  for (const auto& counter : list_of(engine, "counters"))
    if (text_of(counter, "name") == name) return number_of(counter, "value");
  return 0;
}

// Nothing where there is none and was none.
std::string fast_path(const json::value& engine) {
  const Number to_servers = counted(engine, "fast_to_servers"), to_clients = counted(engine, "fast_to_clients");
  const bool on = truth_of(engine, "fast_path");
  if (!on && to_servers == 0 && to_clients == 0) return {};
  return std::string("\nthe fast path is ") + (on ? "on" : "off") + "; by it went " + short_number(to_servers) +
         " of " + short_number(counted(engine, "to_server")) + " frames to servers and " + short_number(to_clients) +
         " of " + short_number(counted(engine, "to_client")) + " to clients\n";
}

bool is_loss(std::string_view counter) {
  return counter.starts_with("drop_") || counter.ends_with("_dropped") || counter.ends_with("_malformed");
}

}  // namespace

std::string short_number(unsigned long long number) {
  if (number < 1000) return std::to_string(number);
  constexpr char kUnits[] = {'k', 'M', 'G', 'T', 'P', 'E'};
  size_t unit = 0;
  unsigned long long tenths = number / 100;  // of the unit
  while (tenths >= 10'000) tenths /= 1000, ++unit;
  std::string text = std::to_string(tenths / 10);
  if (tenths < 100) text += '.' + std::to_string(tenths % 10);
  return text + kUnits[unit];
}

std::string stats_text(const json::value& status, const StatsWish& wish, const StatusStyle& style) {
  Table table(wish.totals ? std::vector<std::string>{"SERVICE", "SERVER", "ACTIVE", "INACTIVE", "CONNECTIONS",
                                                     "IN PKTS", "IN BYTES", "OUT PKTS", "OUT BYTES"}
                          : std::vector<std::string>{"SERVICE", "SERVER", "ACTIVE", "INACTIVE", "CONNECTIONS", "CONN/S",
                                                     "IN PKT/S", "IN B/S", "OUT PKT/S", "OUT B/S"});
  Table drops({"SERVICE", "DROPPED BECAUSE", "PACKETS"});
  for (const auto& service : list_of(status, "ServiceStats")) {
    const std::string name = text_of(service, "service");
    if (!wish.service.empty() && wish.service != name) continue;
    table.row(row_of(service, name, "(" + text_of(service, "method") + ")", wish.totals));
    for (const auto& server : list_of(status, "ServerStats"))
      if (text_of(server, "service") == name) {
        const std::string method = text_of(server, "method");
        const bool same = method.empty() || method == text_of(service, "method");
        table.row(row_of(server, "", text_of(server, "server") + (same ? "" : " (" + method + ")"), wish.totals));
      }
    for (const auto& drop : list_of(service, "drops"))
      drops.row({name, text_of(drop, "name"), Cell::number(number_of(drop, "value"))});
  }
  if (table.empty())
    return wish.service.empty() ? "no service is forwarded here\n"
                                : "no service " + wish.service + " is forwarded here\n";
  std::string text = table.render(style.colour);
  if (!drops.empty()) text += '\n' + drops.render(style.colour);
  if (!wish.service.empty()) return text;
  for (const auto& engine : list_of(status, "EngineStats")) text += fast_path(engine);
  // Those of services are among them; the others belong to none.
  Table all({"DIRECTOR DROPPED IN ALL BECAUSE", "PACKETS"});
  for (const auto& engine : list_of(status, "EngineStats"))
    for (const auto& counter : list_of(engine, "counters"))
      if (const Number value = number_of(counter, "value"); value != 0 && is_loss(text_of(counter, "name")))
        all.row({text_of(counter, "name"), Cell::number(value)});
  if (!all.empty()) text += '\n' + all.render(style.colour);
  return text;
}

json::value stats_json(const json::value& status, const StatsWish& wish) {
  json::object result;
  for (const char* kind : {"ServiceStats", "ServerStats", "EngineStats"}) {
    json::array& list = result[kind].emplace_array();
    for (const auto& each : list_of(status, kind))
      if (wish.service.empty() || text_of(each, "service") == wish.service) list.push_back(each);
  }
  return result;
}

}  // namespace tandem::ctl
