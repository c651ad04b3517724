#include "daemon/config/syntax.hpp"

#include <algorithm>
#include <array>

namespace tandem::config {
namespace {

constexpr size_t kMostTabs = 100;  // lines named; whoever has more of them knows what to do

constexpr std::string_view kTab = "a tab is used for indentation; YAML allows only spaces";

struct Phrase {
  std::string_view parsers;
  std::string_view ours;
};

// yaml-cpp's messages (its exceptions.h) that ordinary mistakes bring about. Others are shown as they are.
constexpr std::array kPhrases = {
    Phrase{
        "illegal map value",
        "a ':' where no key can stand; is the line above complete, and does this line begin in the same column as its "
        "neighbours?"},
    Phrase{"end of map not found",
           "this line is indented like no key above it, or it is no 'key: value'; keys of one map begin in the same "
           "column"},
    Phrase{"end of sequence not found",
           "this line is indented like no '- ' above it; entries of one list begin in the same column"},
    Phrase{"end of sequence flow not found", "a list opened with '[' is not closed: ',' or ']' is missing before this"},
    Phrase{"end of map flow not found", "a map opened with '{' is not closed: ',' or '}' is missing before this"},
    Phrase{"illegal flow end", "a ']' or '}' that closes nothing"},
    Phrase{"illegal block entry", "a '- ' where no list can begin; it belongs on a line of its own"},
    Phrase{"unknown token", "this character cannot begin a value; put the value in quotes"},
    Phrase{"the referenced anchor is not defined", "an alias (*) to an anchor (&) that is not defined above"},
    Phrase{"illegal tab when looking for indentation", kTab},
};

// Byte lengths of UTF-8 sequences; 0 for what begins none. Overlong forms and surrogates are refused by the second byte.
size_t utf8_length(std::string_view rest) {
  const auto at = [&](size_t i) { return i < rest.size() ? static_cast<unsigned char>(rest[i]) : 0U; };
  const auto follows = [&](size_t i) { return (at(i) & 0xc0) == 0x80; };
  const unsigned first = at(0);
  const unsigned second = at(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool bad = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f);
    return !bad && follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool bad = (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
    return !bad && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

std::string in_hex(unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  return {'0', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

}  // namespace

std::optional<SyntaxError> find_bad_byte(std::string_view text) {
  Place place;
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\n') {
      ++place.line;
      place.column = 1;
      ++i;
      continue;
    }
    if (byte == '\r' && (i + 1 == text.size() || text[i + 1] != '\n'))
      return SyntaxError{place, "a carriage return (0x0d) without a line feed; lines end with \\n or \\r\\n"};
    // 0x04 would end yaml-cpp's input without a word; none of the others is text either.
    if ((byte < 0x20 && byte != '\t' && byte != '\r') || byte == 0x7f)
      return SyntaxError{place, byte == 0 ? "a NUL byte; a site file is text"
                                          : "the control character " + in_hex(byte) + "; a site file is text"};
    const size_t length = utf8_length(text.substr(i));
    if (length == 0) return SyntaxError{place, "the byte " + in_hex(byte) + " is not UTF-8; a site file is UTF-8 text"};
    i += length;
    place.column += static_cast<int>(length);
  }
  return std::nullopt;
}

Lines::Lines(std::string_view text) : text_(text), starts_{0} {
  for (size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1))
    starts_.push_back(at + 1);
}

std::string_view Lines::line(int number) const {
  if (number < 1 || static_cast<size_t>(number) > starts_.size()) return {};
  // By the next line's start, not by looking for the end: a file may be one line with a million values.
  const auto next = static_cast<size_t>(number);
  const size_t start = starts_[next - 1];
  const size_t end = next < starts_.size() ? starts_[next] - 1 : text_.size();
  std::string_view line = text_.substr(start, end - start);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::optional<SyntaxError> Lines::runs_on(Place place, std::string_view value, bool in_brackets) const {
  std::string_view rest = line(place.line);
  const size_t skip = static_cast<size_t>(place.column - 1);
  if (skip >= rest.size()) return SyntaxError{place, "a value that runs over several lines; write it in one"};
  rest.remove_prefix(skip);
  // An anchor or a tag stands before the value and the mark points at it.
  while (rest.starts_with('&') || rest.starts_with('!')) {
    const size_t blank = rest.find_first_of(" \t");
    if (blank == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t", blank), rest.size()));
  }
  const char mark = rest.empty() ? '\0' : rest[0];
  if (mark == '|' || mark == '>')
    return SyntaxError{place, "a block of text (| or >); a value of a site file is written in one line"};
  if (mark == '\'' || mark == '"') {
    for (size_t i = 1; i < rest.size(); ++i) {
      if (mark == '"' && rest[i] == '\\') {
        ++i;
      } else if (rest[i] == mark) {
        if (mark == '"' || i + 1 >= rest.size() || rest[i + 1] != mark) return std::nullopt;
        ++i;
      }
    }
    return SyntaxError{place, std::string("a quote ") + mark + " that is not closed in this line"};
  }
  if (rest.starts_with(value)) return std::nullopt;
  int next = place.line + 1;
  while (static_cast<size_t>(next) < starts_.size() && line(next).find_first_not_of(" \t") == std::string_view::npos)
    ++next;
  const size_t indent = line(next).find_first_not_of(' ');
  if (indent != std::string_view::npos && line(next)[indent] == '\t')
    return SyntaxError{{next, static_cast<int>(indent) + 1}, std::string(kTab)};
  const Place its_begin{next, static_cast<int>(indent == std::string_view::npos ? 0 : indent) + 1};
  if (in_brackets) return SyntaxError{its_begin, "a ',' or the closing ']' or '}' is missing before this"};
  return SyntaxError{its_begin,
                     "this line is indented deeper than the key above, which already has its value; keys of one map "
                     "begin in the same column"};
}

std::vector<SyntaxError> Lines::tabs_until(int last_line) const {
  std::vector<SyntaxError> tabs;
  for (int number = 1; static_cast<size_t>(number) <= starts_.size(); ++number) {
    const std::string_view all = line(number);
    const size_t word = all.find_first_not_of(" \t");
    const size_t tab = all.find('\t');
    if (word == std::string_view::npos || all[word] == '#' || tab > word) continue;
    // The first one that hurts must not lie behind what the parser complains of: else tabs are not the cause.
    if (tabs.empty() && number > last_line) break;
    tabs.push_back({{number, static_cast<int>(tab) + 1}, std::string(kTab)});
    if (tabs.size() == kMostTabs) break;
  }
  return tabs;
}

std::vector<SyntaxError> Lines::explain(Place place, const std::string& message) const {
  if (auto tabs = tabs_until(place.line); !tabs.empty()) return tabs;
  for (const Phrase& phrase : kPhrases)
    if (message == phrase.parsers) return {{place, std::string(phrase.ours)}};
  return {{place, "not YAML: " + message}};
}

}  // namespace tandem::config
