// The fast path's programs and maps in the kernel (fast_path.h): loaded, mapped into this process, hung on interfaces.
//
// The compiled programs stand in this one (bpf/fast_path.bpf.c). The arrays are shared memory: what is written here the programs
// see at once. They and the maps last as long as this object, the taps that use its filter, or a filter it left at an interface:
// the destructor takes those away, remove_leftovers() does it for one that was killed.
//
// Nothing here is for the packet path but the shared memory. One thread calls; what it asks of the kernel is answered at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "daemon/base/bytes.hpp"
#include "forwarding/fast_path.hpp"
#include "forwarding/io/silence.hpp"
#include "forwarding/io/tap_filter.hpp"

struct bpf_object;

namespace tandem::forwarding {

// The compiled programs, an ELF file for libbpf.
Bytes fast_path_object();

class FastPrograms {
 public:
  using Outcome = std::expected<void, std::string>;  // one line, for an Event

  // The copies and the sequence numbers of a flow table of so many buckets need 100 bytes of kernel memory a bucket. Errors: the
  // kernel cannot, this process may not (it needs CAP_BPF and CAP_NET_ADMIN), or the programs are refused.
  static std::expected<std::unique_ptr<FastPrograms>, std::string> load(uint32_t bucket_count);
  ~FastPrograms();
  FastPrograms(const FastPrograms&) = delete;
  FastPrograms& operator=(const FastPrograms&) = delete;

  // Shared with the programs, and all zero at first.
  const FastMemory& memory() const { return memory_; }
  tandem_fast_control& control() { return control_.front(); }
  unsigned processors() const { return processors_; }  // that the kernel may come to have

  // The socket filter, for SO_ATTACH_BPF, and the program of the hook.
  int tap() const { return tap_; }
  int forward() const { return forward_; }

  // Hangs the other program on the interface's ingress hook, in place of a former one of ours.
  Outcome attach(uint32_t ifindex);
  // No error if it does not hang there any more, or the interface is gone.
  Outcome detach(uint32_t ifindex);
  // Asks the kernel.
  bool is_attached(uint32_t ifindex) const;

  // Bring the programs' lists to these, by the difference to what was set before. After an error some of it is done, and the next
  // call does the rest.
  Outcome set_addresses(const TapAddresses& addresses);
  Outcome set_endpoints(const std::map<Endpoint, uint32_t>& fronts);  // the front's number of each

  // A map's descriptor, by its name in the program; -1: there is none of this name.
  int map(const char* name) const;

  // For the cleaner after a crash. A filter that is left over keeps the maps' memory.
  static Outcome remove_leftovers();

 private:
  template <class Key>
  using List = std::map<Key, uint32_t>;
  using AddressKey = std::array<std::byte, sizeof(tandem_fast_endpoint::address)>;
  using EndpointKey = std::array<std::byte, sizeof(tandem_fast_endpoint)>;

  struct Free {
    void operator()(bpf_object* object) const;
  };
  struct Unmap {
    size_t bytes = 0;
    void operator()(void* memory) const;
  };

  FastPrograms() = default;
  Outcome load_programs(uint32_t bucket_count);
  template <class Record>
  Outcome share(const char* name, size_t places, std::span<Record>& records);
  template <class Key>
  Outcome bring(const char* name, List<Key>& standing, const List<Key>& wanted);

  std::unique_ptr<bpf_object, Free> object_;
  unsigned processors_ = 0;
  int tap_ = -1;
  int forward_ = -1;
  uint32_t forward_id_ = 0;
  std::vector<std::unique_ptr<void, Unmap>> mappings_;
  FastMemory memory_;
  std::span<tandem_fast_control> control_;
  List<AddressKey> addresses_;
  List<EndpointKey> endpoints_;
  std::map<uint32_t, bool> attached_;  // interfaces, and whether the qdisc is ours
};

}  // namespace tandem::forwarding
