#include "daemon/config/findings.hpp"

#include <algorithm>
#include <tuple>

#include "daemon/config/tree.hpp"

namespace tandem::config {

void Findings::add(std::vector<Diagnostic>& list, Place place, std::string text) {
  // One more than kMost is kept, to know that there were more.
  if (list.size() > kMost) return;
  list.push_back({file_, place.line, place.column, std::move(text)});
}

std::vector<Diagnostic> Findings::finish(std::vector<Diagnostic>& list) const {
  const bool more = list.size() > kMost;
  if (more) list.resize(kMost);
  const auto order = [](const Diagnostic& d) { return std::tie(d.line, d.column, d.text); };
  std::ranges::sort(list, {}, order);
  const auto twice = std::ranges::unique(list);
  list.erase(twice.begin(), twice.end());
  if (more && !list.empty())
    list.push_back(
        {file_, list.back().line, list.back().column, "and more; only " + std::to_string(kMost) + " are shown"});
  return std::move(list);
}

bool Findings::spend(Place place, size_t nodes) {
  const bool was_within = spent_ <= kMostNodes;
  spent_ += nodes;
  if (spent_ <= kMostNodes) return true;
  if (was_within)
    error(place, "with its aliases unfolded the file has more than " + std::to_string(kMostNodes) +
                     " values; reading stops here");
  return false;
}

}  // namespace tandem::config
