// Whatever a checked server says: the first byte chooses the dialog, the rest is what it hears, in two pieces.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "checkers/dialog.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tandem::checkers;
  if (size < 2) return 0;
  constexpr CheckKind kKinds[] = {CheckKind::kSmtp, CheckKind::kRedis, CheckKind::kAgent, CheckKind::kMysql,
                                  CheckKind::kPgsql};
  Check check{.kind = kKinds[data[0] % 5]};
  check.starttls = (data[0] & 0x40) != 0;
  if ((data[0] & 0x80) != 0) check.user = check.password = "lb";
  const auto dialog = make_dialog(check, [](std::string_view) { return std::string(20, 'h'); });
  dialog->opening();
  std::string received;
  size_t at = 2;
  const size_t cut = 2 + data[1];
  while (at < size) {
    const size_t end = at < cut && cut < size ? cut : size;
    received.append(reinterpret_cast<const char*>(data) + at, end - at);
    at = end;
    for (int turn = 0; turn < 64; ++turn) {
      const Dialog::Step step = dialog->feed(received, at == size);
      if (step.consumed > received.size()) __builtin_trap();
      if (step.outcome) return 0;
      if (step.consumed == 0) break;
      received.erase(0, step.consumed);
      if (step.start_tls) dialog->after_tls();
    }
  }
  return 0;
}
