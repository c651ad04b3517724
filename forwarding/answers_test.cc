// What we make ourselves, and when we must not.
#include "forwarding/answers.hpp"

#include <gtest/gtest.h>

#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;

struct Made {
  explicit Made(const PacketBuilder& builder) : frame(builder.build()), packet(*parse(frame.in())) {}
  std::string reset() {
    outputs.clear();
    if (!answers.reset(packet, TimePoint{}, outputs)) return "nothing";
    return text_of(outputs.packets()[0].packet);
  }
  std::string icmp(const IcmpError& error) {
    outputs.clear();
    if (!answers.icmp(packet, error, ip("198.51.100.10"), TimePoint{}, outputs)) return "nothing";
    return text_of(outputs.packets()[0].packet);
  }
  const TcpHeader& tcp() { return *wire_at<TcpHeader>(Bytes(outputs.packets()[0].packet), 20); }

  Frame frame;
  Packet packet;
  Answers answers;
  Outputs outputs;
};

// RFC 9293, 3.5.2: "If the incoming segment has an ACK field, the reset takes its sequence number
// from the ACK field of the segment".
TEST(Reset, TakesItsSequenceFromTheSegmentsAcknowledgment) {
  Made made(from_client().seq(5).ack(1234).payload(10));
  EXPECT_EQ(made.reset(), "198.51.100.10:80 > 192.0.2.7:40000 tcp R ttl 64");
  EXPECT_EQ(made.tcp().sequence, 1234u);
  EXPECT_EQ(checksum_fault(made.outputs.packets()[0].packet), std::nullopt);
}

// "... otherwise, the reset has sequence number zero and the ACK field is set to the sum of the
// sequence number and segment length of the incoming segment."
TEST(Reset, AcknowledgesTheWholeSegmentWhereTheSegmentAcknowledgesNothing) {
  Made syn(from_client().seq(1000).syn());
  EXPECT_EQ(syn.reset(), "198.51.100.10:80 > 192.0.2.7:40000 tcp RA ttl 64");
  EXPECT_EQ(syn.tcp().sequence, 0u);
  EXPECT_EQ(syn.tcp().acknowledgment, 1001u);
  Made fin(from_client().seq(0xffffffff).fin().payload(10));
  fin.reset();
  EXPECT_EQ(fin.tcp().acknowledgment, 10u);  // wraps
}

TEST(Reset, NeverAnswersAReset) {
  EXPECT_EQ(Made(from_client().rst()).reset(), "nothing");
}

TEST(Answers, GoToOneHostOrToNobody) {
  for (const auto* source : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"}) {
    Made made(packet().ipv4(source, "198.51.100.10").tcp(1, 80).syn());
    EXPECT_EQ(made.reset(), "nothing") << source;
    EXPECT_EQ(made.icmp(kIcmpPortUnreachable), "nothing") << source;
  }
}

// RFC 1812, 4.3.2.7.
TEST(IcmpError, IsNeverMadeAboutAnIcmpErrorALaterFragmentOrAMulticast) {
  const Frame quoted = from_client().syn().build();
  Made error(packet().ipv4("192.0.2.7", "198.51.100.10").icmp(3, 1).quoting(quoted.ip()));
  EXPECT_EQ(error.icmp(kIcmpTimeExceeded), "nothing");
  Made fragment(packet().ipv4("192.0.2.7", "198.51.100.10").protocol(kUdp).at_offset(800).payload(20));
  EXPECT_EQ(fragment.icmp(kIcmpTimeExceeded), "nothing");
  Made multicast(packet().ipv4("192.0.2.7", "224.0.0.9").udp(1, 2));
  EXPECT_EQ(multicast.icmp(kIcmpTimeExceeded), "nothing");
  Made echo(packet().ipv4("192.0.2.7", "198.51.100.10").icmp(8));
  EXPECT_NE(echo.icmp(kIcmpTimeExceeded), "nothing");
}

// RFC 1812, 4.3.2.3: as much as possible, but no more than 576 bytes in all.
TEST(IcmpError, QuotesAsMuchAsFitsInto576Bytes) {
  Made small(from_client().ack().payload(30));
  small.icmp(kIcmpTimeExceeded);
  EXPECT_EQ(small.outputs.packets()[0].packet.size(), 20u + 8 + 70);
  Made large(from_client().ack().payload(1400));
  large.icmp(fragmentation_needed(1400));
  EXPECT_EQ(large.outputs.packets()[0].packet.size(), 576u);
  EXPECT_EQ(wire_at<IcmpHeader>(Bytes(large.outputs.packets()[0].packet), 20)->mtu, 1400);
  EXPECT_EQ(checksum_fault(large.outputs.packets()[0].packet), std::nullopt);
}

TEST(TokenBucket, GivesABurstAndThenTheRate) {
  TokenBucket bucket(10, 3);
  TimePoint now{};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(now));
  EXPECT_FALSE(bucket.take(now));
  now += 99ms;
  EXPECT_FALSE(bucket.take(now));
  now += 1ms;
  EXPECT_TRUE(bucket.take(now));
  EXPECT_FALSE(bucket.take(now));
  now += 1h;  // a long rest saves up a burst, no more
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(now));
  EXPECT_FALSE(bucket.take(now));
}

TEST(Answers, AreLimitedSoThatNobodyIsFloodedThroughUs) {
  Director director;
  ServiceSetting none = web();
  none.servers.clear();
  director.apply({none});
  for (int i = 0; i < 3000; ++i) director.send(from_client().syn());
  EXPECT_EQ(director.count(Counter::kResets), AnswerLimits{}.resets_burst);
  EXPECT_EQ(director.count(Counter::kDropAnswerLimited), 3000 - AnswerLimits{}.resets_burst);
}

TEST(Ttl, ThatEndsHereIsReportedAsFromTheVip) {
  Director director;
  director.apply({web()});
  EXPECT_EQ(director.line(from_client().ttl(1).syn()),
            "to 192.0.2.7: 198.51.100.10 > 192.0.2.7 icmp 11/0 ttl 64 about "
            "[192.0.2.7:40000 > 198.51.100.10:80 tcp S ttl 1]");
  EXPECT_EQ(director.line(from_client().ttl(2).syn()), "to web2: 192.0.2.7:40000 > 10.0.0.2:8080 tcp S ttl 1");
}

}  // namespace
}  // namespace tandem::forwarding
