#include "daemon/config/keys.hpp"

#include <vector>

namespace tandem::config {

std::span<const Key> keys() {
  static const std::vector<Key> kKeys = [] {
    std::vector<Key> all;
    for (const auto part : {router_keys(), service_keys(), check_keys(), server_keys()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return kKeys;
}

}  // namespace tandem::config
