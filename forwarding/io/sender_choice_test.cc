#include "forwarding/io/sender_choice.hpp"

#include <gtest/gtest.h>

namespace tandem::forwarding {
namespace {

TEST(SenderChoice, PassesByOnlyWhatTheKernelGivesEveryInterfaceByItself) {
  for (const char* qdisc : {"", "noqueue", "mq", "pfifo_fast", "fq_codel", "fq"}) EXPECT_TRUE(may_be_passed_by(qdisc));
  for (const char* qdisc : {"tbf", "htb", "cake", "netem", "prio", "hfsc"}) EXPECT_FALSE(may_be_passed_by(qdisc));
}

TEST(SenderChoice, AShaperIsRespectedAndNamed) {
  const SenderChoice choice = choose_sender({.index = 7, .name = "eth0", .qdisc = "tbf", .up = true}, SendBy::kAuto, 1);
  EXPECT_TRUE(choice.senders.empty());
  EXPECT_EQ(choice.reason, "AF_XDP would pass by its queueing discipline tbf");
  EXPECT_FALSE(choice.try_again);
}

TEST(SenderChoice, TheSiteFileMayWantThePacketSocket) {
  const SenderChoice choice = choose_sender({.index = 7, .name = "eth0", .up = true}, SendBy::kPacketSocket, 1);
  EXPECT_TRUE(choice.senders.empty());
  EXPECT_EQ(choice.reason, "the site file says send_by: packet_socket");
}

TEST(SenderChoice, ARefusalHasAReason) {
  // There is no such interface.
  const SenderChoice choice = choose_sender({.index = 0x7fffffff, .name = "eth0", .up = true}, SendBy::kAfXdp, 4);
  EXPECT_TRUE(choice.senders.empty());
  EXPECT_NE(choice.reason, "");
}

}  // namespace
}  // namespace tandem::forwarding
