#include "forwarding/io/fast_programs.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "forwarding/fast_path.hpp"
#include "forwarding/io/fast_hook.hpp"
#include "forwarding/io/libbpf_words.hpp"

// Of fast_path_object.S.
extern "C" const std::byte tandem_fast_path_object[], tandem_fast_path_object_end[];

namespace tandem::forwarding {
namespace {

using Outcome = FastPrograms::Outcome;

// The kernel puts the records of an array at multiples of eight bytes.
template <class... Records>
constexpr bool kStandAsInArrays = ((sizeof(Records) % 8 == 0) && ...);
static_assert(
    kStandAsInArrays<tandem_fast_bucket, tandem_fast_tags, tandem_fast_deck, tandem_fast_picks, tandem_fast_sequences,
                     tandem_fast_server, tandem_fast_front, tandem_fast_hop, tandem_fast_count, tandem_fast_control>);

tandem_fast_endpoint key_of(const Endpoint& endpoint) {
  tandem_fast_endpoint key{};
  put_fast_address(endpoint.address, key.address);
  key.port = htons(endpoint.port);
  key.protocol = endpoint.protocol;
  return key;
}

}  // namespace

Bytes fast_path_object() {
  return {tandem_fast_path_object, tandem_fast_path_object_end};
}

void FastPrograms::Free::operator()(bpf_object* object) const {
  bpf_object__close(object);
}

void FastPrograms::Unmap::operator()(void* memory) const {
  munmap(memory, bytes);
}

std::expected<std::unique_ptr<FastPrograms>, std::string> FastPrograms::load(uint32_t bucket_count) {
  std::unique_ptr<FastPrograms> programs(new FastPrograms);
  if (const auto loaded = programs->load_programs(bucket_count); !loaded) return std::unexpected(loaded.error());
  const size_t counts = size_t{TANDEM_FAST_SERVERS} * programs->processors_;
  Outcome shared = programs->share("fast_flows", bucket_count, programs->memory_.flows);
  if (shared) shared = programs->share("fast_tags", bucket_count / 2, programs->memory_.tags);
  if (shared) shared = programs->share("fast_sequences", bucket_count, programs->memory_.sequences);
  if (shared) shared = programs->share("fast_servers", TANDEM_FAST_SERVERS, programs->memory_.servers);
  if (shared) shared = programs->share("fast_fronts", TANDEM_SERVICE_SLOTS, programs->memory_.fronts);
  if (shared) shared = programs->share("fast_hops", TANDEM_FAST_HOPS, programs->memory_.hops);
  if (shared) shared = programs->share("fast_counts", counts, programs->memory_.counts);
  if (shared) shared = programs->share("fast_decks", TANDEM_FAST_DECKS, programs->memory_.decks);
  if (shared)
    shared = programs->share("fast_picks", TANDEM_FAST_DECKS * 2 * TANDEM_FAST_PICKS / 4, programs->memory_.picks);
  if (shared) shared = programs->share("fast_control", 1, programs->control_);
  if (!shared) return std::unexpected(shared.error());
  return programs;
}

FastPrograms::~FastPrograms() {
  // A filter that cannot be taken away is the cleaner's.
  while (!attached_.empty()) {
    const Outcome nobody_hears = detach(attached_.begin()->first);
    static_cast<void>(nobody_hears);
  }
}

Outcome FastPrograms::load_programs(uint32_t bucket_count) {
  const LibbpfWords words;
  const auto failed = [&words](int error) { return std::unexpected(words.about("loading the fast path", error)); };
  const int processors = libbpf_num_possible_cpus();
  if (processors <= 0) return failed(processors);
  processors_ = static_cast<unsigned>(processors);
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.object_name = "tandem";
  const Bytes compiled = fast_path_object();
  errno = 0;
  object_.reset(bpf_object__open_mem(compiled.data(), compiled.size(), &options));
  if (!object_) return failed(errno);
  const auto resize = [this](const char* name, uint32_t places) {
    bpf_map* const map = bpf_object__find_map_by_name(object_.get(), name);
    return map == nullptr ? -ENOENT : bpf_map__set_max_entries(map, places);
  };
  int error = resize("fast_flows", bucket_count);
  if (error == 0) error = resize("fast_tags", bucket_count / 2);
  if (error == 0) error = resize("fast_sequences", bucket_count);
  if (error == 0) error = resize("fast_counts", TANDEM_FAST_SERVERS * processors_);
  if (error == 0) error = bpf_object__load(object_.get());
  if (error != 0) return failed(error);
  const auto program = [this](const char* name) {
    const bpf_program* const found = bpf_object__find_program_by_name(object_.get(), name);
    return found == nullptr ? -ENOENT : bpf_program__fd(found);
  };
  tap_ = program("fast_tap");
  forward_ = program(kFastProgram);
  bpf_prog_info info{};
  uint32_t length = sizeof info;
  error = tap_ < 0 || forward_ < 0 ? -ENOENT : bpf_obj_get_info_by_fd(forward_, &info, &length);
  if (error != 0) return failed(error);
  forward_id_ = info.id;
  return {};
}

int FastPrograms::map(const char* name) const {
  return bpf_object__find_map_fd_by_name(object_.get(), name);
}

// An array that is not as long, or whose records are not as large, as we believe would be no shared memory but a wild one.
template <class Record>
Outcome FastPrograms::share(const char* name, size_t places, std::span<Record>& records) {
  const auto failed = [name](int error) {
    return std::unexpected("mapping " + std::string(name) + ": " + std::strerror(error));
  };
  bpf_map_info info{};
  uint32_t length = sizeof info;
  const int fd = map(name);
  if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length) != 0) return failed(ENOENT);
  if (info.value_size != sizeof(Record) || info.max_entries != places) return failed(EINVAL);
  const size_t bytes = places * sizeof(Record);
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return failed(errno);
  mappings_.emplace_back(memory, Unmap{bytes});
  records = {static_cast<Record*>(memory), places};
  return {};
}

Outcome FastPrograms::attach(uint32_t ifindex) {
  const auto known = attached_.find(ifindex);
  // Below a filter that a killed room left, the qdisc is most likely that room's too.
  const bool ours = known != attached_.end() ? known->second : program_at_ingress(ifindex).has_value();
  const auto put = put_at_ingress(ifindex, forward_);
  if (!put) return std::unexpected(put.error());
  attached_[ifindex] = ours || *put == Qdisc::kMade;
  return {};
}

Outcome FastPrograms::detach(uint32_t ifindex) {
  const auto at = attached_.find(ifindex);
  if (at == attached_.end()) return {};
  // Somebody may have taken it away, with the qdisc or without, or another one of us have put its own there.
  const Outcome taken = is_attached(ifindex) ? take_from_ingress(ifindex, at->second) : Outcome();
  attached_.erase(at);
  return taken;
}

bool FastPrograms::is_attached(uint32_t ifindex) const {
  return program_at_ingress(ifindex) == forward_id_;
}

template <class Key>
Outcome FastPrograms::bring(const char* name, List<Key>& standing, const List<Key>& wanted) {
  const int fd = map(name);
  const auto failed = [name](int error) {
    return std::unexpected(std::string("changing ") + name + ": " + std::strerror(error));
  };
  // What goes makes room for what comes.
  for (auto each = standing.begin(); each != standing.end();) {
    if (wanted.contains(each->first)) {
      ++each;
      continue;
    }
    if (bpf_map_delete_elem(fd, each->first.data()) != 0 && errno != ENOENT) return failed(errno);
    each = standing.erase(each);
  }
  for (const auto& [key, value] : wanted) {
    const auto known = standing.find(key);
    if (known != standing.end() && known->second == value) continue;
    if (bpf_map_update_elem(fd, key.data(), &value, BPF_ANY) != 0) return failed(errno);
    standing[key] = value;
  }
  return {};
}

Outcome FastPrograms::set_addresses(const TapAddresses& addresses) {
  List<AddressKey> wanted;
  const auto add = [&wanted](const std::set<IpAddress>& some, uint32_t bit) {
    for (const IpAddress& address : some) {
      uint8_t bytes[16]{};
      put_fast_address(address, bytes);
      wanted[std::bit_cast<AddressKey>(bytes)] |= bit;
    }
  };
  add(addresses.services, TANDEM_FAST_SERVICE);
  add(addresses.servers, TANDEM_FAST_SERVER);
  add(addresses.own, TANDEM_FAST_OWN);
  return bring("fast_addresses", addresses_, wanted);
}

Outcome FastPrograms::set_endpoints(const std::map<Endpoint, uint32_t>& fronts) {
  List<EndpointKey> wanted;
  for (const auto& [endpoint, front] : fronts) wanted[std::bit_cast<EndpointKey>(key_of(endpoint))] = front;
  return bring("fast_endpoints", endpoints_, wanted);
}

Outcome FastPrograms::remove_leftovers() {
  return clear_ingress();
}

}  // namespace tandem::forwarding
