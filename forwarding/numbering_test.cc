#include "forwarding/numbering.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>

#include "forwarding/packet.hpp"

namespace tandem::forwarding {
namespace {

// The slots as the mapping has them; what makes a process new is a new Numbering over them.
struct Slots {
  std::unique_ptr<tandem_service_slot[]> services{new tandem_service_slot[TANDEM_SERVICE_SLOTS]()};
  std::unique_ptr<tandem_server_slot[]> servers{new tandem_server_slot[TANDEM_SERVER_SLOTS]()};
  Numbering numbering() {
    return Numbering(std::span<tandem_service_slot, TANDEM_SERVICE_SLOTS>(services.get(), TANDEM_SERVICE_SLOTS),
                     std::span<tandem_server_slot, TANDEM_SERVER_SLOTS>(servers.get(), TANDEM_SERVER_SLOTS));
  }
};

void sweep(Numbering& numbering, std::vector<size_t> servers_named = {}, std::vector<size_t> services_named = {}) {
  std::vector<bool> services(TANDEM_SERVICE_SLOTS), servers(TANDEM_SERVER_SLOTS);
  for (const size_t slot : servers_named) servers[slot] = true;
  for (const size_t slot : services_named) services[slot] = true;
  numbering.sweep_begins();
  numbering.sweep_ended(services, servers);
}

TEST(Numbering, GivesTheSameThingTheSameNumberOverARestart) {
  Slots slots;
  Numbering first = slots.numbering();
  const auto web = first.take_service("web", kTcp, Ipv4Address{1}, 80);
  const auto dns = first.take_service("dns", kUdp, Ipv4Address{1}, 53);
  const auto server = first.take_server(*dns, "ns1", Ipv4Address{9}, 53);
  ASSERT_TRUE(web && dns && server);
  EXPECT_NE(*web, 0);
  EXPECT_NE(*web, *dns);
  Numbering second = slots.numbering();
  EXPECT_EQ(second.take_server(*dns, "ns1", Ipv4Address{9}, 53), server);
  EXPECT_EQ(second.take_service("dns", kUdp, Ipv4Address{1}, 53), dns);
}

TEST(Numbering, TakesAChangedAddressForSomethingNew) {
  Slots slots;
  Numbering numbering = slots.numbering();
  const auto before = numbering.take_server(1, "web1", Ipv4Address{9}, 80);
  EXPECT_NE(numbering.take_server(1, "web1", Ipv4Address{10}, 80), before);
  EXPECT_NE(numbering.take_server(1, "web1", Ipv4Address{9}, 81), before);
  EXPECT_NE(numbering.take_server(2, "web1", Ipv4Address{9}, 80), before);
  EXPECT_NE(numbering.take_server(1, "web1", Ipv4Address{9}, 80, TANDEM_DR), before);
  EXPECT_EQ(numbering.take_server(1, "web1", Ipv4Address{9}, 80), before);
}

TEST(Numbering, FreesANumberOnlyAfterAWholeSweepMetNoFlowThatNamesIt) {
  Slots slots;
  Numbering numbering = slots.numbering();
  const auto server = numbering.take_server(1, "web1", Ipv4Address{9}, 80);
  numbering.sweep_begins();
  numbering.retire_server(*server);  // in the middle of a sweep, which may have passed its flows
  numbering.sweep_ended(std::vector<bool>(TANDEM_SERVICE_SLOTS), std::vector<bool>(TANDEM_SERVER_SLOTS));
  EXPECT_NE(slots.servers[*server].in_use, 0);
  sweep(numbering, {*server});
  EXPECT_NE(slots.servers[*server].in_use, 0);
  EXPECT_NE(numbering.take_server(1, "other", Ipv4Address{10}, 80), server);
  sweep(numbering);
  EXPECT_EQ(slots.servers[*server].in_use, 0);
  EXPECT_EQ(numbering.take_server(1, "third", Ipv4Address{11}, 80), server);
}

TEST(Numbering, GivesARetiredThingItsOldNumberBackWhenItReturns) {
  Slots slots;
  Numbering numbering = slots.numbering();
  const auto server = numbering.take_server(1, "web1", Ipv4Address{9}, 80);
  numbering.retire_server(*server);
  numbering.sweep_begins();
  EXPECT_EQ(numbering.take_server(1, "web1", Ipv4Address{9}, 80), server);
  numbering.sweep_ended(std::vector<bool>(TANDEM_SERVICE_SLOTS), std::vector<bool>(TANDEM_SERVER_SLOTS));
  EXPECT_EQ(slots.servers[*server].in_use, static_cast<uint8_t>(SlotUse::kInUse));
}

TEST(Numbering, HoldsAServicesNumberAsLongAsItsServersNumbers) {
  Slots slots;
  Numbering numbering = slots.numbering();
  const auto service = numbering.take_service("web", kTcp, Ipv4Address{1}, 80);
  const auto server = numbering.take_server(*service, "web1", Ipv4Address{9}, 80);
  numbering.retire_server(*server);
  numbering.retire_service(*service);
  sweep(numbering, {*server});
  EXPECT_NE(slots.services[*service].in_use, 0);
  sweep(numbering);
  EXPECT_EQ(slots.services[*service].in_use, 0);
}

TEST(Numbering, RetiresWhatANewConfigurationDoesNotHave) {
  Slots slots;
  slots.numbering().take_service("old", kTcp, Ipv4Address{1}, 80);
  Numbering second = slots.numbering();
  const auto kept = second.take_service("new", kTcp, Ipv4Address{2}, 80);
  second.retire_untaken();
  EXPECT_EQ(slots.services[1].in_use, static_cast<uint8_t>(SlotUse::kRetired));
  EXPECT_EQ(slots.services[*kept].in_use, static_cast<uint8_t>(SlotUse::kInUse));
}

TEST(Numbering, RefusesNamesItCannotKeepAndSaysWhenItIsFull) {
  Slots slots;
  Numbering numbering = slots.numbering();
  EXPECT_FALSE(numbering.take_service("", kTcp, Ipv4Address{1}, 80));
  EXPECT_FALSE(numbering.take_service(std::string(64, 'x'), kTcp, Ipv4Address{1}, 80));
  EXPECT_TRUE(numbering.take_service(std::string(63, 'x'), kTcp, Ipv4Address{1}, 80));
  for (uint32_t i = 2; i < TANDEM_SERVICE_SLOTS; ++i)
    ASSERT_TRUE(numbering.take_service("s" + std::to_string(i), kTcp, Ipv4Address{i}, 80));
  EXPECT_FALSE(numbering.take_service("one too many", kTcp, Ipv4Address{1}, 81));
}

TEST(Numbering, FreesSlotsOfNonsense) {
  Slots slots;
  slots.servers[5].in_use = 99;
  slots.servers[6].in_use = 1;  // without a name
  std::memset(slots.servers[7].name, 'x', sizeof(slots.servers[7].name));
  slots.servers[7].in_use = 1;  // a name without an end
  slots.numbering();
  for (const size_t slot : {5, 6, 7}) EXPECT_EQ(slots.servers[slot].in_use, 0) << slot;
}

}  // namespace
}  // namespace tandem::forwarding
