// A text table for people: columns as wide as their widest cell, colour only where the terminal
// wants it.
#pragma once

#include <string>
#include <vector>

namespace tandem::ctl {

enum class Tone : unsigned char { kPlain, kGood, kBad, kDoubt, kFaint };

struct Cell {
  std::string text;
  Tone tone = Tone::kPlain;
  bool right = false;                                                              // numbers stand right-aligned
  Cell(std::string t, Tone how = Tone::kPlain) : text(std::move(t)), tone(how) {}  // NOLINT: a cell is its text
  Cell(const char* t) : text(t) {}                                                 // NOLINT: a cell is its text
  static Cell number(unsigned long long value) {
    Cell cell(std::to_string(value));
    cell.right = true;
    return cell;
  }
};

class Table {
 public:
  explicit Table(std::vector<std::string> heads) : heads_(std::move(heads)) {}
  // REQUIRES: as many cells as heads.
  void row(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }
  // Lines end with '\n'; nothing at all for a table without rows.
  std::string render(bool colour) const;

 private:
  std::vector<std::string> heads_;
  std::vector<std::vector<Cell>> rows_;
};

std::string toned(const std::string& text, Tone tone, bool colour);

// An address where a port follows: IPv6 in brackets.
std::string before_port(const std::string& address);

// How many columns a UTF-8 text takes, one per code point.
size_t columns_of(const std::string& text);

// "12 s", "3 min", "2 h", "5 d": the age of a moment, both in milliseconds since 1970.
std::string age(unsigned long long then_unix_ms, unsigned long long now_unix_ms);

}  // namespace tandem::ctl
