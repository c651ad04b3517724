// The site file as a tree of values with their places: what yaml-cpp's parser says, kept in our own nodes.
//
// yaml-cpp's own nodes are not used: they forget duplicate keys, unfold aliases silently and cost several times the
// memory. Here depth and number of nodes are bounded while the file is parsed, so a hostile one ends early.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/config/diagnostic.hpp"

namespace tandem::config {

constexpr size_t kDeepest = 32;           // maps and lists inside each other; a site needs 7
constexpr size_t kMostNodes = 1'000'000;  // the largest allowed site (65535 servers) has about 400,000

struct Node;

struct Entry {
  std::string key;  // empty in lists
  Place key_place;
  const Node* value = nullptr;
};

struct Node {
  enum class Kind : uint8_t { kNothing, kScalar, kList, kMap };
  Kind kind = Kind::kNothing;
  bool quoted = false;  // scalars: in quotes, so never a number, a time or a word of the language
  bool open = true;     // still being parsed: an alias to it would contain itself
  Place place;
  std::string text;            // scalars
  std::vector<Entry> entries;  // lists and maps, in the file's order
};

class Tree {
 public:
  const Node& root() const { return nodes_.front(); }
  Node& add(Node::Kind kind, Place place);  // the first one is the root
  size_t size() const { return nodes_.size(); }

 private:
  std::deque<Node> nodes_;  // addresses stay
};

// What made the parser stop, or what it could not have known to be wrong.
struct SyntaxError {
  Place place;
  std::string text;
};

// The tree, or why the text is none. More than one error only where one cause shows in several lines (tabs).
// REQUIRES: find_bad_byte(text) found nothing.
Result<Tree, std::vector<SyntaxError>> parse_tree(std::string_view text);

// The first byte that has no place in a text file: NUL and its like, a carriage return alone, something that is not
// UTF-8.
std::optional<SyntaxError> find_bad_byte(std::string_view text);

}  // namespace tandem::config
