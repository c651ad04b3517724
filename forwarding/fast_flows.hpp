// The copy of the flow table that the fast path's programs read (fast_path.h): which flows' packets may go on without the engine.
//
// A view of memory that the programs share. The flow table has one while there is a fast path, and takes a flow's copy away before
// it is done changing the flow, in whatever thread: so a copy that is put down after a look at the flow, and stays after a second
// look, says the truth.
//
// One at a time writes in a copy's place, which has a key meanwhile that is no flow's; who finds it so writes another time. Taking
// away waits for nobody: the one who writes is left word, and ends it.
//
// Tags say which places of the table are taken (fast_path.h). While there is a fast path, the flow table takes a place by its tag and
// then by its key, and gives it back in the other order; what the programs have taken, and nobody has taken up, has a tag alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "forwarding/fast_path.h"

namespace tandem::forwarding {

class FastFlows {
 public:
  FastFlows() = default;
  // A word of tags for two buckets.
  FastFlows(std::span<tandem_fast_bucket> buckets, std::span<tandem_fast_tags> tags) : buckets_(buckets), tags_(tags) {}
  explicit operator bool() const { return !buckets_.empty(); }
  size_t slots() const { return buckets_.size() * TANDEM_BUCKET_FLOWS; }

  // REQUIRES of all: index < slots().

  // False when somebody has the place. REQUIRES: tag is 1-255.
  bool take(size_t index, uint64_t tag) {
    uint64_t there = __atomic_load_n(&tags(index), __ATOMIC_RELAXED);
    while ((there & mask(index)) == 0)
      if (__atomic_compare_exchange_n(&tags(index), &there, there | tag << shift(index), false, __ATOMIC_SEQ_CST,
                                      __ATOMIC_RELAXED))
        return true;
    return false;
  }
  // Another flow has the place from now on; tag 0: nobody.
  void hand_over(size_t index, uint64_t tag) {
    uint64_t there = __atomic_load_n(&tags(index), __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&tags(index), &there, (there & ~mask(index)) | tag << shift(index), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
    }
  }
  // Nobody has the place any more, unless it was handed over since.
  void give_back(size_t index, uint64_t tag) {
    uint64_t there = __atomic_load_n(&tags(index), __ATOMIC_RELAXED);
    while ((there & mask(index)) == tag << shift(index))
      if (__atomic_compare_exchange_n(&tags(index), &there, there & ~mask(index), false, __ATOMIC_SEQ_CST,
                                      __ATOMIC_RELAXED))
        return;
  }
  // REQUIRES: nobody takes a place meanwhile.
  void forget_tags() {
    for (tandem_fast_tags& each : tags_)
      if (each != 0) each = 0;
  }
  uint64_t tag(size_t index) const {
    return (__atomic_load_n(&tags(index), __ATOMIC_ACQUIRE) & mask(index)) >> shift(index);
  }

  void prefetch(size_t index) const { __builtin_prefetch(&at(index)); }
  bool has(size_t index, uint64_t key) const { return __atomic_load_n(&at(index).key, __ATOMIC_ACQUIRE) == key; }
  void withdraw(size_t index) {
    uint64_t* const key = &at(index).key;
    uint64_t there = __atomic_load_n(key, __ATOMIC_SEQ_CST);
    while (there != 0 && there != kTaken)
      if (replace(key, there, there == kWriting ? kTaken : 0)) return;
  }
  // False when somebody else writes there just now, or took it away meanwhile.
  // `tell`: of each of its packets.
  bool put(size_t index, uint64_t key, uint16_t server, bool tell, uint16_t check) {
    tandem_fast_flow& flow = at(index);
    if (!begin(flow, __atomic_load_n(&flow.key, __ATOMIC_RELAXED))) return false;
    __atomic_store_n(&flow.server, with_tell(server, tell), __ATOMIC_RELAXED);
    __atomic_store_n(&flow.check, check, __ATOMIC_RELAXED);
    __atomic_store_n(&flow.hop, uint16_t{0}, __ATOMIC_RELAXED);
    __atomic_store_n(&flow.client_sent, uint8_t{0}, __ATOMIC_RELAXED);
    __atomic_store_n(&flow.server_sent, uint8_t{0}, __ATOMIC_RELAXED);
    return finish(flow, key);
  }
  // Whether each of the flow's packets is to be told, by tell(), which is asked while nobody else writes there. A copy that cannot be
  // written is taken away.
  template <class Tell>
  void set_tell(size_t index, uint64_t key, Tell tell) {
    tandem_fast_flow& flow = at(index);
    const uint64_t there = __atomic_load_n(&flow.key, __ATOMIC_SEQ_CST);
    if (there != key && there != kWriting) return;
    if (there == kWriting || !begin(flow, key)) return withdraw(index);
    const auto server = static_cast<uint16_t>(__atomic_load_n(&flow.server, __ATOMIC_RELAXED) & ~TANDEM_FAST_TELL);
    __atomic_store_n(&flow.server, with_tell(server, tell()), __ATOMIC_RELAXED);
    finish(flow, key);
  }
  // The number of the way to its client; 0: none yet.
  uint16_t hop(size_t index) const { return __atomic_load_n(&at(index).hop, __ATOMIC_RELAXED); }
  // False when it is not this flow's copy.
  bool set_hop(size_t index, uint64_t key, uint16_t hop) {
    tandem_fast_flow& flow = at(index);
    if (!has(index, key) || !begin(flow, key)) return false;
    __atomic_store_n(&flow.hop, hop, __ATOMIC_RELAXED);
    return finish(flow, key);
  }
  // Numbers of ways are to mean others from now on. REQUIRES: nobody sets one meanwhile.
  void forget_hops() {
    for (size_t index = 0; index < slots(); ++index)
      if (hop(index) != 0) __atomic_store_n(&at(index).hop, uint16_t{0}, __ATOMIC_RELAXED);
  }
  // Whether a packet of the flow took the fast path since it was asked last.
  bool take_activity(size_t index, uint64_t key) {
    tandem_fast_flow& flow = at(index);
    if (!has(index, key)) return false;
    const bool sent = (__atomic_load_n(&flow.client_sent, __ATOMIC_RELAXED) |
                       __atomic_load_n(&flow.server_sent, __ATOMIC_RELAXED)) != 0;
    if (!sent) return false;
    __atomic_store_n(&flow.client_sent, uint8_t{0}, __ATOMIC_RELAXED);
    __atomic_store_n(&flow.server_sent, uint8_t{0}, __ATOMIC_RELAXED);
    return true;
  }

 private:
  // In a key's place, while somebody writes beside it, and when it is to be taken away then: no flow has them, nor is either's
  // service a front's number.
  static constexpr uint64_t kWriting = TANDEM_KEY_BUSY;
  static constexpr uint64_t kTaken = TANDEM_KEY_BUSY | 0x10000;

  // When it fails, `there` is what is there.
  static bool replace(uint64_t* key, uint64_t& there, uint64_t by) {
    return __atomic_compare_exchange_n(key, &there, by, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  }
  static uint16_t with_tell(uint16_t server, bool tell) {
    return static_cast<uint16_t>(tell ? server | TANDEM_FAST_TELL : server);
  }
  static bool begin(tandem_fast_flow& flow, uint64_t there) {
    if (there == kWriting || there == kTaken || !replace(&flow.key, there, kWriting)) return false;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    return true;
  }
  static bool finish(tandem_fast_flow& flow, uint64_t key) {
    uint64_t there = kWriting;
    if (replace(&flow.key, there, key)) return true;
    __atomic_store_n(&flow.key, uint64_t{0}, __ATOMIC_SEQ_CST);
    return false;
  }
  tandem_fast_flow& at(size_t index) const {
    return buckets_[index / TANDEM_BUCKET_FLOWS].flows[index % TANDEM_BUCKET_FLOWS];
  }
  static unsigned shift(size_t index) { return index % sizeof(tandem_fast_tags) * 8; }
  static uint64_t mask(size_t index) { return uint64_t{0xff} << shift(index); }
  tandem_fast_tags& tags(size_t index) const { return tags_[index / sizeof(tandem_fast_tags)]; }

  std::span<tandem_fast_bucket> buckets_;
  std::span<tandem_fast_tags> tags_;
};

}  // namespace tandem::forwarding
