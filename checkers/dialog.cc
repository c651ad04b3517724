#include "checkers/dialog.hpp"

#include <utility>

#include "daemon/base/assert.hpp"

namespace tandem::checkers {

Dialog::Step say(size_t consumed, std::string words) {
  return {.consumed = consumed, .send = std::move(words)};
}

Dialog::Step passed(size_t consumed, std::string_view text, std::string goodbye) {
  return {.consumed = consumed, .send = std::move(goodbye), .outcome = Outcome{.text = printable(text)}};
}

Dialog::Step failed(Outcome::Reason reason, std::string_view text, std::string goodbye) {
  return {.send = std::move(goodbye), .outcome = Outcome{.reason = reason, .text = printable(text)}};
}

std::unique_ptr<Dialog> make_dialog(const Check& check, Sha1 sha1) {
  switch (check.kind) {
    case CheckKind::kSmtp:
      return make_smtp_dialog(check);
    case CheckKind::kRedis:
      return make_redis_dialog(check);
    case CheckKind::kAgent:
      return make_agent_dialog(check);
    case CheckKind::kMysql:
      return make_mysql_dialog(check, std::move(sha1));
    case CheckKind::kPgsql:
      return make_pgsql_dialog(check);
    default:
      TANDEM_ASSERT(false && "a kind without a dialog");
  }
  return nullptr;
}

}  // namespace tandem::checkers
