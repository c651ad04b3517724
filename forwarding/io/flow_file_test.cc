#include "forwarding/io/flow_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace tandem::forwarding {
namespace {

class FlowFileTest : public testing::Test {
 protected:
  FlowFileTest() {
    std::string name = testing::TempDir() + "flow_file_XXXXXX";
    folder_ = mkdtemp(name.data());
    path_ = folder_ / "flows";
  }
  ~FlowFileTest() override { std::filesystem::remove_all(folder_); }

  static constexpr uint32_t kBuckets = 1024;
  std::filesystem::path folder_;
  std::filesystem::path path_;
};

TEST_F(FlowFileTest, ANewOneIsSparseAndOursAlone) {
  const auto file = FlowFile::open(path_, kBuckets);
  ASSERT_TRUE(file.has_value()) << file.error();
  EXPECT_FALSE(file->taken_up());
  struct stat facts{};
  ASSERT_EQ(stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  EXPECT_LT(facts.st_blocks * 512, facts.st_size / 4);
}

TEST_F(FlowFileTest, FlowsOutliveWhoWroteThem) {
  const uint64_t key = tandem_flow_key(0xc0000201, 1234, 1);
  {
    auto file = FlowFile::open(path_, kBuckets);
    ASSERT_TRUE(file.has_value());
    file->table().insert(6, key, tandem_flow_value(9, 1, 0, 1));
  }
  auto file = FlowFile::open(path_, kBuckets);
  ASSERT_TRUE(file.has_value());
  EXPECT_TRUE(file->taken_up()) << file->reason();
  const auto flow = file->table().find(6, Ipv4Address{0xc0000201}, 1234, 1);
  ASSERT_TRUE(flow.has_value());
  EXPECT_EQ(flow->server(), 9);
}

TEST_F(FlowFileTest, TwoNewOnesHaveDifferentSeeds) {
  const auto first = FlowFile::open(path_, kBuckets);
  auto second = FlowFile::open(folder_ / "other", kBuckets);
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_NE(first->taken_up() ? 0 : second->table().header().seed[0], 0u);
}

TEST_F(FlowFileTest, AFileOfAnotherBootIsMadeAfresh) {
  {
    ASSERT_TRUE(FlowFile::open(path_, kBuckets).has_value());
  }
  std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary).seekp(4096 - 40).write("another boot", 12);
  const auto file = FlowFile::open(path_, kBuckets);
  ASSERT_TRUE(file.has_value());
  EXPECT_FALSE(file->taken_up());
  EXPECT_EQ(file->reason(), "it is of an earlier boot");
}

TEST_F(FlowFileTest, ACutFileAndRubbishAreMadeAfresh) {
  {
    ASSERT_TRUE(FlowFile::open(path_, kBuckets).has_value());
  }
  ASSERT_EQ(truncate(path_.c_str(), 20000), 0);
  {
    const auto file = FlowFile::open(path_, kBuckets);
    ASSERT_TRUE(file.has_value());
    EXPECT_FALSE(file->taken_up());
  }
  std::ofstream(path_, std::ios::binary) << std::string(50000, 'x');
  const auto file = FlowFile::open(path_, kBuckets);
  ASSERT_TRUE(file.has_value());
  EXPECT_FALSE(file->taken_up());
}

TEST_F(FlowFileTest, ALinkOrAFileOpenToOthersIsRefused) {
  std::filesystem::create_symlink("/etc/hostname", path_);
  EXPECT_FALSE(FlowFile::open(path_, kBuckets).has_value());
  std::filesystem::remove(path_);
  {
    ASSERT_TRUE(FlowFile::open(path_, kBuckets).has_value());
  }
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  EXPECT_FALSE(FlowFile::open(path_, kBuckets).has_value());
}

TEST_F(FlowFileTest, WhereThereIsNoRoomItSaysSoAndNobodyDiesOfIt) {
  // Of this process alone, and gone with it.
  if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("small", folder_.c_str(), "tmpfs", 0, "size=4m,mode=700") != 0)
    GTEST_SKIP() << "no right to mount";
  const auto file = FlowFile::open(path_, kBuckets);
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().find("the smallest flow table takes"), std::string::npos) << file.error();
  EXPECT_EQ(umount2(folder_.c_str(), MNT_DETACH), 0);
}

TEST_F(FlowFileTest, ASecondRoomDoesNotGetIt) {
  const auto first = FlowFile::open(path_, kBuckets);
  ASSERT_TRUE(first.has_value());
  const auto second = FlowFile::open(path_, kBuckets);
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error(), testing::HasSubstr("locking"));
}

}  // namespace
}  // namespace tandem::forwarding
