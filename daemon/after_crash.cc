#include "daemon/after_crash.hpp"

#include <iostream>

#include "daemon/netlink/address_book.hpp"
#include "daemon/netlink/macvlan.hpp"
#include "daemon/netlink/route_book.hpp"
#include "forwarding/io/fast_programs.hpp"
#include "forwarding/io/silence.hpp"
#include "vrrp/io/accept_filter.hpp"
#include "vrrp/io/last_will.hpp"

namespace tandem {

namespace {

bool complain(const std::string& what) {
  std::cerr << "tandemd: after a crash: " << what << '\n';
  return false;
}

// A box that keeps a virtual address it no longer speaks for answers beside the one that took over.
bool remove_addresses() {
  auto connection = netlink::Connection::open();
  if (!connection) return complain(connection.error().text());
  const auto addresses = netlink::list_our_addresses(*connection);
  if (!addresses) return complain(addresses.error().text());
  bool all = true;
  for (const auto& address : *addresses)
    if (const auto removed = netlink::remove_address(*connection, address.interface_index, address.prefix); !removed)
      all = complain(address.prefix.text() + ": " + removed.error().text());
  if (const auto removed = netlink::remove_our_macvlans(*connection, {}); !removed)
    all = complain(removed.error().text());
  if (const auto removed = netlink::remove_our_routes_and_rules(*connection); !removed)
    all = complain(removed.error().text());
  return all;
}

// A box that died without a word costs its site three intervals without an active router.
bool announce_death(const std::filesystem::path& run_directory) {
  const auto sent = vrrp::execute_will(run_directory / vrrp::kLastWillFile);
  return sent ? true : complain("priority 0: " + sent.error());
}

// Nothing forwards any more, so nothing must be kept from the kernel.
bool remove_filters() {
  bool all = true;
  if (const auto removed = forwarding::Silence::remove_leftovers(); !removed) all = complain(removed.error());
  if (const auto removed = forwarding::FastPrograms::remove_leftovers(); !removed) all = complain(removed.error());
  if (const auto removed = vrrp::set_unaccepted({}); !removed) all = complain(removed.error());
  return all;
}

}  // namespace

bool clean_up_after_crash(const std::filesystem::path& run_directory) {
  // The addresses first: the peer needs a skew time from the announcement on, and nobody may answer beside it. Priority 0
  // does not come from one of them but from the interface's own address.
  const bool addresses = remove_addresses();
  const bool announced = announce_death(run_directory);
  return remove_filters() && addresses && announced;
}

void give_up_room(const std::string& room, const std::filesystem::path& run_directory) {
  if (room != "vrrp") return;
  remove_addresses();
  announce_death(run_directory);
}

}  // namespace tandem
