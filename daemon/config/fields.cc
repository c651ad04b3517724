#include "daemon/config/fields.hpp"

#include <algorithm>
#include <unordered_map>

#include "daemon/config/nearest.hpp"

namespace tandem::config {
namespace {

std::string at_line(Place place) {
  return "line " + std::to_string(place.line);
}

// "in services.NAME.check", or "at the top level".
std::string where(Section section) {
  const std::string_view path = section_info(section).path;
  return path.empty() ? "at the top level" : "in " + std::string(path);
}

// The row of that name whose map has most of its path in common with ours: the map around this one, most likely.
const Key* nearest_place_of(std::string_view name, Section section) {
  const std::string_view here = section_info(section).path;
  const Key* best = nullptr;
  size_t most = 0;
  for (const Key& row : keys()) {
    if (row.name != name) continue;
    const std::string_view there = section_info(row.section).path;
    const auto common = static_cast<size_t>(std::ranges::mismatch(here, there).in1 - here.begin());
    if (best != nullptr && common <= most) continue;
    best = &row;
    most = common;
  }
  return best;
}

}  // namespace

Fields::Fields(Findings& findings, Section section, const Node& node, Place place)
    : findings_(findings), section_(section), place_(place) {
  const auto rows = keys_of(section);
  is_map_ = node.kind == Node::Kind::kMap || node.kind == Node::Kind::kNothing;
  if (!is_map_) {
    const std::string expected = rows.empty() ? "an empty map, {}" : "a map of " + key_names(section);
    findings_.error(node.place, mismatch(expected, node));
    return;
  }
  if (!findings_.spend(place, 1 + node.entries.size())) return;
  for (const Entry& entry : node.entries) {
    if (std::ranges::find(rows, entry.key, &Key::name) == rows.end()) {
      if (!findings_.full()) report_unknown(entry);
    } else if (const Entry* const first = this->entry(entry.key)) {
      findings_.error(entry.key_place, "the key " + quote(entry.key) + " stands here a second time; the first is in " +
                                           at_line(first->key_place));
    } else {
      entries_.push_back(&entry);
    }
  }
  for (const Key& row : rows)
    if (row.required && !entry(row.name))
      findings_.error(place, "the key '" + std::string(row.name) + "' is missing " + where(section) + "; expected " +
                                 expectation(row));
}

void Fields::report_unknown(const Entry& entry) {
  std::vector<Candidate> candidates;
  for (const Key& row : keys_of(section_)) candidates.push_back({row.name, row.also});
  std::string words = "unknown key " + quote(entry.key);
  if (const std::string_view meant = nearest(entry.key, candidates); !meant.empty()) {
    words += "; did you mean '" + std::string(meant) + "'?";
  } else if (const Key* const elsewhere = nearest_place_of(entry.key, section_)) {
    words += "; it is a key " + where(elsewhere->section);
  } else if (candidates.empty()) {
    words += "; this map has none";
  } else {
    words += "; expected " + key_names(section_);
  }
  findings_.error(entry.key_place, std::move(words));
}

const Entry* Fields::entry(std::string_view name) const {
  const auto found =
      std::ranges::find(entries_, name, [](const Entry* entry) -> std::string_view { return entry->key; });
  return found == entries_.end() ? nullptr : *found;
}

Place Fields::place_of(std::string_view name) const {
  const Entry* const written = entry(name);
  return written ? written->value->place : place_;
}

Node Fields::standard_node(const Key& row) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.text = row.standard;
  return node;
}

std::vector<const Entry*> Fields::named(std::string_view name) {
  const Key& row = key(section_, name);
  const Entry* const written = entry(name);
  if (!written) return {};
  const Node& node = *written->value;
  // "services:" with nothing behind is a map without entries.
  const bool is_map = node.kind == Node::Kind::kMap || (node.kind == Node::Kind::kNothing && row.low == 0);
  if (!is_map) {
    error(name, mismatch(expectation(row), node));
    return {};
  }
  if (!findings_.spend(node.place, node.entries.size())) return {};
  const bool counted = row.type == Type::kNamedMaps ||
                       row.type == Type::kNamedChecks;  // the range of priorities is that of their values
  const auto count = static_cast<int64_t>(node.entries.size());
  if (counted && (count < row.low || count > row.high))
    error(name, "expected " + std::to_string(row.low) + " to " + std::to_string(row.high) + " entries, found " +
                    std::to_string(count));
  std::unordered_map<std::string_view, Place> seen;
  std::vector<const Entry*> entries;
  for (const Entry& entry : node.entries) {
    if (!is_name(entry.key)) {
      findings_.error(entry.key_place,
                      "expected a name of 1 to 63 letters, digits, '_', '.' or '-', found " + quote(entry.key));
      continue;
    }
    const auto [first, is_new] = seen.try_emplace(entry.key, entry.key_place);
    if (!is_new) {
      findings_.error(entry.key_place, "the name " + quote(entry.key) + " stands here a second time; the first is in " +
                                           at_line(first->second));
      continue;
    }
    if (counted && static_cast<int64_t>(entries.size()) == row.high) break;
    entries.push_back(&entry);
  }
  return entries;
}

std::vector<const Entry*> Fields::listed(std::string_view name) {
  const Key& row = key(section_, name);
  const Entry* const written = entry(name);
  if (!written) return {};
  const Node& node = *written->value;
  if (node.kind != Node::Kind::kList) {
    error(name, mismatch(expectation(row), node));
    return {};
  }
  if (!findings_.spend(node.place, node.entries.size())) return {};
  const auto count = static_cast<int64_t>(node.entries.size());
  if (count < row.low || count > row.high)
    error(name, "expected " + std::to_string(row.low) + " to " + std::to_string(row.high) + " entries, found " +
                    std::to_string(count));
  std::vector<const Entry*> entries;
  for (const Entry& entry : node.entries) {
    if (static_cast<int64_t>(entries.size()) == row.high) break;
    entries.push_back(&entry);
  }
  return entries;
}

void Fields::error(std::string_view name, const std::string& text) {
  findings_.error(place_of(name), std::string(name) + ": " + text);
}

void Fields::warning(std::string_view name, const std::string& text) {
  findings_.warning(place_of(name), std::string(name) + ": " + text);
}

}  // namespace tandem::config
