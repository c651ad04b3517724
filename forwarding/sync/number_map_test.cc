#include "forwarding/sync/number_map.hpp"

#include <gtest/gtest.h>

#include "forwarding/sync/test_table.hpp"

namespace tandem::forwarding::sync {
namespace {

NamesPart whole(Names names) {
  return {.first = true, .last = true, .names = std::move(names)};
}

TEST(NumberMap, TheSameThingMayBearDifferentNumbers) {
  NumberMap map;
  map.set_own(test_names(100));
  ASSERT_TRUE(map.take(whole(test_names(0))));
  const auto target = map.target(2, 21);
  EXPECT_EQ(target.service, 102);
  EXPECT_EQ(target.server, 121);
  EXPECT_EQ(target.protocol, kTcpNumber);
  EXPECT_EQ(map.unmatched(), 0U);
}

TEST(NumberMap, NumbersThatWereNeverNamedAreUnknown) {
  NumberMap map;
  map.set_own(test_names());
  EXPECT_FALSE(map.target(1, 11).known());
  ASSERT_TRUE(map.take(whole(test_names())));
  EXPECT_TRUE(map.target(1, 11).known());
  EXPECT_FALSE(map.target(7, 11).known());
  EXPECT_FALSE(map.target(1, 65535).known());
  EXPECT_FALSE(map.target(0, 0).known());
}

TEST(NumberMap, AServerOfAnotherServiceIsNoPair) {
  NumberMap map;
  map.set_own(test_names());
  ASSERT_TRUE(map.take(whole(test_names())));
  EXPECT_FALSE(map.target(1, 21).known());
}

// A service of several addresses or ports has a number for each; its servers name the first.
TEST(NumberMap, AServerIsAPairWithEveryNumberOfItsService) {
  NumberMap map;
  const auto with_another = [](uint16_t offset, uint16_t number) {
    Names names = test_names(offset);
    ServiceName another = names.services[0];
    another.number = number;
    another.port = 8443;
    names.services.push_back(another);
    return names;
  };
  map.set_own(with_another(100, 199));
  ASSERT_TRUE(map.take(whole(with_another(0, 98))));
  const auto target = map.target(98, 11);
  EXPECT_EQ(target.service, 199);
  EXPECT_EQ(target.server, 111);
  EXPECT_TRUE(map.target(1, 11).known());
  EXPECT_FALSE(map.target(98, 21).known());
}

TEST(NumberMap, TheSameNameWithAnotherAddressIsAnotherThing) {
  NumberMap map;
  map.set_own(test_names());
  Names other = test_names();
  other.services[0].address.v4.value += 1;  // another VIP
  other.servers[3].port = 9999;             // another RIP
  ASSERT_TRUE(map.take(whole(other)));
  EXPECT_FALSE(map.target(1, 11).known());
  EXPECT_TRUE(map.target(2, 21).known());
  EXPECT_FALSE(map.target(2, 22).known());
  EXPECT_EQ(map.unmatched(), 4U);  // service1, its two servers, service2/web2
}

TEST(NumberMap, NamesCountWhenTheLastPartIsThere) {
  NumberMap map;
  map.set_own(test_names());
  Names names = test_names();
  ASSERT_TRUE(map.take({.first = true, .last = false, .names = {.services = names.services, .servers = {}}}));
  EXPECT_FALSE(map.peer_named());
  ASSERT_TRUE(map.take({.first = false, .last = true, .names = {.services = {}, .servers = names.servers}}));
  EXPECT_TRUE(map.peer_named());
  EXPECT_TRUE(map.target(1, 12).known());
}

TEST(NumberMap, AListThatBeginsAnewReplacesTheOneUnderWay) {
  NumberMap map;
  map.set_own(test_names());
  ASSERT_TRUE(map.take({.first = true, .last = false, .names = test_names(50)}));
  ASSERT_TRUE(map.take(whole(test_names(0))));
  EXPECT_TRUE(map.target(1, 11).known());
  EXPECT_FALSE(map.target(51, 61).known());
}

TEST(NumberMap, OwnNamesThatComeLaterPlaceWhatWasUnknown) {
  NumberMap map;
  Names fewer = test_names();
  fewer.servers.pop_back();
  map.set_own(fewer);
  ASSERT_TRUE(map.take(whole(test_names())));
  EXPECT_FALSE(map.target(2, 22).known());
  EXPECT_TRUE(map.set_own(test_names()));
  EXPECT_TRUE(map.target(2, 22).known());
  EXPECT_FALSE(map.set_own(test_names()));  // nothing new
  EXPECT_FALSE(map.set_own(fewer));         // less is nothing new either
}

TEST(NumberMap, ForgettingThePeerForgetsItsNumbers) {
  NumberMap map;
  map.set_own(test_names());
  ASSERT_TRUE(map.take(whole(test_names())));
  map.forget_peer();
  EXPECT_FALSE(map.peer_named());
  EXPECT_FALSE(map.target(1, 11).known());
}

TEST(NumberMap, MoreNamesThanNumbersAreRefused) {
  NumberMap map;
  map.set_own(test_names());
  NamesPart part{.first = false, .last = false, .names = {}};
  part.names.services.assign(40'000, {.number = 1, .protocol = 6, .port = 1, .address = {}, .name = "x"});
  EXPECT_TRUE(map.take(part));
  EXPECT_FALSE(map.take(part));
}

}  // namespace
}  // namespace tandem::forwarding::sync
