#include "checkers/verdict.hpp"

#include <algorithm>

#include "daemon/base/assert.hpp"

namespace tandem::checkers {
namespace {

bool counts(const NamedCheck& named) {
  return !named.check->weight_when_down;
}

struct Count {
  uint32_t all = 0, passing = 0, unknown = 0, unknown_up = 0;
  uint32_t need = 0;
};

Count count(const CheckSet& set, std::span<const Health* const> healths) {
  TANDEM_ASSERT(set.checks.size() == healths.size());
  Count count;
  for (size_t i = 0; i < healths.size(); ++i) {
    if (!counts(set.checks[i])) continue;
    const HealthRecord& record = healths[i]->record();
    ++count.all;
    count.passing += record.up;
    count.unknown += !record.known;
    count.unknown_up += !record.known && record.up;
  }
  count.need = set.need == 0 ? count.all : std::min(set.need, count.all);
  return count;
}

}  // namespace

Verdict verdict_of(const CheckSet& set, std::span<const Health* const> healths) {
  const Count c = count(set, healths);
  Verdict verdict{.up = c.passing >= c.need};
  const uint32_t least = c.passing - c.unknown_up;
  verdict.known = least >= c.need || least + c.unknown < c.need;
  for (size_t i = 0; i < healths.size(); ++i) {
    const HealthRecord& record = healths[i]->record();
    if (counts(set.checks[i]) || !record.known || record.up) continue;
    const uint32_t kept = *set.checks[i].check->weight_when_down;
    verdict.share = kept == 0 || verdict.share == 0 ? 0 : std::max(1U, verdict.share * kept / 100);
  }
  return verdict;
}

std::string words_of(const CheckSet& set, std::span<const Health* const> healths, const Verdict& verdict) {
  constexpr size_t kMostNamed = 3;
  if (healths.empty()) return "not checked";
  const Count c = count(set, healths);
  std::string failing;
  size_t named = 0;
  for (size_t i = 0; i < healths.size(); ++i) {
    if (!counts(set.checks[i])) continue;
    const HealthRecord& record = healths[i]->record();
    if (c.all == 1) return record.reason;
    if (record.up || ++named > kMostNamed) continue;
    failing += (failing.empty() ? "" : "; ") + set.checks[i].name + ": " + record.reason;
  }
  const std::string sum = std::to_string(c.passing) + " of " + std::to_string(c.all) + " checks pass" +
                          (c.need == c.all ? "" : ", " + std::to_string(c.need) + " needed");
  if (verdict.up) return sum + (failing.empty() ? "" : "; " + failing);
  return failing + " (" + sum + ")";
}

}  // namespace tandem::checkers
