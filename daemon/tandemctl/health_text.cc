#include "daemon/tandemctl/health_text.hpp"

#include <algorithm>

#include <boost/json/object.hpp>

#include "daemon/tandemctl/json_parts.hpp"

namespace tandem::ctl {
namespace {

// A daemon of another version may not say it: then everybody who is up serves.
bool is_in_rotation(const json::value& server) {
  const auto* object = server.if_object();
  return object == nullptr || !object->contains("in_rotation") || truth_of(server, "in_rotation");
}

Number scale_of(const json::value& server) {
  return std::max<Number>(number_of(server, "scale"), 1);
}

// 30 hundredths are "0.3".
std::string hundredths(Number value) {
  std::string text = std::to_string(value / 100);
  if (value % 100 == 0) return text;
  text += value % 100 < 10 ? ".0" : ".";
  text += std::to_string(value % 10 == 0 ? value % 100 / 10 : value % 100);
  return text;
}

void add(std::string& words, const std::string& more) {
  words += (words.empty() ? "" : "; ") + more;
}

}  // namespace

Cell state_cell(const json::value& server) {
  if (text_of(server, "override") == "disable") return {"disabled", Tone::kDoubt};
  if (!truth_of(server, "up"))
    return truth_of(server, "known") ? Cell("down", Tone::kBad) : Cell("unknown", Tone::kDoubt);
  if (!is_in_rotation(server)) return {"standby", Tone::kPlain};
  return number_of(server, "weight") == 0 ? Cell("drained", Tone::kDoubt) : Cell("up", Tone::kGood);
}

Cell weight_cell(const json::value& server) {
  Cell cell = Cell::number(number_of(server, "weight"));
  if (scale_of(server) == 100) cell.text = hundredths(number_of(server, "weight"));
  return cell;
}

std::string serving_words(const json::value& server, const StatusStyle& style) {
  std::string words;
  const std::string override = text_of(server, "override");
  const auto by_operator = [&] {
    return " by the operator " + age(number_of(server, "override_since_unix_ms"), style.now_unix_ms) + " ago";
  };
  if (override == "weight")
    add(words, "weight set to " + std::to_string(number_of(server, "override_weight")) + by_operator());
  if (override == "drain") add(words, "drained" + by_operator());
  if (override == "disable") add(words, "disabled" + by_operator());
  for (const auto& check : list_of(server, "checks")) {
    if (const std::string said = text_of(check, "weight"); !said.empty() && override.empty())
      add(words, "its check " + text_of(check, "name") + " says weight " + said);
    if (const std::string kept = text_of(check, "weight_when_down");
        !kept.empty() && truth_of(check, "known") && !truth_of(check, "up"))
      add(words, "keeps " + kept + " because " + text_of(check, "name") + " fails: " + text_of(check, "reason"));
  }
  if (const Number since = number_of(server, "ramp_since_unix_ms"); since != 0)
    add(words, "its weight grows since " + age(since, style.now_unix_ms));
  const Number share = number_of(server, "share");
  if (share != 0 && share < 100) add(words, "has " + std::to_string(share) + "% of its weight");
  if (const bool sorry = truth_of(server, "sorry"); sorry)
    add(words, is_in_rotation(server) ? "sorry server, in use" : "sorry server");
  else if (number_of(server, "group") > 1)
    add(words, "spare of group " + std::to_string(number_of(server, "group")));
  return words;
}

std::string service_words(const json::value& service, const StatusStyle& style) {
  std::string words;
  const bool up = truth_of(service, "up");
  const Number quorum = number_of(service, "quorum"), hysteresis = number_of(service, "hysteresis");
  if (!up || quorum > 1) {
    const std::string sum = (text_of(service, "quorum_of") == "servers" ? "servers up " : "weight up ") +
                            std::to_string(number_of(service, "quorum_has")) + " of " +
                            std::to_string(number_of(service, "quorum_total")) + ", quorum " + std::to_string(quorum) +
                            (hysteresis == 0 ? "" : " +-" + std::to_string(hysteresis));
    add(words, toned(up ? "up" : "down", up ? Tone::kGood : Tone::kBad, style.colour) + " since " +
                   age(number_of(service, "since_unix_ms"), style.now_unix_ms) + ": " + sum);
  }
  if (truth_of(service, "sorry_in_use"))
    add(words, toned("the sorry server has the new connections", Tone::kBad, style.colour));
  if (const Number groups = number_of(service, "groups_in_use"); groups > 1)
    add(words, "groups 1 to " + std::to_string(groups) + " in use");
  if (const Number overridden = number_of(service, "servers_overridden"); overridden > 0)
    add(words, std::to_string(overridden) + (overridden == 1 ? " server" : " servers") + " set by the operator");
  return words;
}

}  // namespace tandem::ctl
