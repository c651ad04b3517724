// What a check says to a service that speaks first or in turns, and what the answers mean: SMTP, Redis, MySQL, PostgreSQL and
// HAProxy's agent. Bytes in, bytes and a verdict out; who carries them, and for how long, is the shell's.
//
// A dialog ends with the protocol's own goodbye where it has one, so that the server's log is not full of broken connections.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "checkers/outcome.hpp"
#include "checkers/settings.hpp"

namespace tandem::checkers {

// Received bytes of one attempt, all answers together.
constexpr size_t kMostDialogBytes = size_t{64} << 10;

class Dialog {
 public:
  struct Step {
    size_t consumed = 0;             // of what was fed; 0 with nothing else: more is needed
    std::string send;                // after which the answer is waited for, or the attempt ends
    bool start_tls = false;          // after `send` and before anything else
    std::optional<Outcome> outcome;  // the verdict; stage and duration are the shell's to fill in
  };

  virtual ~Dialog() = default;
  // What is said before anything was heard; empty: the server speaks first.
  virtual std::string opening() { return {}; }
  // `received`: everything not consumed so far. `closed`: nothing more will come.
  virtual Step feed(std::string_view received, bool closed) = 0;
  // Once TLS stands.
  virtual std::string after_tls() { return {}; }
};

// SHA-1 of bytes, 20 of them: MySQL's password needs it, and the core has no library for it.
using Sha1 = std::function<std::string(std::string_view)>;

// REQUIRES: a kind that has a dialog (kSmtp, kRedis, kMysql, kPgsql, kAgent). The check outlives the dialog.
std::unique_ptr<Dialog> make_dialog(const Check& check, Sha1 sha1);

// One of each file.
std::unique_ptr<Dialog> make_smtp_dialog(const Check& check);
std::unique_ptr<Dialog> make_redis_dialog(const Check& check);
std::unique_ptr<Dialog> make_agent_dialog(const Check& check);
std::unique_ptr<Dialog> make_mysql_dialog(const Check& check, Sha1 sha1);
std::unique_ptr<Dialog> make_pgsql_dialog(const Check& check);

// For the dialogs: the verdicts.
Dialog::Step say(size_t consumed, std::string words);
Dialog::Step passed(size_t consumed, std::string_view text, std::string goodbye = {});
Dialog::Step failed(Outcome::Reason reason, std::string_view text, std::string goodbye = {});

}  // namespace tandem::checkers
