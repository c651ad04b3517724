// The hands on a real kernel, in a network namespace that goes with the process.
#include "vrrp/io/hands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "daemon/loop/fd.hpp"
#include "vrrp/arp.hpp"

namespace tandem::vrrp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

VirtualAddress on(const char* interface, const char* prefix) {
  return {*Prefix::parse(prefix), interface};
}

class HandsAtWork : public ::testing::Test {
 protected:
  void SetUp() override {
    if (unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs the right to make a network namespace";
    ASSERT_EQ(std::system("ip link add t0 type veth peer name t1 && ip link set t0 up && ip link set t1 up && "
                          "ip addr add 192.0.2.1/24 dev t0"),
              0);
  }

  // The answers, after everything asked for has been done.
  void settle() {
    io_.restart();
    bool done = false;
    hands_->afterwards([&] { done = true; });
    const auto work = boost::asio::make_work_guard(io_);
    while (!done) io_.run_one();
    io_.poll();
  }

  std::vector<VirtualAddress> missing(std::vector<VirtualAddress> of) {
    std::vector<VirtualAddress> answer;
    hands_->find_missing(std::move(of), [&](auto found) { answer = std::move(found); });
    settle();
    return answer;
  }

  Hands::OnTrouble keep() {
    return [this](const Hands::Trouble& trouble) { troubles_.push_back(trouble.text); };
  }

  void open() { hands_.emplace(io_.get_executor()); }

  boost::asio::io_context io_;
  std::optional<Hands> hands_;
  std::vector<std::string> troubles_;
};

TEST_F(HandsAtWork, DoThingsInTheOrderTheyWereAsked) {
  open();
  const auto vip = on("t0", "192.0.2.10/24");
  hands_->add({vip}, keep());
  hands_->announce({vip}, 3, keep());
  EXPECT_THAT(missing({vip, on("t0", "192.0.2.1/24")}), ElementsAre(on("t0", "192.0.2.1/24")))
      << "an address without our tag is not ours";
  hands_->remove({vip}, keep());
  hands_->add({vip}, keep());
  hands_->remove({vip}, keep());
  EXPECT_THAT(missing({vip}), ElementsAre(vip));
  EXPECT_THAT(troubles_, ElementsAre());
}

// RFC 9568, 8.1.2: only after the address is there, and heard by everybody on the link.
TEST_F(HandsAtWork, AnnounceAnAddressToTheOtherEndOfTheCable) {
  open();
  const loop::UniqueFd ear(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ARP)));
  sockaddr_ll place{};
  place.sll_family = AF_PACKET;
  place.sll_protocol = htons(ETH_P_ARP);
  place.sll_ifindex = static_cast<int>(if_nametoindex("t1"));
  ASSERT_EQ(bind(ear.get(), reinterpret_cast<sockaddr*>(&place), sizeof place), 0);
  const auto vip = on("t0", "192.0.2.10/24");
  hands_->add({vip}, keep());
  hands_->announce({vip, on("t0", "192.0.2.11/24")}, 3, keep());
  settle();
  auto kernel = netlink::Connection::open();
  const auto expected = gratuitous_arp(netlink::find_link(*kernel, "t0")->mac, *Ipv4Address::parse("192.0.2.10"));
  int frames = 0;
  int ours = 0;
  std::array<std::byte, 128> frame;
  for (ssize_t length; (length = recv(ear.get(), frame.data(), frame.size(), 0)) > 0; ++frames)
    ours += std::ranges::equal(Bytes(frame).first(static_cast<size_t>(length)), expected);
  EXPECT_EQ(ours, 3);
  EXPECT_EQ(frames, 6);
  EXPECT_THAT(troubles_, ElementsAre());
}

TEST_F(HandsAtWork, SayWhatWentWrongAndGoOn) {
  open();
  hands_->add({on("nosuch0", "192.0.2.10/24"), on("t0", "192.0.2.11/24")}, keep());
  EXPECT_THAT(missing({on("t0", "192.0.2.11/24")}), ElementsAre());
  EXPECT_THAT(troubles_, ElementsAre(HasSubstr("No such device")));
  troubles_.clear();
  hands_->remove({on("nosuch0", "192.0.2.10/24")}, keep());
  settle();
  EXPECT_THAT(troubles_, ElementsAre());
}

TEST_F(HandsAtWork, RemoveOnlyWhatIsOursAndNotKept) {
  open();
  const auto keep_this = on("t0", "192.0.2.10/24");
  const auto leftover = on("t1", "198.51.100.10/32");
  hands_->add({keep_this, leftover}, keep());
  std::vector<VirtualAddress> removed;
  hands_->remove_leftovers({keep_this}, [&](auto found) { removed = std::move(found); });
  settle();
  EXPECT_THAT(removed, ElementsAre(leftover));
  std::optional<InterfaceSnapshot> now;
  hands_->look([&](InterfaceSnapshot found) { now = std::move(found); });
  settle();
  ASSERT_TRUE(now);
  InterfaceTable table;
  table.replace(*now);
  EXPECT_TRUE(table.has_ours("t0", keep_this.prefix));
  EXPECT_EQ(table.primary("t0"), Ipv4Address::parse("192.0.2.1"));
}

TEST_F(HandsAtWork, FinishWhatTheyWereAskedBeforeTheyEnd) {
  open();
  const auto vip = on("t0", "192.0.2.10/24");
  hands_->add({vip}, keep());
  hands_.reset();
  open();
  EXPECT_THAT(missing({vip}), ElementsAre());
}

}  // namespace
}  // namespace tandem::vrrp
