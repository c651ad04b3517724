#include "vrrp/tracking.hpp"

#include <algorithm>
#include <utility>

namespace tandem::vrrp {
namespace {

constexpr int kLowest = 1, kHighest = 254;
constexpr uint8_t kOwner = 255;

std::string_view word(Tracked::Kind kind) {
  switch (kind) {
    case Tracked::Kind::kInterface:
      return "interface";
    case Tracked::Kind::kScript:
      return "script";
    case Tracked::Kind::kFile:
      return "file";
    case Tracked::Kind::kProcess:
      return "process";
    case Tracked::Kind::kService:
      return "service";
    case Tracked::Kind::kRoute:
      return "route";
    case Tracked::Kind::kGateway:
      return "gateway";
  }
  return "?";
}

}  // namespace

std::string Tracked::text() const {
  return std::string(word(kind)) + " '" + name + "'";
}

void Tracking::set(std::vector<Tracked> things) {
  things_ = std::move(things);
  std::map<std::string, Known> known;
  for (const Tracked& thing : things_) {
    Known& mine = known[thing.name];
    const auto before = known_.find(thing.name);
    // Another weight or pace is no reason to forget; another thing is.
    if (before != known_.end() && before->second.thing.kind == thing.kind &&
        before->second.thing.subject == thing.subject && before->second.thing.address == thing.address)
      mine = before->second;
    mine.thing = thing;
  }
  known_ = std::move(known);
}

std::optional<std::string> Tracking::note(const std::string& name, const Look& look) {
  const auto found = known_.find(name);
  if (found == known_.end()) return std::nullopt;
  Known& known = found->second;
  known.words = look.words;
  if (look.well == known.well && look.value == known.value) {
    known.in_a_row = 0;
    return std::nullopt;
  }
  ++known.in_a_row;
  if (look.well != known.well && known.in_a_row < (look.well ? known.thing.rise : known.thing.fall))
    return std::nullopt;
  known.in_a_row = 0;
  const bool turned = std::exchange(known.well, look.well) != look.well;
  const bool counts = std::exchange(known.value, look.value) != look.value && known.thing.weight != 0;
  if (!turned && !counts) return std::nullopt;
  return known.thing.text() + (turned ? look.well ? " is well again" : " is not well" : " says another number") + ": " +
         look.words;
}

int Tracking::addend(const Known& known) const {
  const int weight = known.thing.weight;
  if (known.thing.kind == Tracked::Kind::kFile) return known.value * weight;
  if (weight > 0) return known.well ? weight : 0;
  return known.well ? 0 : weight;
}

uint8_t Tracking::priority(uint8_t base) const {
  if (base == kOwner) return base;
  int sum = base;
  for (const auto& [name, known] : known_) sum += addend(known);
  return static_cast<uint8_t>(std::clamp(sum, kLowest, kHighest));
}

std::vector<std::string> Tracking::faults() const {
  std::vector<std::string> faults;
  for (const auto& [name, known] : known_)
    if (known.thing.weight == 0 && !known.well) faults.push_back(known.thing.text());
  return faults;
}

std::vector<std::string> Tracking::lines() const {
  std::vector<std::string> lines;
  for (const auto& [name, known] : known_) {
    std::string line = known.thing.text() + (known.well ? " is well" : " is not well");
    if (known.thing.weight == 0)
      line += known.well ? "" : " (fault)";
    else
      line += " (" + std::string(addend(known) >= 0 ? "+" : "") + std::to_string(addend(known)) + ")";
    lines.push_back(line + ": " + known.words);
  }
  return lines;
}

}  // namespace tandem::vrrp
