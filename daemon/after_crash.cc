#include "daemon/after_crash.hpp"

#include <iostream>

#include "daemon/netlink/address_book.hpp"
#include "forwarding/io/silence.hpp"

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
  return all;
}

// Nothing forwards any more, so nothing must be kept from the kernel.
bool remove_filter() {
  if (const auto removed = forwarding::Silence::remove_leftovers(); !removed) return complain(removed.error());
  return true;
}

}  // namespace

bool clean_up_after_crash() {
  const bool addresses = remove_addresses();
  return remove_filter() && addresses;
}

}  // namespace tandem
