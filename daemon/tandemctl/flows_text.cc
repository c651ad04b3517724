#include "daemon/tandemctl/flows_text.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "daemon/tandemctl/json_parts.hpp"
#include "daemon/tandemctl/table.hpp"

namespace tandem::ctl {
namespace {

std::string span(Number milliseconds) {
  return age(1, 1 + milliseconds);  // of a moment that lies so far back
}

// Minutes and seconds, as ipvsadm has it.
std::string clock(Number milliseconds) {
  const Number seconds = milliseconds / 1000;
  const auto two = [](Number value) { return (value < 10 ? "0" : "") + std::to_string(value); };
  return two(seconds / 60) + ':' + two(seconds % 60);
}

// "198.51.100.10:80", "[2001:db8::10]:8000-8100", "198.51.100.10:any"; "-" without an address.
std::string place(const std::string& address, Number first_port, Number last_port) {
  constexpr Number kLast = 65535;
  if (address.empty()) return "-";
  const std::string before = before_port(address) + ':';
  if (first_port == 1 && last_port == kLast) return before + "any";
  return before + std::to_string(first_port) + (last_port > first_port ? '-' + std::to_string(last_port) : "");
}

std::string client_of(const json::value& flow) {
  const Number port = number_of(flow, "client_port");
  return place(text_of(flow, "client"), port, port);
}

std::string virtual_of(const json::value& flow) {
  return place(text_of(flow, "virtual_address"), number_of(flow, "virtual_port"), number_of(flow, "virtual_last_port"));
}

// The server's own port, or else the one its client came to.
std::string destination_of(const json::value& flow) {
  const Number port = number_of(flow, "server_port");
  const bool own = port != 0 || text_of(flow, "virtual_address").empty();
  return place(text_of(flow, "server_address"), own ? port : number_of(flow, "virtual_port"),
               own ? port : number_of(flow, "virtual_last_port"));
}

std::string source_of(const json::value& flow) {
  const Number port = number_of(flow, "source_port");
  return place(text_of(flow, "source_address"), port, port);
}

// " (4 ESTABLISHED, 1 SYN_RECV)"
std::string states_of(const json::value& answer) {
  std::string text;
  for (const auto& each : list_of(answer, "states"))
    text += (text.empty() ? " (" : ", ") + std::to_string(number_of(each, "value")) + ' ' + text_of(each, "name");
  return text.empty() ? text : text + ')';
}

}  // namespace

FlowCounts flow_counts(const json::value& answer) {
  const auto* object = answer.if_object();
  const bool says = object && object->if_contains("complete");
  return {.matched = number_of(answer, "matched"),
          .killed = number_of(answer, "killed"),
          .complete = !says || truth_of(answer, "complete")};
}

std::string flows_text(const json::value& answer, const StatusStyle& style) {
  const auto& flows = list_of(answer, "flows");
  const auto has_source = [](const json::value& flow) { return !text_of(flow, "source_address").empty(); };
  const bool sources = std::ranges::any_of(flows, has_source);
  std::vector<std::string> heads{"SERVICE",     "PROTOCOL", "CLIENT", "VIRTUAL", "SERVER",
                                 "DESTINATION", "STATE",    "IDLE",   "EXPIRES", "FROM"};
  if (sources) heads.insert(heads.begin() + 4, "SOURCE");
  Table table(std::move(heads));
  for (const auto& flow : flows) {
    const std::string state = text_of(flow, "state");
    Cell expires(clock(number_of(flow, "expires_ms")));
    expires.right = true;
    std::vector<Cell> cells{text_of(flow, "service"),
                            text_of(flow, "protocol"),
                            client_of(flow),
                            virtual_of(flow),
                            text_of(flow, "server"),
                            destination_of(flow),
                            Cell(state, state == "ESTABLISHED" ? Tone::kGood : Tone::kPlain),
                            span(number_of(flow, "idle_ms")),
                            std::move(expires),
                            truth_of(flow, "learnt") ? "the peer" : "here"};
    if (sources) cells.insert(cells.begin() + 4, source_of(flow));
    table.row(std::move(cells));
  }
  const Number matched = number_of(answer, "matched");
  std::string text =
      table.render(style.colour) + std::to_string(matched) + (matched == 1 ? " flow" : " flows") + states_of(answer);
  if (flows.size() < matched) text += ", " + std::to_string(flows.size()) + " of them listed";
  return text + '\n';
}

}  // namespace tandem::ctl
