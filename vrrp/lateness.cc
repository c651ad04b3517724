#include "vrrp/lateness.hpp"

#include <algorithm>

namespace tandem::vrrp {
namespace {

std::string in_ms(Duration duration) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(duration).count()) + " ms";
}

}  // namespace

void Lateness::note(Duration late) {
  worst_ = std::max(worst_, late);
  ++histogram_[static_cast<size_t>(std::ranges::lower_bound(kBounds, late) - kBounds.begin())];
}

std::vector<NamedCount> Lateness::counts() const {
  std::vector<NamedCount> counts;
  counts.reserve(kBounds.size() + 1);
  for (size_t i = 0; i < kBounds.size(); ++i)
    counts.push_back(
        {"deadlines_within_" + std::to_string(kBounds[i] / std::chrono::milliseconds(1)) + "_ms", histogram_[i]});
  counts.push_back({"deadlines_later", histogram_.back()});
  return counts;
}

std::string Lateness::text() const {
  std::string words = "worst " + in_ms(worst_) + "; within";
  for (size_t i = 0; i < kBounds.size(); ++i)
    words += (i == 0 ? " " : ", ") + in_ms(kBounds[i]) + ' ' + std::to_string(histogram_[i]);
  return words + ", later " + std::to_string(histogram_.back());
}

}  // namespace tandem::vrrp
