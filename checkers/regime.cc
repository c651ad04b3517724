#include "checkers/regime.hpp"

#include <algorithm>

#include "daemon/base/assert.hpp"

namespace tandem::checkers {

void Tally::change(const Stance& stance, uint64_t by) {
  if (stance.sorry) {
    sorry_taking_ += stance.takes() * by;
    return;
  }
  TANDEM_ASSERT(stance.group >= 1 && stance.group <= kMostGroups);
  Group& group = groups_[stance.group - 1U];
  const bool unknown = !stance.known && !stance.up && stance.weight > 0;
  servers_ += by;
  up_ += stance.up * by;
  taking_ += stance.takes() * by;
  unknown_ += unknown * by;
  weight_up_ += (stance.up ? stance.weight : 0) * by;
  weight_unknown_ += (unknown ? stance.weight : 0) * by;
  configured_ += stance.configured * by;
  group.servers += by;
  group.taking += stance.takes() * by;
  group.unknown += unknown * by;
}

size_t Tally::last_group() const {
  size_t last = kMostGroups;
  while (last > 1 && groups_[last - 1].servers == 0) --last;
  return last;
}

Quorum quorum_of(const QuorumRule& rule, const Tally& tally) {
  Quorum quorum;
  quorum.has = rule.of_servers ? tally.taking() : tally.weight_up();
  quorum.total = rule.of_servers ? tally.servers() : tally.configured();
  quorum.needed = rule.quorum.percent ? (quorum.total * rule.quorum.value + 99) / 100 : rule.quorum.value;
  quorum.needed = std::max<uint64_t>(quorum.needed, 1);
  quorum.hysteresis =
      rule.hysteresis.percent ? quorum.total * rule.hysteresis.value / 100 : uint64_t{rule.hysteresis.value};
  // As keepalived has it: one server is enough to hold on to, however small the quorum became.
  quorum.hysteresis = std::min(quorum.hysteresis, quorum.needed - 1);
  return quorum;
}

Regime regime_of(const ServicePolicy& policy, const Tally& tally, bool up_before, bool settled) {
  Quorum quorum = quorum_of(policy.quorum, tally);
  Regime regime{.up = quorum.holds(up_before)};
  if (!settled) quorum.has += policy.quorum.of_servers ? tally.unknown() : tally.weight_unknown();
  regime.sorry = !regime.up && !quorum.holds(up_before) && tally.sorry_taking() > 0;
  const size_t last = tally.last_group();
  uint64_t taking = 0;
  for (size_t group = 1; group <= last; ++group) {
    regime.groups = static_cast<uint8_t>(group);
    taking += tally.taking_of(group) + (settled ? 0 : tally.unknown_of(group));
    if (taking >= policy.group_minimum) break;
  }
  return regime;
}

}  // namespace tandem::checkers
