// The table for addresses on which the box itself does not answer. What it does to packets is tests/lab/test_accept.py's.
#include "vrrp/io/accept_filter.hpp"

#include <gmock/gmock.h>

namespace tandem::vrrp {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(AcceptFilter, NamesTheAddressesByFamilyAndLetsNeighbourDiscoveryIn) {
  const std::string table =
      accept_table({IpAddress::parse("198.51.100.10").value(), IpAddress::parse("2001:db8::10").value()});
  EXPECT_THAT(table, HasSubstr("set ipv4 { type ipv4_addr; elements = { 198.51.100.10 }; }"));
  EXPECT_THAT(table, HasSubstr("set ipv6 { type ipv6_addr; elements = { 2001:db8::10 }; }"));
  EXPECT_LT(table.find("nd-neighbor-solicit"), table.find("ip6 daddr @ipv6 drop"));
}

TEST(AcceptFilter, WithoutAddressesIsNoTable) {
  EXPECT_THAT(accept_table({}), Not(HasSubstr("chain")));
  EXPECT_THAT(accept_table({}), HasSubstr("delete table inet tandem_accept"));
}

}  // namespace
}  // namespace tandem::vrrp
