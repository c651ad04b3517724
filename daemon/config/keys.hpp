// The rows of the key table, by what they are about: section, name, type, what holds without it, range, other names, meaning.
// In each list those of one section stand together, the sections in their order.
#pragma once

#include <cstdint>
#include <span>

#include "daemon/config/key_table.hpp"

namespace tandem::config {

std::span<const Key> router_keys();
std::span<const Key> service_keys();
std::span<const Key> check_keys();
std::span<const Key> server_keys();

// A duration as the rows write their bounds.
constexpr int64_t ns(Duration duration) {
  return duration.count();
}

}  // namespace tandem::config
