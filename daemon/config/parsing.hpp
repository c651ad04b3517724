// For the parsers of values: what most of them begin or end with.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/config/values.hpp"

namespace tandem::config {

template <class T>
Parsed<T> wrong(const Key& key, const Node& node, std::string_view hint = {}) {
  std::string words = mismatch(expectation(key), node);
  if (!hint.empty()) words.append("; ").append(hint);
  return std::unexpected(std::move(words));
}

inline bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// The entries of a list, or the node itself, each parsed.
template <class T, class Parse>
Parsed<std::vector<T>> one_or_several(const Key& key, const Node& node, Parse parse) {
  std::vector<T> all;
  if (node.kind != Node::Kind::kList) {
    auto one = parse(node);
    if (!one) return std::unexpected(std::move(one.error()));
    all.push_back(*one);
    return all;
  }
  const auto count = static_cast<int64_t>(node.entries.size());
  if (count < key.low || count > key.high)
    return std::unexpected("expected " + std::to_string(key.low) + " to " + std::to_string(key.high) +
                           " entries, found " + std::to_string(count));
  for (const Entry& entry : node.entries) {
    auto one = parse(*entry.value);
    if (!one) return std::unexpected(std::move(one.error()));
    all.push_back(*one);
  }
  return all;
}

}  // namespace tandem::config
