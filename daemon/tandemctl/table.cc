#include "daemon/tandemctl/table.hpp"

#include <algorithm>

#include "daemon/base/assert.hpp"

namespace tandem::ctl {

std::string before_port(const std::string& address) {
  return address.find(':') == std::string::npos ? address : '[' + address + ']';
}

size_t columns_of(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string toned(const std::string& text, Tone tone, bool colour) {
  if (!colour || tone == Tone::kPlain) return text;
  static constexpr const char* kCodes[] = {"", "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[2m"};
  return kCodes[static_cast<size_t>(tone)] + text + "\x1b[0m";
}

void Table::row(std::vector<Cell> cells) {
  TANDEM_ASSERT(cells.size() == heads_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::render(bool colour) const {
  if (rows_.empty()) return {};
  std::vector<size_t> widths;
  widths.reserve(heads_.size());
  for (const auto& head : heads_) widths.push_back(columns_of(head));
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns_of(row[i].text));
  }
  std::string out;
  const auto line = [&](const std::vector<Cell>& cells) {
    std::string text;
    size_t owed = 0;  // spaces not yet written: a line does not end in blanks
    for (size_t i = 0; i < cells.size(); ++i) {
      const size_t pad = widths[i] - columns_of(cells[i].text);
      if (cells[i].right) owed += pad;
      if (!cells[i].text.empty()) {
        text += std::string(owed, ' ') + toned(cells[i].text, cells[i].tone, colour);
        owed = 0;
      }
      owed += (cells[i].right ? 0 : pad) + 2;
    }
    out += text + '\n';
  };
  std::vector<Cell> heads;
  for (size_t i = 0; i < heads_.size(); ++i) {
    heads.emplace_back(heads_[i], Tone::kFaint);
    heads.back().right = rows_.front()[i].right;
  }
  line(heads);
  for (const auto& row : rows_) line(row);
  return out;
}

std::string age(unsigned long long then_unix_ms, unsigned long long now_unix_ms) {
  if (then_unix_ms == 0) return "-";
  const unsigned long long seconds = now_unix_ms > then_unix_ms ? (now_unix_ms - then_unix_ms) / 1000 : 0;
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 2 * 3600ULL) return std::to_string(seconds / 60) + " min";
  if (seconds < 48 * 3600ULL) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / 86400) + " d";
}

}  // namespace tandem::ctl
