// Words for what is wrong with the YAML itself. A parser says where it gave up and in its own terms ("illegal map
// value"); here the lines around that place are looked at for what a person did.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config/diagnostic.hpp"
#include "daemon/config/tree.hpp"

namespace tandem::config {

// A text by its lines.
class Lines {
 public:
  explicit Lines(std::string_view text);

  // The line without its end; empty beyond the last. `number` counts from 1.
  std::string_view line(int number) const;

  // What is wrong when the value read at `place` is not what stands there in one line: a quote that is not closed, or a
  // next line that was taken for more of the same value because it is indented deeper. No value of a site file needs
  // several lines. `in_brackets`: within [] or {}, where indentation does not count.
  std::optional<SyntaxError> runs_on(Place place, std::string_view value, bool in_brackets) const;

  // What a person did where the parser said `message` at `place`.
  std::vector<SyntaxError> explain(Place place, const std::string& message) const;

 private:
  std::vector<SyntaxError> tabs_until(int last_line) const;

  std::string_view text_;
  std::vector<size_t> starts_;  // of each line
};

}  // namespace tandem::config
