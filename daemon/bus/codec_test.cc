// Messages as text: what is said is what is heard, and nothing else is heard at all.
#include "daemon/bus/codec.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "daemon/bus/describe.hpp"

namespace tandem::bus {
namespace {

constexpr size_t kCap = kMostBytesFromRoom;

CodecError error_of(std::string_view text, size_t cap = kCap) {
  const auto frame = decode_frame(text, cap);
  EXPECT_FALSE(frame) << text;
  return frame ? CodecError{255} : frame.error();
}

TEST(Codec, SaysAMessageAsOneObjectNamedByItsKind) {
  EXPECT_EQ(encode(Message(RoomReady{.room = "vrrp", .generation = 3})),
            R"({"RoomReady":{"room":"vrrp","generation":3}})");
  EXPECT_EQ(encode(CaughtUp{}), R"({"CaughtUp":{}})");
}

TEST(Codec, HearsWhatWasSaidOfEveryKind) {
  const Message messages[] = {
      SiteText{.text = "site: a\n", .path = "/etc/x", .director = "dir-a", .digest = "00", .generation = 7},
      InstanceState{.router = "web",
                    .state = RouterState::kActive,
                    .reason = "\"higher\" priority \\ \n",
                    .vrid = 255,
                    .priority = 254,
                    .addresses = {"198.51.100.10/24", "2001:db8::1/64"},
                    .transitions = std::numeric_limits<uint64_t>::max()},
      ServerHealth{.service = "web",
                   .server = "w1",
                   .up = true,
                   .known = true,
                   .weight = 65535,
                   .override = OverrideKind::kDrain,
                   .checks = {{.name = "app", .recent = {{.passed = true, .words = "HTTP 200", .count = 3}}}}},
      ServiceHealth{.service = "web", .servers_total = 3},
      SyncStatus{.peer = "dir-b", .in_step = true},
      ServerStats{.service = "web", .server = "w1", .bytes_out = 1},
      ServiceStats{.service = "web", .method = "nat", .rates = {.connections = 3}, .drops = {{"drop_ttl", 1}}},
      EngineStats{.engine = "af_packet", .counters = {{"no_route", 1}, {"too_short", 2}}},
      RoomStatus{.room = "vrrp", .phase = RoomPhase::kDead, .pid = -1},
      RoomReady{.room = "vrrp"},
      ReloadRequest{.id = 1},
      ReloadResult{.applied = true, .lines = {"a", ""}},
      Handover{.step = HandoverStep::kOffer, .router = "web", .peer = "b", .id = 3},
      HandoverResult{.id = 3, .done = true, .lines = {"web: b has it"}},
      Maintenance{.on = true, .since_unix_ms = 5},
      Override{.service = "web", .server = "w1", .kind = OverrideKind::kWeight, .weight = 3, .since_unix_ms = 9},
      PassiveHealth{
          .service = "web", .server = "w1", .opened = 9, .client_marks = std::numeric_limits<uint64_t>::max()},
      FlowQuestion{.id = 4, .kill = true, .client = "192.0.2.0/24", .client_port = 7, .state = "CLOSE", .limit = 9},
      FlowAnswer{.id = 4, .matched = 2, .killed = 1, .flows = {{.service = "web", .idle_ms = 5, .learnt = true}}},
      TraceRequest{.id = 5, .client = "192.0.2.7", .service = "web"},
      TraceAnswer{.id = 5, .error = "no", .lines = {"web: 198.51.100.10:80/tcp"}},
      ExecRequest{.id = 6, .service = "web", .server = "w1", .check = "app"},
      ExecResult{.id = 6, .end = ExecEnd::kTimedOut, .output = "waits for the disk"},
      Event{.severity = Severity::kError, .id = "X", .text = "caf\xc3\xa9"},
      Forget{.kind = "ServerHealth", .of_key = "web/w1"},
  };
  size_t index = 0;
  for (const auto& message : messages) {
    EXPECT_EQ(message.index(), index++) << "a kind is missing in this test";
    const auto heard = decode(encode(message), kCap);
    ASSERT_TRUE(heard) << encode(message) << describe(heard.error());
    EXPECT_EQ(encode(*heard), encode(message));
    EXPECT_EQ(heard->index(), message.index());
  }
  EXPECT_EQ(index, std::variant_size_v<Message>);
}

TEST(Codec, HearsTheThreeFramesThatAreNoMessages) {
  EXPECT_EQ(std::get<Subscribe>(*decode_frame(encode(Subscribe{{"SiteText", "Event"}}), kCap)).kinds.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<CaughtUp>(*decode_frame(encode(CaughtUp{}), kCap)));
  EXPECT_TRUE(std::holds_alternative<Stop>(*decode_frame(encode(Stop{}), kCap)));
  EXPECT_EQ(decode(encode(Stop{}), kCap).error(), CodecError::kUnknownKind);
}

TEST(Codec, RefusesWhatIsNotExactlyOneDescribedObject) {
  EXPECT_EQ(error_of(""), CodecError::kNotJson);
  EXPECT_EQ(error_of("{"), CodecError::kNotJson);
  EXPECT_EQ(error_of(R"({"Stop":{}} {"Stop":{}})"), CodecError::kNotJson);
  EXPECT_EQ(error_of("[]"), CodecError::kNotAnObject);
  EXPECT_EQ(error_of("{}"), CodecError::kUnknownKind);
  EXPECT_EQ(error_of(R"({"Stop":{},"CaughtUp":{}})"), CodecError::kUnknownKind);
  EXPECT_EQ(error_of(R"({"stop":{}})"), CodecError::kUnknownKind);
  EXPECT_EQ(error_of(R"({"Stop":[]})"), CodecError::kWrongType);
  EXPECT_EQ(error_of(R"({"Stop":{"now":true}})"), CodecError::kUnknownField);
}

TEST(Codec, RefusesAMessageWithoutOneOfItsFieldsOrWithAnother) {
  EXPECT_EQ(error_of(R"({"RoomReady":{"room":"vrrp"}})"), CodecError::kMissingField);
  EXPECT_EQ(error_of(R"({"RoomReady":{"room":"vrrp","generation":1,"x":1}})"), CodecError::kUnknownField);
  EXPECT_EQ(error_of(R"({"RoomReady":{"room":"vrrp","Generation":1}})"), CodecError::kMissingField);
}

TEST(Codec, RefusesNumbersThatTheFieldCannotHold) {
  const auto ready = [](std::string_view number) {
    return R"({"RoomReady":{"room":"vrrp","generation":)" + std::string(number) + "}}";
  };
  EXPECT_TRUE(decode(ready("18446744073709551615"), kCap));
  EXPECT_EQ(error_of(ready("-1")), CodecError::kOutOfRange);
  EXPECT_EQ(error_of(ready("18446744073709551616")), CodecError::kWrongType);  // JSON's reader makes it a double
  EXPECT_EQ(error_of(ready("1.0")), CodecError::kWrongType);
  EXPECT_EQ(error_of(ready("true")), CodecError::kWrongType);
  EXPECT_EQ(error_of(ready("\"1\"")), CodecError::kWrongType);
  auto state = encode(Message(InstanceState{.vrid = 255}));
  state.replace(state.find("255"), 3, "256");
  EXPECT_EQ(error_of(state), CodecError::kOutOfRange);
}

TEST(Codec, RefusesAnEnumWordThatDoesNotExist) {
  auto state = encode(Message(InstanceState{.state = RouterState::kBackup}));
  state.replace(state.find("backup"), 6, "master");
  EXPECT_EQ(error_of(state), CodecError::kUnknownWord);
}

TEST(Codec, RefusesAFrameOverTheCapBeforeReadingIt) {
  EXPECT_EQ(error_of(R"({"Stop":{}})", 10), CodecError::kTooLarge);
  EXPECT_TRUE(decode_frame(R"({"Stop":{}})", 11));
}

TEST(Codec, RefusesDepthWithoutUsingTheStackForIt) {
  EXPECT_EQ(error_of(std::string(100'000, '[')), CodecError::kNotJson);
}

TEST(Codec, RepairsTextThatIsNotUtf8SoThatAHostileAnswerCannotSilenceARoom) {
  const auto text_of = [](std::string_view text) {
    const auto heard = decode(encode(Message(Event{.text = std::string(text)})), kCap);
    return heard ? std::get<Event>(*heard).text : "refused";
  };
  EXPECT_EQ(text_of("a\xff"
                    "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(text_of("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // a surrogate
  EXPECT_EQ(text_of("\xc0\x80"), "\xef\xbf\xbd\xef\xbf\xbd");                  // an overlong zero
  EXPECT_EQ(text_of("\xf0\x9f\x98"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // cut off
  EXPECT_EQ(text_of("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
  EXPECT_EQ(text_of(std::string_view("\0\x01\x1b[2J", 6)), std::string_view("\0\x01\x1b[2J", 6));
}

TEST(Describe, EveryEnumHasAWordForEachValue) {
  EXPECT_EQ(word_of(RouterState::kFault), "fault");
  EXPECT_EQ(word_of(RoomPhase::kDead), "dead");
  EXPECT_EQ(word_of(Severity::kError), "error");
  EXPECT_EQ(word_of(Severity{9}), "?");
}

}  // namespace
}  // namespace tandem::bus
