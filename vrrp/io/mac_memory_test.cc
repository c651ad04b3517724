#include "vrrp/io/mac_memory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

InterfaceTable with(const char* eth0, const char* eth1) {
  InterfaceSnapshot snapshot;
  int index = 1;
  for (const auto& [name, mac] : {std::pair{"eth0", eth0}, {"eth1", eth1}})
    if (mac != nullptr) snapshot.links.push_back({.index = ++index, .name = name, .mac = *MacAddress::parse(mac)});
  InterfaceTable table;
  table.replace(std::move(snapshot));
  return table;
}

constexpr const char* kOne = "02:00:00:00:00:01";
constexpr const char* kTwo = "02:00:00:00:00:02";
constexpr const char* kThree = "02:00:00:00:00:03";
constexpr const char* kNone = "00:00:00:00:00:00";
const std::set<std::string> kBoth{"eth0", "eth1"};

TEST(MacMemory, SaysWhichInterfaceHasAnotherAddressOnce) {
  MacMemory memory;
  EXPECT_THAT(memory.look(with(kOne, kTwo), kBoth), IsEmpty()) << "the first look";
  EXPECT_THAT(memory.look(with(kOne, kTwo), kBoth), IsEmpty());
  EXPECT_THAT(memory.look(with(kOne, kThree), kBoth), ElementsAre("eth1"));
  EXPECT_THAT(memory.look(with(kOne, kThree), kBoth), IsEmpty());
}

TEST(MacMemory, RemembersTheAddressOfAnInterfaceThatIsAwayForAWhile) {
  MacMemory memory;
  memory.look(with(kOne, kTwo), kBoth);
  EXPECT_THAT(memory.look(with(nullptr, kTwo), kBoth), IsEmpty());
  EXPECT_THAT(memory.look(with(kNone, kTwo), kBoth), IsEmpty());
  EXPECT_THAT(memory.look(with(kThree, kTwo), kBoth), ElementsAre("eth0"));
}

TEST(MacMemory, ForgetsAnInterfaceThatMattersNoMore) {
  MacMemory memory;
  memory.look(with(kOne, kTwo), kBoth);
  EXPECT_THAT(memory.look(with(kThree, kThree), {"eth1"}), ElementsAre("eth1"));
  EXPECT_THAT(memory.look(with(kOne, kThree), kBoth), IsEmpty()) << "a first look again";
}

}  // namespace
}  // namespace tandem::vrrp
