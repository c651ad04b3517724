// "Did you mean": the candidate nearest to what was written.
#pragma once

#include <string_view>
#include <vector>

namespace tandem::config {

struct Candidate {
  std::string_view word;
  std::string_view also;  // other names for it, blanks between; an exact match (case apart) counts as distance 0
};

// The candidate with the fewest insertions, deletions, replacements and swaps of neighbours (Damerau), case apart, or
// empty when none is near enough to be what was meant: at most a third of the letters wrong.
std::string_view nearest(std::string_view written, const std::vector<Candidate>& candidates);

}  // namespace tandem::config
