#include "vrrp/io/last_will.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "vrrp/packet.hpp"

namespace tandem::vrrp {
namespace {

Bequest release(const std::string& interface) {
  const Advert advert{.vrid = 51,
                      .priority = 0,
                      .advert_interval = 1s,
                      .source = *Ipv4Address::parse("192.0.2.1"),
                      .addresses = {*Ipv4Address::parse("192.0.2.10")}};
  return {interface, advert.source, advert.destination, encode_message(advert)};
}

class LastWill : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string content() const {
    std::ifstream in(file_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) / ("last_will_test." + std::to_string(getpid()));
  std::filesystem::path file_ = folder_ / "vrrp.will";
};

TEST_F(LastWill, IsReadAsItWasWritten) {
  const std::vector<Bequest> will{release("eth0"), release("eth1")};
  EXPECT_EQ(read_will(to_text(will)), will);
  EXPECT_EQ(to_text({release("eth0")}).substr(0, 38),
            "eth0 192.0.2.1 224.0.0.18 31330001"
            "0064"
            "");
}

TEST_F(LastWill, SkipsLinesThatAreNotOfItsShape) {
  const std::string good = to_text({release("eth0")});
  for (const char* bad : {"", "eth0", "eth0 192.0.2.1 224.0.0.18", "eth0 here 224.0.0.18 31", "eth0 192.0.2.1 there 31",
                          "eth0 192.0.2.1 224.0.0.18 3", "eth0 192.0.2.1 224.0.0.18 zz",
                          "eth0 192.0.2.1 224.0.0.18 31 more", "an-interface-with-too-long-a-name 1.2.3.4 1.2.3.4 31"})
    EXPECT_EQ(read_will(std::string(bad) + '\n' + good).size(), 1U) << bad;
}

TEST_F(LastWill, IsReplacedWholeAndIsGoneWhenNothingIsToBeSaid) {
  ASSERT_TRUE(write_will(file_, "one\n"));
  ASSERT_TRUE(write_will(file_, "two\n"));
  EXPECT_EQ(content(), "two\n");
  ASSERT_TRUE(write_will(file_, ""));
  EXPECT_FALSE(std::filesystem::exists(file_));
  EXPECT_FALSE(write_will(folder_ / "nowhere" / "will", "one\n"));
}

TEST_F(LastWill, IsExecutedOnceAndTellsWhatCouldNotBeSaid) {
  EXPECT_EQ(execute_will(file_).value(), 0U);
  ASSERT_TRUE(write_will(file_, to_text({release("no-such-if")})));
  const auto sent = execute_will(file_);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error(), "no-such-if is gone");
  EXPECT_FALSE(std::filesystem::exists(file_));
}

}  // namespace
}  // namespace tandem::vrrp
