// What is wrong with a site file, and where: the form in which every finding reaches a person.
#pragma once

#include <compare>
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

// A file that the site file names. What is on the disk is looked at after reading (files.hpp), so its place is kept.
struct NamedFile {
  std::string key;   // "key_file" or "ca_file"
  std::string path;  // of the file
  Place place;       // of the value in the site file
};

}  // namespace tandem::config
