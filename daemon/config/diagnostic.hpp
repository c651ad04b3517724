// What is wrong with a site file, and where: the form in which every finding reaches a person.
#pragma once

#include <compare>
#include <functional>
#include <map>
#include <string>

namespace tandem::config {

// A place in the site file, counted from 1 as editors do. Columns count bytes.
struct Place {
  int line = 1;
  int column = 1;
  auto operator<=>(const Place&) const = default;
};

struct Diagnostic {
  std::string file;
  int line = 1;
  int column = 1;
  std::string text;

  // "file:line:column: text", which editors and compilers' readers turn into a jump. Never more than one line, and
  // without control characters, whatever the file held.
  std::string render() const;
  bool operator==(const Diagnostic&) const = default;
};

// The place of a value by its path ("peer_link.key_file", "services.web.check.ca_file"). Kept for the keys that name
// files, because what is on the disk is looked at after reading.
using Places = std::map<std::string, Place, std::less<>>;

}  // namespace tandem::config
