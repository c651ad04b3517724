// sh: the hash of the client's address (with `port`: and port) says which server. The buckets are
// dealt to the servers in turns, to each as many in a row as its weight says (weight 0: one, which
// nobody serves). A server that takes no new flows leaves its buckets without one; with `fallback`
// the buckets that follow are tried in an order that depends on the hash. Picks are those of Linux
// 6.1's ip_vs_sh.
//
// Weights beyond buckets/servers starve whoever comes last; IPVS has the same (and 256 buckets
// unless compiled otherwise), so here the number of buckets is a setting.
#include <bit>
#include <vector>

#include "daemon/base/assert.hpp"
#include "forwarding/schedulers/hashes.hpp"
#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {
namespace {

constexpr uint32_t kStandardSize = 256;  // CONFIG_IP_VS_SH_TAB_BITS 8
constexpr uint32_t kSmallestSize = 1u << 4, kLargestSize = 1u << 20;

class SourceHash final : public Copyable<SourceHash> {
 public:
  explicit SourceHash(const SchedulerSetting& setting)
      : port_(setting.port),
        fallback_(setting.fallback),
        buckets_(setting.table_size == 0 ? kStandardSize : setting.table_size) {
    TANDEM_ASSERT(std::has_single_bit(buckets_.size()));
    TANDEM_ASSERT(buckets_.size() >= kSmallestSize && buckets_.size() <= kLargestSize);
    bits_ = static_cast<unsigned>(std::countr_zero(buckets_.size()));
  }

  void changed(const ServerList&) override {}
  void removing(const ServerList&, size_t) override {}

  void settled(const ServerList& servers) override {
    size_t next = 0;
    uint32_t dealt = 0;
    for (Server*& bucket : buckets_) {
      bucket = servers.empty() ? nullptr : servers[next];
      if (servers.empty() || ++dealt < servers[next]->weight) continue;
      next = (next + 1) % servers.size();
      dealt = 0;
    }
  }

  Server* pick(const ServerList&, const NewFlow& flow) override {
    const uint32_t mask = static_cast<uint32_t>(buckets_.size()) - 1;
    const uint32_t first = hash_32((port_ ? flow.client_port : 0u) + fold(flow.client), bits_);
    if (buckets_[first] == nullptr) return nullptr;
    if (buckets_[first]->takes_new_flows()) return buckets_[first];
    if (!fallback_) return nullptr;
    // The kernel adds the offset to the hash, and the offset begins at the hash.
    for (uint32_t step = 0; step <= mask; ++step) {
      Server* server = buckets_[(first + ((first + step) & mask)) & mask];
      if (server->takes_new_flows()) return server;
    }
    return nullptr;
  }

 private:
  bool port_, fallback_;
  unsigned bits_ = 0;
  std::vector<Server*> buckets_;
};

}  // namespace

std::unique_ptr<Scheduler> make_source_hash(const SchedulerSetting& setting) {
  return std::make_unique<SourceHash>(setting);
}

}  // namespace tandem::forwarding
