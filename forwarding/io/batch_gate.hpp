// The gate between the packet workers and changes of the service table: workers pass it together, once a batch; a change
// passes it alone.
//
// Not std::shared_mutex: with a worker that is never idle, readers would always be preferred, and a change would wait for
// ever. Here a waiting change stops the next batch, so it waits for one batch at most.
#pragma once

#include <pthread.h>

#include "daemon/base/assert.hpp"

namespace tandem::forwarding {

class BatchGate {
 public:
  BatchGate() {
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    TANDEM_ASSERT(pthread_rwlock_init(&lock_, &attributes) == 0);
    pthread_rwlockattr_destroy(&attributes);
  }
  ~BatchGate() { pthread_rwlock_destroy(&lock_); }
  BatchGate(const BatchGate&) = delete;
  BatchGate& operator=(const BatchGate&) = delete;

  // As the standard's lock guards want them: std::unique_lock for a change, std::shared_lock for a batch.
  void lock() { TANDEM_ASSERT(pthread_rwlock_wrlock(&lock_) == 0); }
  void unlock() { TANDEM_ASSERT(pthread_rwlock_unlock(&lock_) == 0); }
  void lock_shared() { TANDEM_ASSERT(pthread_rwlock_rdlock(&lock_) == 0); }
  void unlock_shared() { unlock(); }

 private:
  pthread_rwlock_t lock_;
};

}  // namespace tandem::forwarding
