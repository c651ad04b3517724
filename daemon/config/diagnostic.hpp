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

// A file that the site file names, or a user of this box. What there is here is looked at after reading (files.hpp), so its
// place is kept.
struct NamedFile {
  std::string key;   // "key_file", "ca_file", "user"
  std::string path;  // of the file; of "user": the user's name
  Place place;       // of the value in the site file
  std::string user;  // script, command: who runs it, and so may own it; empty: nobody in particular
};

}  // namespace tandem::config
