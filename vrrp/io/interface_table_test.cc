#include "vrrp/io/interface_table.hpp"

#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

using netlink::AddressChange;
using netlink::InterfaceAddress;
using netlink::Link;
using netlink::LinkChange;

Prefix prefix(const char* text) {
  return *Prefix::parse(text);
}
using Names = std::set<std::string>;

Link eth0() {
  return {.index = 2, .name = "eth0", .up = true, .carrier = true};
}

InterfaceTable table() {
  InterfaceTable table;
  table.replace({{eth0()},
                 {{.interface_index = 2, .prefix = prefix("192.0.2.1/24")},
                  {.interface_index = 2, .prefix = prefix("192.0.2.10/24"), .tag = netlink::kOurAddressTag}}});
  return table;
}

TEST(InterfaceTable, KeepsAddressesThatMoveApartFromTheInterfacesOwn) {
  const InterfaceTable known = table();
  EXPECT_EQ(known.own_prefixes("eth0"), (std::vector<Prefix>{prefix("192.0.2.1/24")}));
  EXPECT_EQ(known.primary("eth0"), Ipv4Address::parse("192.0.2.1"));
  EXPECT_TRUE(known.has_ours("eth0", prefix("192.0.2.10/24")));
  EXPECT_FALSE(known.has_ours("eth0", prefix("192.0.2.1/24")));
}

TEST(InterfaceTable, SaysNothingWhenNothingChanged) {
  InterfaceTable known = table();
  EXPECT_EQ(known.apply(LinkChange{false, eth0()}), Names{});
  EXPECT_EQ(known.apply(AddressChange{false, {.interface_index = 2, .prefix = prefix("192.0.2.1/24")}}), Names{});
  EXPECT_EQ(known.apply(AddressChange{true, {.interface_index = 2, .prefix = prefix("192.0.2.9/24")}}), Names{});
}

TEST(InterfaceTable, ALostCarrierMakesAnInterfaceUnusable) {
  InterfaceTable known = table();
  Link down = eth0();
  down.carrier = false;
  EXPECT_EQ(known.apply(LinkChange{false, down}), Names{"eth0"});
  EXPECT_FALSE(known.usable("eth0"));
}

TEST(InterfaceTable, AnInterfaceThatGoesTakesItsAddressesAlong) {
  InterfaceTable known = table();
  EXPECT_EQ(known.apply(LinkChange{true, eth0()}), Names{"eth0"});
  EXPECT_EQ(known.find("eth0"), nullptr);
  Link again = eth0();
  again.index = 7;
  EXPECT_EQ(known.apply(LinkChange{false, again}), Names{"eth0"});
  EXPECT_TRUE(known.usable("eth0"));
  EXPECT_EQ(known.primary("eth0"), std::nullopt);
}

TEST(InterfaceTable, ARenameIsTheEndOfOneNameAndTheBeginningOfAnother) {
  InterfaceTable known = table();
  Link renamed = eth0();
  renamed.name = "wan";
  EXPECT_EQ(known.apply(LinkChange{false, renamed}), (Names{"eth0", "wan"}));
  EXPECT_FALSE(known.usable("eth0"));
  EXPECT_TRUE(known.usable("wan"));
}

TEST(InterfaceTable, ANewSnapshotNamesWhatIsGoneToo) {
  InterfaceTable known = table();
  Link other{.index = 3, .name = "eth1", .up = true, .carrier = true};
  EXPECT_EQ(known.replace({{other}, {}}), (Names{"eth0", "eth1"}));
  EXPECT_EQ(known.find(2), nullptr);
}

}  // namespace
}  // namespace tandem::vrrp
