// A reader for the test cases' JSON: objects, arrays, strings without escapes, integers, booleans.
// For files of ours only: anything else is an assertion.
#pragma once

#include <cctype>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/assert.hpp"

namespace tandem::forwarding::testing {

struct Json {
  std::vector<std::pair<std::string, Json>> members;
  std::vector<Json> elements;
  std::string text;
  int64_t number = 0;
  bool truth = false;

  const Json& operator[](std::string_view name) const {
    const Json* found = find(name);
    TANDEM_ASSERT(found != nullptr);
    return *found;
  }
  const Json* find(std::string_view name) const {
    for (const auto& [key, value] : members)
      if (key == name) return &value;
    return nullptr;
  }
};

class JsonReader {
 public:
  static Json read_file(const std::string& path) {
    std::ifstream in(path);
    TANDEM_ASSERT(in.good());
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    return JsonReader(text).value();
  }

 private:
  explicit JsonReader(std::string_view text) : text_(text) {}

  char next() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    TANDEM_ASSERT(at_ < text_.size());
    return text_[at_];
  }
  bool take(char wanted) {
    if (next() != wanted) return false;
    ++at_;
    return true;
  }
  std::string string() {
    TANDEM_ASSERT(take('"'));
    const size_t end = text_.find('"', at_);
    TANDEM_ASSERT(end != std::string_view::npos);
    std::string result(text_.substr(at_, end - at_));
    at_ = end + 1;
    return result;
  }
  Json value() {
    Json json;
    const char first = next();
    if (first == '{') {
      ++at_;
      while (!take('}')) {
        std::string name = string();
        TANDEM_ASSERT(take(':'));
        json.members.emplace_back(std::move(name), value());
        take(',');
      }
    } else if (first == '[') {
      ++at_;
      while (!take(']')) {
        json.elements.push_back(value());
        take(',');
      }
    } else if (first == '"') {
      json.text = string();
    } else if (text_.substr(at_).starts_with("true")) {
      json.truth = true;
      at_ += 4;
    } else if (text_.substr(at_).starts_with("false")) {
      at_ += 5;
    } else {
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), json.number);
      TANDEM_ASSERT(error == std::errc());
      at_ = static_cast<size_t>(end - text_.data());
    }
    return json;
  }

  std::string_view text_;
  size_t at_ = 0;
};

inline Json read_cases(const std::string& name) {
  return JsonReader::read_file(std::string(TANDEM_SOURCE_DIR) + "/forwarding/testing/cases/" + name);
}

// Of a file beside the project, where there are more cases; empty when it is not there.
inline std::string path_beside(const std::string& name) {
  const std::string path = std::string(TANDEM_SOURCE_DIR) + "/../shared/cases/" + name;
  return std::ifstream(path).good() ? path : "";
}

inline Json read_all_cases(const std::string& name) {
  const std::string beside = path_beside(name);
  return beside.empty() ? read_cases(name) : JsonReader::read_file(beside);
}

}  // namespace tandem::forwarding::testing
