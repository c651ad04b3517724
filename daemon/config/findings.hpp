// What was found wrong so far, in whatever order it was found.
#pragma once

#include <string>
#include <vector>

#include "daemon/config/diagnostic.hpp"

namespace tandem::config {

class Findings {
 public:
  static constexpr size_t kMost = 1000;  // of each kind; whoever has more of them reads the first ones

  explicit Findings(std::string file) : file_(std::move(file)) {}

  void error(Place place, std::string text) { add(errors_, place, std::move(text)); }
  void warning(Place place, std::string text) { add(warnings_, place, std::move(text)); }
  bool has_errors() const { return !errors_.empty(); }

  // So many that the next would not be kept: work that only finds more of them can be left out.
  bool full() const { return errors_.size() >= kMost; }

  // Sorted by place, each once (an alias shows the same value at several places), and with a last line that says so when
  // there were more than kMost.
  std::vector<Diagnostic> take_errors() { return finish(errors_); }
  std::vector<Diagnostic> take_warnings() { return finish(warnings_); }

  // Reading follows aliases, so a small file can unfold into a huge one. Counts `nodes` more values; false, with one
  // error, once there are more than any site needs.
  bool spend(Place place, size_t nodes);

 private:
  void add(std::vector<Diagnostic>& list, Place place, std::string text);
  std::vector<Diagnostic> finish(std::vector<Diagnostic>& list) const;

  std::string file_;
  std::vector<Diagnostic> errors_;
  std::vector<Diagnostic> warnings_;
  size_t spent_ = 0;
};

}  // namespace tandem::config
