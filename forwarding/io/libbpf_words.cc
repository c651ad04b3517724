#include "forwarding/io/libbpf_words.hpp"

#include <bpf/libbpf.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <system_error>

#include "daemon/base/assert.hpp"

namespace tandem::forwarding {
namespace {

// A verifier's log may be of megabytes; its last lines say why.
constexpr size_t kLongest = 16384;

thread_local LibbpfWords* listener = nullptr;

int hear(libbpf_print_level level, const char* format, va_list arguments) {
  if (listener == nullptr || level == LIBBPF_DEBUG) return 0;
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length <= 0) return 0;
  std::string words(static_cast<size_t>(length) + 1, '\0');
  std::vsnprintf(words.data(), words.size(), format, arguments);
  listener->keep(words.c_str());
  return 0;
}

std::string_view line_at(std::string_view text, size_t at) {
  return text.substr(at, text.find('\n', at) - at);
}

// "the kernel refused the program fast_tap: R2 invalid mem access 'scalar'"; empty when it refused none.
std::string refusal(std::string_view text, int error) {
  static constexpr std::string_view kBegin = "-- BEGIN PROG LOAD LOG --\n", kEnd = "-- END PROG LOAD LOG --";
  static constexpr std::string_view kName = "prog '";
  const size_t end = text.rfind(kEnd);
  if (end == std::string_view::npos) return {};
  const size_t begin = text.rfind(kBegin, end);  // a long log's beginning is forgotten
  std::string said = "the kernel refused ";
  if (const size_t at = text.rfind(kName, begin); begin != std::string_view::npos && at != std::string_view::npos) {
    const std::string_view name = text.substr(at + kName.size());
    said += "the program " + std::string(name.substr(0, name.find('\'')));
  } else {
    said += "a program";
  }
  // The last line but statistics is the reason.
  std::string_view log = text.substr(0, end), reason;
  if (begin != std::string_view::npos) log.remove_prefix(begin + kBegin.size());
  for (size_t at = 0; at < log.size();) {
    const std::string_view line = line_at(log, at);
    at += line.size() + 1;
    if (!line.empty() && !line.starts_with("processed ") && !line.starts_with("verification time ") &&
        !line.starts_with("stack depth "))
      reason = line;
  }
  return said + ": " + (reason.empty() ? std::generic_category().message(error) : std::string(reason));
}

// "libbpf: Kernel error message: Exclusivity flag on, cannot modify": an extended acknowledgement.
std::string kernels_sentence(std::string_view text) {
  static constexpr std::string_view kMark = "Kernel error message: ";
  const size_t at = text.rfind(kMark);
  return at == std::string_view::npos ? std::string() : std::string(line_at(text, at + kMark.size()));
}

// "map 'fast_flows'"; empty when no map was the trouble.
std::string map_in_trouble(std::string_view text) {
  const size_t at = text.find(": failed to create: ");
  if (at == std::string_view::npos) return {};
  const size_t name = text.rfind("map '", at);
  return name == std::string_view::npos ? std::string() : std::string(text.substr(name, at - name));
}

}  // namespace

LibbpfWords::LibbpfWords() {
  TANDEM_ASSERT(listener == nullptr);
  static std::once_flag once;
  std::call_once(once, [] { libbpf_set_print(hear); });
  listener = this;
}

LibbpfWords::~LibbpfWords() {
  listener = nullptr;
}

void LibbpfWords::keep(const char* words) {
  text_ += words;
  if (text_.size() > kLongest) text_.erase(0, text_.size() - kLongest);
}

std::string LibbpfWords::about(const std::string& doing, int error) const {
  error = std::abs(error);
  std::string why = refusal(text_, error);
  if (why.empty()) why = kernels_sentence(text_);
  if (why.empty() && error == EPERM) why = "not permitted: CAP_BPF and CAP_NET_ADMIN are needed";
  if (why.empty() && error == ENOSYS) why = "the kernel has no BPF";
  if (why.empty()) {
    const std::string map = map_in_trouble(text_);
    why = (map.empty() ? "" : map + ": ") + std::generic_category().message(error);
  }
  return doing + ": " + why;
}

}  // namespace tandem::forwarding
