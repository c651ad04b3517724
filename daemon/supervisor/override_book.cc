#include "daemon/supervisor/override_book.hpp"

#include "daemon/bus/codec.hpp"

namespace tandem::supervisor {
namespace {

constexpr size_t kLongestLine = 4096;

bool same(const bus::Override& a, const bus::Override& b) {
  return a.kind == b.kind && a.weight == b.weight && a.since_unix_ms == b.since_unix_ms;
}

}  // namespace

std::vector<size_t> OverrideBook::read(std::string_view text) {
  std::vector<size_t> wrong;
  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.empty()) continue;
    const auto message = bus::decode(line, kLongestLine);
    const auto* word = message ? std::get_if<bus::Override>(&*message) : nullptr;
    if (word == nullptr || word->kind == bus::OverrideKind::kNone)
      wrong.push_back(number);
    else
      set(*word);
  }
  return wrong;
}

std::string OverrideBook::text() const {
  std::string text;
  for (const auto& [key, word] : words_) text += bus::encode(bus::Message(word)) + '\n';
  return text;
}

bool OverrideBook::set(const bus::Override& word) {
  if (word.kind == bus::OverrideKind::kNone) return forget(word.key());
  const auto [at, is_new] = words_.try_emplace(word.key(), word);
  if (is_new) return true;
  if (same(at->second, word)) return false;
  at->second = word;
  return true;
}

bool OverrideBook::forget(const std::string& key) {
  return words_.erase(key) > 0;
}

}  // namespace tandem::supervisor
