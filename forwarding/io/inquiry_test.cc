#include "forwarding/io/inquiry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::forwarding {
namespace {

using ::testing::HasSubstr;

TEST(Inquiry, MakesAFilterOfAQuestion) {
  const auto filter = filter_of({.client = "192.0.2.0/24",
                                 .client_port = 7,
                                 .virtual_address = "198.51.100.10",
                                 .virtual_port = 80,
                                 .protocol = "tcp",
                                 .service = "web",
                                 .server = "web1",
                                 .state = "close"});
  ASSERT_TRUE(filter);
  EXPECT_EQ(*filter, (FlowFilter{.client = *Prefix::parse("192.0.2.0/24"),
                                 .client_port = 7,
                                 .virtual_address = *Prefix::parse("198.51.100.10"),
                                 .virtual_port = 80,
                                 .protocol = kTcp,
                                 .service = "web",
                                 .server = "web1",
                                 .state = FlowState::kClose}));
  EXPECT_TRUE(filter_of({})->is_empty());
}

TEST(Inquiry, SaysWhatIsWrongWithAQuestion) {
  EXPECT_THAT(filter_of({.client = "192.0.2"}).error(), HasSubstr("client: expected an address"));
  EXPECT_THAT(filter_of({.virtual_address = "vip"}).error(), HasSubstr("virtual_address: expected an address"));
  EXPECT_EQ(filter_of({.protocol = "icmp"}).error(), "protocol: expected one of tcp udp sctp");
  EXPECT_THAT(filter_of({.state = "open"}).error(), HasSubstr("state: expected one of ESTABLISHED SYN_SENT"));
}

TEST(Inquiry, TellsAFlowAsARecord) {
  const FlowRow row{.service = "web",
                    .server = "web1",
                    .protocol = kTcp,
                    .client = *IpAddress::parse("192.0.2.7"),
                    .client_port = 9,
                    .front = Front{*IpAddress::parse("198.51.100.10"), 8000, 8100},
                    .target = EndPoint{*IpAddress::parse("fd00::1"), 0},
                    .source = EndPoint{*IpAddress::parse("fd00::100"), 1024},
                    .state = FlowState::kEstablished,
                    .idle = 1500ms,
                    .expires = 10s,
                    .learnt = true};
  const bus::FlowRecord record = record_of(row);
  EXPECT_EQ(record.protocol, "tcp");
  EXPECT_EQ(record.client, "192.0.2.7");
  EXPECT_EQ(record.virtual_address, "198.51.100.10");
  EXPECT_EQ(record.virtual_port, 8000);
  EXPECT_EQ(record.virtual_last_port, 8100);
  EXPECT_EQ(record.server_address, "fd00::1");
  EXPECT_EQ(record.server_port, 0);
  EXPECT_EQ(record.source_address, "fd00::100");
  EXPECT_EQ(record.source_port, 1024);
  EXPECT_EQ(record.state, "ESTABLISHED");
  EXPECT_EQ(record.idle_ms, 1500u);
  EXPECT_EQ(record.expires_ms, 10'000u);
  EXPECT_TRUE(record.learnt);
}

}  // namespace
}  // namespace tandem::forwarding
