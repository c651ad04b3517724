// dh: the hash of the destination address says which server. 256 buckets are dealt to the servers in
// turns; weights do not count. A server that takes no new flows leaves its buckets without one. For
// services of many addresses (caches), whose addresses then stay with their servers. Picks are those
// of Linux 6.1's ip_vs_dh.
#include <array>

#include "forwarding/schedulers/hashes.hpp"
#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {
namespace {

constexpr unsigned kBits = 8;  // CONFIG_IP_VS_DH_TAB_BITS

class DestinationHash final : public Copyable<DestinationHash> {
 public:
  void changed(const ServerList&) override {}
  void removing(const ServerList&, size_t) override {}
  void settled(const ServerList& servers) override {
    for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] = servers.empty() ? nullptr : servers[i % servers.size()];
  }

  Server* pick(const ServerList&, const NewFlow& flow) override {
    Server* server = buckets_[hash_32(fold(flow.destination), kBits)];
    return server != nullptr && server->takes_new_flows() ? server : nullptr;
  }

 private:
  std::array<Server*, 1u << kBits> buckets_{};
};

}  // namespace

std::unique_ptr<Scheduler> make_destination_hash() {
  return std::make_unique<DestinationHash>();
}

}  // namespace tandem::forwarding
