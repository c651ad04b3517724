// The grpc check's bytes and verdicts; "gRPC over HTTP2", health.proto and protobuf's encoding say what they must be.
#include "checkers/grpc_health.hpp"

#include <gmock/gmock.h>

namespace tandem::checkers {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;
using Reason = Outcome::Reason;

std::string framed(const std::string& message) {
  return "\0\0\0\0"s + static_cast<char>(message.size()) + message;
}

struct Said {
  std::string status = "200", type = "application/grpc", grpc = "0", message, body = framed("\x08\x01");
};

Outcome verdict_of(const Said& said, std::string_view service = {}) {
  GrpcAnswer answer;
  answer.field(":status", said.status);
  answer.field("content-type", said.type);
  for (const char c : said.body) answer.data({&c, 1});
  if (!said.grpc.empty()) answer.field("grpc-status", said.grpc);
  answer.field("grpc-message", said.message);
  return answer.verdict(service);
}
std::string words_of(const Said& said, std::string_view service = {}) {
  return words(verdict_of(said, service), Check{.kind = CheckKind::kGrpc});
}

TEST(GrpcHealth, TheRequestIsFramedAndNamesItsServiceWhereThereIsOne) {
  EXPECT_EQ(grpc_health_request(""), "\0\0\0\0\0"s);
  EXPECT_EQ(grpc_health_request("a.B"), "\0\0\0\0\5\x0a\3a.B"s);
  const std::string longer = grpc_health_request(std::string(300, 'x'));
  EXPECT_EQ(longer.substr(0, 8), "\0\0\0\1\x2f\x0a\xac\2"s) << "303 bytes, of which 300 are the name";
  EXPECT_EQ(longer.size(), 5u + 3 + 300);
}

TEST(GrpcHealth, TheTimeoutHasAtMostEightDigits) {
  EXPECT_EQ(grpc_timeout(2s), "2000m");
  EXPECT_EQ(grpc_timeout(10ms), "10m");
  EXPECT_EQ(grpc_timeout(100'000s), "100000S");
}

TEST(GrpcHealth, ServingIsUpAndEveryOtherStatusIsDownByItsName) {
  EXPECT_TRUE(verdict_of({}).ok());
  EXPECT_EQ(words_of({}), "SERVING");
  EXPECT_EQ(words_of({}, "shop.v1.Cart"), "SERVING (service shop.v1.Cart)");
  EXPECT_EQ(words_of({.body = framed("\x08\2")}), "the server says: NOT_SERVING");
  EXPECT_EQ(words_of({.body = framed("\x08\2")}, "shop.v1.Cart"),
            "the server says: NOT_SERVING (service shop.v1.Cart)");
  EXPECT_EQ(words_of({.body = framed("\x08\3")}), "the server says: SERVICE_UNKNOWN");
  EXPECT_EQ(words_of({.body = framed("\x08\0"s)}), "the server says: UNKNOWN, its health is not known yet");
  EXPECT_EQ(words_of({.body = framed("\x08\x09")}), "the server says: a status of number 9");
}

TEST(GrpcHealth, AMessageWithoutAStatusIsUnknown) {
  EXPECT_EQ(decode_health_response(""), ServingStatus::kUnknown) << "protobuf leaves a zero out";
  EXPECT_EQ(words_of({.body = framed("")}), "the server says: UNKNOWN, its health is not known yet");
}

TEST(GrpcHealth, FieldsOfALaterProtocolArePassedOver) {
  EXPECT_EQ(
      decode_health_response("\x12\2ab\x19" + std::string(8, 'x') + "\x25" + std::string(4, 'x') + "\x10\x80\1\x08\1"),
      ServingStatus::kServing);
  EXPECT_EQ(decode_health_response("\x08\1\x08\2"), ServingStatus::kNotServing) << "the last of several counts";
  EXPECT_EQ(decode_health_response("\x0a\2\x08\1"), ServingStatus::kUnknown)
      << "field 1 of another type is another field";
}

TEST(GrpcHealth, BytesThatAreNoMessageAreRefused) {
  for (const std::string& wrong :
       {"\x08"s, "\x08\x80"s, "\x08"s + std::string(11, '\xff'), "\0"s, "\x12\5ab"s, "\x19xx"s, "\x25xx"s, "\x0b\x0c"s,
        "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"s, "\xff"s})
    EXPECT_FALSE(decode_health_response(wrong)) << testing::PrintToString(wrong);
  EXPECT_EQ(words_of({.body = framed("\x08\x80")}),
            "the answer is not what this service says: its message is no HealthCheckResponse: its status is cut off");
}

TEST(GrpcHealth, AnErrorOfGrpcIsSaidByNumberNameAndMessage) {
  EXPECT_EQ(words_of({.grpc = "12", .message = "unknown service grpc.health.v1.Health", .body = ""}),
            "the server says: gRPC status 12 UNIMPLEMENTED: unknown service grpc.health.v1.Health");
  EXPECT_EQ(words_of({.grpc = "5", .message = "no%20such%20%C3%A4", .body = ""}, "a.B"),
            "the server says: gRPC status 5 NOT_FOUND (service a.B): no such ??");
  EXPECT_EQ(words_of({.grpc = "99", .message = "50%", .body = ""}), "the server says: gRPC status 99: 50%");
  EXPECT_THAT(words_of({.grpc = "fine"}), HasSubstr("grpc-status is no number: fine"));
  EXPECT_THAT(words_of({.grpc = "-1"}), HasSubstr("grpc-status is no number: -1"));
}

TEST(GrpcHealth, WhatIsNoAnswerOfGrpcSaysWhatItIs) {
  EXPECT_THAT(words_of({.status = "404"}), HasSubstr("HTTP status 404 instead of gRPC's"));
  EXPECT_THAT(words_of({.type = "text/html"}), HasSubstr("content-type text/html instead of gRPC's"));
  EXPECT_THAT(words_of({.type = ""}), HasSubstr("no content-type instead of gRPC's"));
  EXPECT_TRUE(verdict_of({.type = "application/grpc+proto"}).ok());
  EXPECT_THAT(words_of({.grpc = ""}), HasSubstr("it ends without grpc-status"));
  EXPECT_THAT(words_of({.body = ""}), HasSubstr("there is no message in it"));
  EXPECT_THAT(words_of({.body = "\0\0\0"s}), HasSubstr("its message is cut off"));
  EXPECT_THAT(words_of({.body = "\0\0\0\0\3\x08\1"s}), HasSubstr("its message is cut off"));
  EXPECT_THAT(words_of({.body = framed("\x08\1") + framed("\x08\1")}), HasSubstr("more than one message"));
  EXPECT_THAT(words_of({.body = "\1\0\0\0\2\x08\1"s}), HasSubstr("compressed"));
  EXPECT_THAT(words_of({.body = std::string(2000, '\0')}), HasSubstr("a message of more than 1024 bytes"));
}

}  // namespace
}  // namespace tandem::checkers
