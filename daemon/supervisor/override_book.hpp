// The operators' words about servers, as they are kept from one life of the daemon to the next.
//
// One line a word, each the message itself as the rooms hear it (daemon/bus/codec.hpp). A line that is none is left out and
// named: the file may have been written by another version, or by hand. A word about a server that the site does not have
// ends: it would come to life with whoever gets that name.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/bus/messages.hpp"

namespace tandem::supervisor {

class OverrideBook {
 public:
  static constexpr size_t kMostBytes = 16u << 20;

  // Takes in a file's text. The numbers of lines that are no such message, from 1 on.
  std::vector<size_t> read(std::string_view text);
  std::string text() const;

  // Whether anything changed.
  bool set(const bus::Override& word);
  bool forget(const std::string& key);
  // Forgets every word whose key `stays` denies; the keys.
  template <class Stays>
  std::vector<std::string> keep_only(Stays&& stays) {
    std::vector<std::string> gone;
    std::erase_if(words_, [&](const auto& each) {
      if (stays(each.second)) return false;
      gone.push_back(each.first);
      return true;
    });
    return gone;
  }

  const std::map<std::string, bus::Override>& words() const { return words_; }

 private:
  std::map<std::string, bus::Override> words_;
};

}  // namespace tandem::supervisor
