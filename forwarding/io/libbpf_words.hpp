// What libbpf says of an error: it would write it to stderr, which is no place for a room's words.
#pragma once

#include <string>

namespace tandem::forwarding {

// While one lives, what libbpf says in this thread is kept, and nothing of it is printed. Not one inside of another.
class LibbpfWords {
 public:
  LibbpfWords();
  ~LibbpfWords();
  LibbpfWords(const LibbpfWords&) = delete;
  LibbpfWords& operator=(const LibbpfWords&) = delete;

  // "doing: why", one line, for a call that gave `error` (errno, of either sign): the verifier's last word about a program that it
  // refused, otherwise the kernel's own sentence if it sent one, otherwise the error's name.
  std::string about(const std::string& doing, int error) const;

  void keep(const char* words);

 private:
  std::string text_;
};

}  // namespace tandem::forwarding
