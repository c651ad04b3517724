// Reading a site file: text in, a Site or everything that is wrong with it out.
//
// All findings come at once, sorted by place, each saying what was found and what was expected. Nothing outside of
// `text` is looked at: what must be looked up on disk is files.hpp. Reading is bounded in time and memory for any text
// (size, depth, nodes, aliases), so a hostile file costs an error message.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config/diagnostic.hpp"
#include "daemon/config/site.hpp"

namespace tandem::config {

constexpr size_t kSiteFileLimit = size_t{16} << 20;  // bytes

struct Reading {
  std::optional<Site> site;          // present exactly when errors is empty
  std::vector<Diagnostic> errors;    // sorted by place
  std::vector<Diagnostic> warnings;  // sorted by place; present also when there are errors
  std::vector<NamedFile> files;      // to be looked up on disk; present also when there are errors
};

// `file_name` is only for the findings.
Reading read_site(std::string_view text, const std::string& file_name);

}  // namespace tandem::config
