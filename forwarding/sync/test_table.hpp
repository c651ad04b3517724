// A small flow table in ordinary memory, for tests.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>

#include "daemon/base/assert.hpp"
#include "forwarding/flow_table.hpp"
#include "forwarding/sync/protocol.hpp"
#include "forwarding/tcp_state.hpp"

namespace tandem::forwarding::sync {

inline constexpr uint8_t kTcpNumber = 6;
inline constexpr TimePoint kBegin{std::chrono::hours(1)};

class TestTable {
 public:
  explicit TestTable(uint32_t buckets = 256, uint64_t seed = 1)
      : bytes_(FlowTable::bytes_needed(buckets)), memory_(std::aligned_alloc(4096, (bytes_ + 4095) / 4096 * 4096)) {
    std::memset(memory_.get(), 0, bytes_);
    auto made = FlowTable::format({static_cast<std::byte*>(memory_.get()), bytes_},
                                  {.bucket_count = buckets, .seed = {seed, seed * 77}});
    TANDEM_ASSERT(made.has_value());
    table_ = std::make_unique<FlowTable>(*made);
  }

  FlowTable& operator*() { return *table_; }
  FlowTable* operator->() { return table_.get(); }

  // What the packet path does with a packet of this flow.
  void packet(uint32_t client, uint16_t port, uint16_t service, uint16_t server, FlowState state, TimePoint now,
              bool dirty = true) {
    const uint64_t value = tandem_flow_value(server, static_cast<uint8_t>(state), 0, tick_of(now));
    auto flow = table_->find(kTcpNumber, Ipv4Address{client}, port, service);
    if (flow) {
      TANDEM_ASSERT(table_->update(*flow, value));
    } else {
      flow = table_->insert(kTcpNumber, tandem_flow_key(client, port, service), value).flow;
    }
    if (dirty) table_->mark_dirty(flow->index);
  }

  std::optional<Flow> find(uint32_t client, uint16_t port, uint16_t service) const {
    return table_->find(kTcpNumber, Ipv4Address{client}, port, service);
  }

  size_t count() const {
    size_t flows = 0;
    table_->scan(0, table_->slots(), [&](const Flow&) { ++flows; });
    return flows;
  }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  size_t bytes_;
  std::unique_ptr<void, Free> memory_;
  std::unique_ptr<FlowTable> table_;
};

// Two services with two servers each; the numbers begin at `offset`, so that two directors need not agree.
inline Names test_names(uint16_t offset = 0) {
  const auto number = [offset](int n) { return static_cast<uint16_t>(offset + n); };
  Names names;
  for (int s = 1; s <= 2; ++s) {
    const std::string name = "service" + std::to_string(s);
    names.services.push_back(
        {number(s), kTcpNumber, static_cast<uint16_t>(80 + s), Ipv4Address{0xc6336400U + s}, name});
    for (int r = 1; r <= 2; ++r) {
      const auto rip = static_cast<uint32_t>(0x0a000000 + s * 256 + r);
      names.servers.push_back({number(s * 10 + r), number(s), 8080, Ipv4Address{rip}, "web" + std::to_string(r)});
    }
  }
  return names;
}

}  // namespace tandem::forwarding::sync
