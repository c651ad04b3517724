#include "daemon/tandemctl/stats_text.hpp"

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

std::vector<Cell> row_of(const json::value& stats, std::string first, std::string second) {
  static const json::value kNone = json::object();
  const auto* object = stats.if_object();
  const auto* found = object ? object->if_contains("rates") : nullptr;
  const json::value& rates = found ? *found : kNone;
  return {std::move(first),
          std::move(second),
          Cell::number(number_of(stats, "active_connections")),
          Cell::number(number_of(stats, "inactive_connections")),
          Cell::number(number_of(stats, "connections")),
          short_cell(rates, "connections"),
          short_cell(rates, "packets_in"),
          short_cell(rates, "bytes_in"),
          short_cell(rates, "packets_out"),
          short_cell(rates, "bytes_out")};
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

std::string stats_text(const json::value& status, const StatusStyle& style) {
  Table table({"SERVICE", "SERVER", "ACTIVE", "INACTIVE", "CONNECTIONS", "CONN/S", "IN PKT/S", "IN B/S", "OUT PKT/S",
               "OUT B/S"});
  Table drops({"SERVICE", "DROPPED BECAUSE", "PACKETS"});
  for (const auto& service : list_of(status, "ServiceStats")) {
    const std::string name = text_of(service, "service");
    table.row(row_of(service, name, "(" + text_of(service, "method") + ")"));
    for (const auto& server : list_of(status, "ServerStats"))
      if (text_of(server, "service") == name) table.row(row_of(server, "", text_of(server, "server")));
    for (const auto& drop : list_of(service, "drops"))
      drops.row({name, text_of(drop, "name"), Cell::number(number_of(drop, "value"))});
  }
  if (table.empty()) return "no service is forwarded here\n";
  std::string text = table.render(style.colour);
  if (!drops.empty()) text += '\n' + drops.render(style.colour);
  return text;
}

}  // namespace tandem::ctl
