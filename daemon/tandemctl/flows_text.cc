#include "daemon/tandemctl/flows_text.hpp"

#include "daemon/tandemctl/json_parts.hpp"
#include "daemon/tandemctl/table.hpp"

namespace tandem::ctl {
namespace {

std::string span(Number milliseconds) {
  return age(1, 1 + milliseconds);  // of a moment that lies so far back
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
  Table table({"SERVICE", "PROTOCOL", "CLIENT", "SERVER", "STATE", "IDLE", "EXPIRES", "FROM"});
  const auto& flows = list_of(answer, "flows");
  for (const auto& flow : flows) {
    const std::string state = text_of(flow, "state");
    table.row({text_of(flow, "service"), text_of(flow, "protocol"),
               before_port(text_of(flow, "client")) + ':' + std::to_string(number_of(flow, "client_port")),
               text_of(flow, "server"), Cell(state, state == "ESTABLISHED" ? Tone::kGood : Tone::kPlain),
               span(number_of(flow, "idle_ms")), span(number_of(flow, "expires_ms")),
               truth_of(flow, "learnt") ? "the peer" : "here"});
  }
  const Number matched = number_of(answer, "matched");
  std::string text = table.render(style.colour) + std::to_string(matched) + (matched == 1 ? " flow" : " flows");
  if (flows.size() < matched) text += ", " + std::to_string(flows.size()) + " of them listed";
  return text + '\n';
}

}  // namespace tandem::ctl
