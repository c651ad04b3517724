// The dialogs that speak in lines: SMTP (RFC 5321, 3207), Redis (RESP), HAProxy's agent.
#include <utility>

#include "checkers/agent_words.hpp"
#include "checkers/dialog.hpp"

namespace tandem::checkers {
namespace {

using Reason = Outcome::Reason;

constexpr size_t kMostLine = 4096;  // RFC 5321, 4.5.3.1.5 has 512; more is no reply

// The first line and how many bytes it takes with its end; nothing while it is incomplete.
struct Line {
  std::string_view text;
  size_t taken = 0;
};
std::optional<Line> line_of(std::string_view bytes) {
  const size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view text = bytes.substr(0, end);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return Line{text, end + 1};
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// ---- SMTP

struct Reply {
  int code = 0;
  std::string_view last;  // line
  size_t taken = 0;
  bool malformed = false;
};

// A whole reply: lines "250-..." and a last "250 ..." with one code.
std::optional<Reply> reply_of(std::string_view bytes) {
  Reply reply;
  while (const auto line = line_of(bytes.substr(reply.taken))) {
    const std::string_view text = line->text;
    const bool good = text.size() >= 3 && text[0] >= '2' && text[0] <= '5' && is_digit(text[1]) && is_digit(text[2]) &&
                      (text.size() == 3 || text[3] == ' ' || text[3] == '-');
    reply.last = text;
    if (!good) {
      reply.malformed = true;
      return reply;
    }
    const int code = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
    if (reply.code != 0 && reply.code != code) {
      reply.malformed = true;
      return reply;
    }
    reply.code = code;
    reply.taken += line->taken;
    if (text.size() == 3 || text[3] == ' ') return reply;
  }
  return std::nullopt;
}

class SmtpDialog final : public Dialog {
 public:
  explicit SmtpDialog(const Check& check) : check_(check) {}

  Step feed(std::string_view received, bool closed) override {
    const auto reply = reply_of(received);
    if (!reply) {
      if (closed) return failed(Reason::kClosed, {});
      return received.size() > kMostDialogBytes ? failed(Reason::kMalformed, received) : Step{};
    }
    if (reply->malformed) return failed(Reason::kMalformed, reply->last);
    // A server that accepts and then says 421 or 554 is not well (RFC 5321, 3.1).
    if (reply->code / 100 != 2) return failed(Reason::kRefusedByWord, reply->last, "QUIT\r\n");
    switch (std::exchange(place_, next())) {
      case Place::kGreeting:
      case Place::kTls:
        return say(reply->taken, hello());
      case Place::kHello:
        if (check_.starttls && !secured_) return say(reply->taken, "STARTTLS\r\n");
        return passed(reply->taken, reply->last, "QUIT\r\n");
      case Place::kStartTls:
        secured_ = true;
        return {.consumed = received.size(), .start_tls = true};  // what came after it in plain text is not believed
    }
    return {};
  }

  std::string after_tls() override {
    place_ = Place::kHello;
    return hello();
  }

 private:
  enum class Place : uint8_t { kGreeting, kHello, kStartTls, kTls };
  Place next() const {
    if (place_ == Place::kGreeting) return Place::kHello;
    return place_ == Place::kHello ? Place::kStartTls : Place::kTls;
  }
  std::string hello() const { return "EHLO " + (check_.name.empty() ? "tandem.invalid" : check_.name) + "\r\n"; }

  const Check& check_;
  Place place_ = Place::kGreeting;
  bool secured_ = false;
};

// ---- Redis

// A request as an array of bulk strings: whatever is in a password, it ends no line.
std::string redis_request(std::initializer_list<std::string_view> words) {
  std::string request = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words)
    request += "$" + std::to_string(word.size()) + "\r\n" + std::string(word) + "\r\n";
  return request;
}

class RedisDialog final : public Dialog {
 public:
  explicit RedisDialog(const Check& check) : check_(check), authenticates_(!check.password.empty()) {}

  std::string opening() override {
    if (!authenticates_) return redis_request({"PING"});
    return check_.user.empty() ? redis_request({"AUTH", check_.password})
                               : redis_request({"AUTH", check_.user, check_.password});
  }

  Step feed(std::string_view received, bool closed) override {
    const auto line = line_of(received);
    if (!line) {
      if (received.size() > kMostLine) return failed(Reason::kMalformed, received);
      return closed ? failed(Reason::kClosed, {}) : Step{};
    }
    if (line->text.starts_with('-')) return failed(Reason::kRefusedByWord, line->text.substr(1));
    if (std::exchange(authenticates_, false)) {
      if (line->text != "+OK") return failed(Reason::kMalformed, line->text);
      return say(line->taken, redis_request({"PING"}));
    }
    if (line->text != "+PONG") return failed(Reason::kMalformed, line->text);
    return passed(line->taken, "PONG", redis_request({"QUIT"}));
  }

 private:
  const Check& check_;
  bool authenticates_;
};

// ---- HAProxy's agent

class AgentDialog final : public Dialog {
 public:
  explicit AgentDialog(const Check& check) : check_(check) {}
  std::string opening() override { return check_.payload; }

  Step feed(std::string_view received, bool closed) override {
    const auto line = line_of(received);
    if (!line && received.size() > kMostLine) return failed(Reason::kMalformed, received);
    if (!line && !closed) return {};
    if (!line && received.empty()) return failed(Reason::kClosed, {});
    return {.consumed = received.size(), .outcome = agent_verdict(line ? line->text : received)};
  }

 private:
  const Check& check_;
};

}  // namespace

std::unique_ptr<Dialog> make_smtp_dialog(const Check& check) {
  return std::make_unique<SmtpDialog>(check);
}
std::unique_ptr<Dialog> make_redis_dialog(const Check& check) {
  return std::make_unique<RedisDialog>(check);
}
std::unique_ptr<Dialog> make_agent_dialog(const Check& check) {
  return std::make_unique<AgentDialog>(check);
}

}  // namespace tandem::checkers
