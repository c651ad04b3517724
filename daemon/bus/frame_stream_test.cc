// A room's link against the other end of a socket pair.
#include "daemon/bus/frame_stream.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "daemon/bus/codec.hpp"
#include "daemon/bus/describe.hpp"
#include "daemon/bus/room_link.hpp"

namespace tandem::bus {
namespace {

class RoomLinkTest : public testing::Test {
 protected:
  RoomLinkTest() {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
    supervisor_ = FrameStream::make(io_, ends_[0], {kMostBytesFromRoom, 1u << 20});
    link_ = std::make_unique<RoomLink>(io_, ends_[1], "vrrp");
  }

  void listen(std::function<void(const Frame&)> handler) {
    supervisor_->start(
        [handler = std::move(handler)](std::string_view text) {
          const auto frame = decode_frame(text, kMostBytesFromRoom);
          ASSERT_TRUE(frame) << text;
          handler(*frame);
        },
        [this](FrameStream::End) { ended_ = true; });
  }

  void say(const auto& what) { supervisor_->send(std::make_shared<const std::string>(encode(what)), {}); }

  boost::asio::io_context io_;
  int ends_[2] = {-1, -1};
  std::shared_ptr<FrameStream> supervisor_;
  std::unique_ptr<RoomLink> link_;
  bool ended_ = false;
};

TEST_F(RoomLinkTest, SaysItsSubscriptionsFirstAndHandsOverWhatItHears) {
  std::vector<std::string> told;
  std::vector<std::string> asked;
  link_->subscribe<SiteText>([&](const SiteText& site) { told.push_back(site.text); });
  link_->on_caught_up([&] { told.push_back("caught up"); });
  link_->on_stop([&] {
    told.push_back("stop");
    io_.stop();
  });
  listen([&](const Frame& frame) {
    const auto* subscribe = std::get_if<Subscribe>(&frame);
    if (subscribe == nullptr) return;
    asked = subscribe->kinds;
    say(Message(SiteText{.text = "site: a"}));
    say(CaughtUp{});
    say(Stop{});
  });
  link_->start();
  io_.run();
  EXPECT_EQ(asked, std::vector<std::string>{"SiteText"});
  EXPECT_EQ(told, (std::vector<std::string>{"site: a", "caught up", "stop"}));
}

TEST_F(RoomLinkTest, TakesTheEndOfTheSupervisorForAStop) {
  bool stopped = false;
  link_->on_stop([&] { stopped = true; });
  listen([&](const Frame&) { supervisor_->close(); });
  link_->start();
  io_.run();
  EXPECT_TRUE(stopped);
}

TEST_F(RoomLinkTest, SaysOnlyTheLastStateOfARouterWhenTheSupervisorWasNotListening) {
  link_->start();
  for (uint64_t i = 0; i < 1000; ++i) link_->publish(InstanceState{.router = "web", .transitions = i});
  link_->publish(InstanceState{.router = "mail"});
  std::vector<std::string> heard;
  listen([&](const Frame& frame) {
    const auto* message = std::get_if<Message>(&frame);
    if (message == nullptr) return;
    const auto& state = std::get<InstanceState>(*message);
    heard.push_back(state.router + std::to_string(state.transitions));
    if (state.router == "mail") io_.stop();
  });
  io_.run();
  EXPECT_EQ(heard, (std::vector<std::string>{"web999", "mail0"}));
}

TEST_F(RoomLinkTest, GoesOnWhenTheSupervisorTakesNothingAndLosesOnlyEvents) {
  link_->start();
  const std::string words(1u << 16, 'x');
  for (int i = 0; i < 2000; ++i) link_->event(Severity::kInfo, "NOISE", "web", words);  // 128 MB
  link_->publish(InstanceState{.router = "web"});
  EXPECT_GT(link_->dropped(), 0U);
  bool heard = false;
  listen([&](const Frame& frame) {
    const auto* message = std::get_if<Message>(&frame);
    if (message == nullptr || !std::holds_alternative<InstanceState>(*message)) return;
    heard = true;
    io_.stop();
  });
  io_.run();
  EXPECT_TRUE(heard);
}

TEST_F(RoomLinkTest, SaysItsLastWordsWhenTheLoopWasStoppedBeforeTheyWereSent) {
  bool heard = false;
  listen([&](const Frame& frame) { heard |= std::holds_alternative<Message>(frame); });
  link_->event(Severity::kInfo, "GOODBYE", "", "");
  link_.reset();  // without a turn of the loop
  io_.run();
  EXPECT_TRUE(heard);
  EXPECT_TRUE(ended_);
}

TEST_F(RoomLinkTest, KeepsAMessageThatTheSupervisorWouldHangUpFor) {
  link_->start();
  link_->event(Severity::kInfo, "NOISE", "web", std::string(kMostBytesFromRoom, 'x'));
  EXPECT_EQ(link_->dropped(), 1U);
}

TEST_F(RoomLinkTest, IsHungUpOnWhenItPromisesAFrameThatIsTooLarge) {
  listen([](const Frame&) {});
  const char length[] = {0x7f, 0, 0, 0};
  ASSERT_EQ(send(ends_[1], length, sizeof length, 0), 4);
  io_.run();
  EXPECT_TRUE(ended_);
}

TEST_F(RoomLinkTest, CarriesASiteOfManyMegabytes) {
  std::string text(20u << 20, 's');
  size_t got = 0;
  link_->subscribe<SiteText>([&](const SiteText& site) {
    got = site.text.size();
    io_.stop();
  });
  listen([&](const Frame&) { say(Message(SiteText{.text = text})); });
  link_->start();
  io_.run();
  EXPECT_EQ(got, text.size());
}

}  // namespace
}  // namespace tandem::bus
