// The dialogs, as the two sides of a conversation.
#include "checkers/dialog.hpp"

#include <gmock/gmock.h>

namespace tandem::checkers {
namespace {

using Reason = Outcome::Reason;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Check a(CheckKind kind) {
  return {.kind = kind};
}

class Talk {
 public:
  explicit Talk(Check check)
      : check_(std::move(check)), dialog_(make_dialog(check_, [](std::string_view) { return std::string(20, 'h'); })) {}
  std::string opening() { return dialog_->opening(); }
  // Byte by byte, as the worst network would.
  Dialog::Step hear(std::string_view bytes) {
    for (const char c : bytes) {
      received_ += c;
      Dialog::Step step = dialog_->feed(received_, false);
      received_.erase(0, step.consumed);
      if (step.outcome || !step.send.empty() || step.start_tls) return step;
    }
    return {};
  }
  Dialog::Step end() { return dialog_->feed(received_, true); }
  Dialog& dialog() { return *dialog_; }

 private:
  Check check_;
  std::string received_;
  std::unique_ptr<Dialog> dialog_;
};

TEST(Smtp, GreetsAndSaysGoodbye) {
  Check check = a(CheckKind::kSmtp);
  check.name = "lb.example";
  Talk talk(check);
  EXPECT_EQ(talk.hear("220-welcome\r\n220 mx ESMTP\r\n").send, "EHLO lb.example\r\n");
  const auto last = talk.hear("250-mx\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
  ASSERT_TRUE(last.outcome);
  EXPECT_TRUE(last.outcome->ok());
  EXPECT_EQ(last.send, "QUIT\r\n");
}

TEST(Smtp, AServerThatAnswersAndIsNotWellIsDown) {
  const auto step = Talk(a(CheckKind::kSmtp)).hear("421 too busy\r\n");
  EXPECT_EQ(step.outcome->reason, Reason::kRefusedByWord);
  EXPECT_EQ(words(*step.outcome, Check{}), "the server says: 421 too busy");
}

TEST(Smtp, StartTlsAndGreetsAgainAndBelievesNothingThatCameInPlainText) {
  Check check = a(CheckKind::kSmtp);
  check.starttls = true;
  Talk talk(check);
  talk.hear("220 mx\r\n");
  EXPECT_EQ(talk.hear("250 STARTTLS\r\n").send, "STARTTLS\r\n");
  EXPECT_TRUE(talk.hear("220 go ahead\r\n").start_tls);
  EXPECT_THAT(talk.dialog().after_tls(), StartsWith("EHLO "));
  EXPECT_TRUE(talk.hear("250 mx\r\n").outcome->ok());
}

TEST(Smtp, OtherWordsAreMalformed) {
  EXPECT_EQ(Talk(a(CheckKind::kSmtp)).hear("HTTP/1.1 400 Bad\r\n").outcome->reason, Reason::kMalformed);
  EXPECT_EQ(Talk(a(CheckKind::kSmtp)).hear("220-a\r\n250 b\r\n").outcome->reason, Reason::kMalformed);
  EXPECT_EQ(Talk(a(CheckKind::kSmtp)).end().outcome->reason, Reason::kClosed);
}

TEST(Redis, PingsAndLogsInFirstWhereThereIsAPassword) {
  Talk plain(a(CheckKind::kRedis));
  EXPECT_EQ(plain.opening(), "*1\r\n$4\r\nPING\r\n");
  EXPECT_TRUE(plain.hear("+PONG\r\n").outcome->ok());
  Check check = a(CheckKind::kRedis);
  check.password = "a\r\nb";
  Talk talk(check);
  EXPECT_EQ(talk.opening(), "*2\r\n$4\r\nAUTH\r\n$4\r\na\r\nb\r\n");
  EXPECT_EQ(talk.hear("+OK\r\n").send, "*1\r\n$4\r\nPING\r\n");
}

TEST(Redis, AServerThatIsLoadingIsDown) {
  const auto step = Talk(a(CheckKind::kRedis)).hear("-LOADING Redis is loading the dataset in memory\r\n");
  EXPECT_THAT(words(*step.outcome, Check{}), HasSubstr("LOADING"));
  EXPECT_FALSE(step.outcome->ok());
}

std::string mysql_packet(uint8_t sequence, const std::string& body) {
  return std::string{static_cast<char>(body.size()), 0, 0, static_cast<char>(sequence)} + body;
}
std::string mysql_greeting() {
  return mysql_packet(0, std::string("\x0a") + "10.11.6-MariaDB" + '\0' + std::string(4, 't') + std::string(8, 's') +
                             std::string(19, '\0') + std::string(12, 's') + '\0');
}

TEST(Mysql, LogsInPingsAndQuits) {
  Check check = a(CheckKind::kMysql);
  check.user = "lb";
  check.password = "secret";
  Talk talk(check);
  const std::string login = talk.hear(mysql_greeting()).send;
  EXPECT_EQ(login[3], 1) << "the sequence goes on";
  EXPECT_THAT(login, HasSubstr(std::string("lb\0\x14", 4))) << "20 bytes of proof follow the name";
  EXPECT_EQ(talk.hear(mysql_packet(2, std::string("\0\0\0\2\0\0\0", 7))).send, std::string("\1\0\0\0\x0e", 5));
  const auto last = talk.hear(mysql_packet(1, std::string("\0\0\0\2\0\0\0", 7)));
  EXPECT_TRUE(last.outcome->ok());
  EXPECT_EQ(last.outcome->text, "10.11.6-MariaDB");
}

TEST(Mysql, WithoutAnAccountAServerThatRefusesTheLogInIsWellAndWithOneItIsNot) {
  const std::string denied = mysql_packet(2, std::string("\xff\x15\x04#28000Access denied", 22));
  Talk nobody(a(CheckKind::kMysql));
  nobody.hear(mysql_greeting());
  EXPECT_TRUE(nobody.hear(denied).outcome->ok());
  Check check = a(CheckKind::kMysql);
  check.user = "lb";
  Talk talk(check);
  talk.hear(mysql_greeting());
  EXPECT_EQ(talk.hear(denied).outcome->text, "1045 Access denied");
}

TEST(Mysql, TooManyConnectionsIsDownAndGarbageIsMalformed) {
  EXPECT_EQ(
      Talk(a(CheckKind::kMysql)).hear(mysql_packet(0, std::string("\xff\x10\x04Too many connections"))).outcome->text,
      "1040 Too many connections");
  EXPECT_EQ(Talk(a(CheckKind::kMysql)).hear(mysql_packet(0, "\x0ano end of the version")).outcome->reason,
            Reason::kMalformed);
  EXPECT_EQ(Talk(a(CheckKind::kMysql)).hear("HTTP/1.1 400").outcome->reason, Reason::kMalformed);
}

TEST(Pgsql, AServerThatAsksForAPasswordIsWell) {
  Check check = a(CheckKind::kPgsql);
  check.user = "lb";
  Talk talk(check);
  EXPECT_EQ(talk.opening(), std::string("\0\0\0\x11\0\3\0\0user\0lb\0\0", 17));
  const auto step = talk.hear(std::string("R\0\0\0\x0c\0\0\0\5salt", 13));
  EXPECT_TRUE(step.outcome->ok());
  EXPECT_EQ(step.send, std::string("X\0\0\0\4", 5));
}

TEST(Pgsql, OneThatIsStartingIsDownAndOneThatDoesNotKnowNobodyIsWell) {
  const auto error = [](const std::string& fields) {
    return std::string("E\0\0\0", 4) + static_cast<char>(fields.size() + 5) + fields + '\0';
  };
  const std::string starting = std::string("SFATAL\0C57P03\0Mthe database system is starting up\0", 50);
  EXPECT_EQ(Talk(a(CheckKind::kPgsql)).hear(error(starting)).outcome->text,
            "the database system is starting up (57P03)");
  const std::string unknown = std::string("C28P01\0Mno such role\0", 21);
  EXPECT_TRUE(Talk(a(CheckKind::kPgsql)).hear(error(unknown)).outcome->ok());
  Check check = a(CheckKind::kPgsql);
  check.user = "lb";
  EXPECT_FALSE(Talk(check).hear(error(unknown)).outcome->ok());
}

TEST(Agent, SaysItsPayloadAndTakesALineOrTheEnd) {
  Check check = a(CheckKind::kAgent);
  check.payload = "status\n";
  Talk talk(check);
  EXPECT_EQ(talk.opening(), "status\n");
  EXPECT_EQ(talk.hear("up 50%\n").outcome->weight, (Weight{50, true}));
  Talk unended(check);
  unended.hear("drain");
  EXPECT_EQ(unended.end().outcome->weight, (Weight{0, false}));
}

}  // namespace
}  // namespace tandem::checkers
