#include "daemon/config/nearest.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace tandem::config {
namespace {

constexpr size_t kLongestWord = 64;  // what is longer resembles no key, and costs no time

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

// The optimal string alignment distance, three rows of the table at a time.
size_t distance(std::string_view a, std::string_view b) {
  std::array<std::array<size_t, kLongestWord + 1>, 3> rows{};
  for (size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    auto& row = rows[i % 3];
    const auto& above = rows[(i + 2) % 3];
    const auto& twice_above = rows[(i + 1) % 3];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool equal = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (equal ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        row[j] = std::min(row[j], twice_above[j - 2] + 1);
    }
  }
  return rows[a.size() % 3][b.size()];
}

bool is_among(std::string_view written, std::string_view words) {
  while (!words.empty()) {
    const size_t blank = words.find(' ');
    if (same(written, words.substr(0, blank))) return true;
    if (blank == std::string_view::npos) break;
    words.remove_prefix(blank + 1);
  }
  return false;
}

}  // namespace

std::string_view nearest(std::string_view written, const std::vector<Candidate>& candidates) {
  if (written.empty() || written.size() > kLongestWord) return {};
  std::string_view best;
  size_t best_distance = kLongestWord;
  for (const Candidate& candidate : candidates) {
    if (is_among(written, candidate.also)) return candidate.word;
    if (candidate.word.empty() || candidate.word.size() > kLongestWord) continue;
    const size_t wrong = distance(written, candidate.word);
    const size_t allowed = std::max<size_t>(1, std::max(written.size(), candidate.word.size()) / 3);
    // With a word of one or two letters everything is near; then only its case may differ.
    if (wrong > 0 && std::min(written.size(), candidate.word.size()) <= wrong) continue;
    if (wrong <= allowed && wrong < best_distance) best = candidate.word, best_distance = wrong;
  }
  return best;
}

}  // namespace tandem::config
