#include "forwarding/fast_path.hpp"

#include <algorithm>
#include <cstring>

#include "forwarding/wire.hpp"

namespace tandem::forwarding {
namespace {

constexpr Duration kForgetEvery = 1s;
// All numbers used up: a look at every flow's copy, which is a few milliseconds.
constexpr Duration kBeginAgainEvery = 10s;

void put(const MacAddress& address, uint8_t (&place)[6]) {
  std::ranges::copy(address.bytes, place);
}
void put(uint16_t port, uint16_t& place) {
  const be16 wire = be16(port);
  std::memcpy(&place, &wire, sizeof wire);
}

// Writes a record whose readers look at its version before and after.
template <class Record, class Write>
void write(Record& record, Write write) {
  const uint32_t before = record.version;
  __atomic_store_n(&record.version, before | 1U, __ATOMIC_SEQ_CST);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  write();
  __atomic_store_n(&record.version, (before | 1U) + 1, __ATOMIC_SEQ_CST);
}

}  // namespace

void put_fast_address(const IpAddress& address, uint8_t (&place)[16]) {
  if (address.is_v4()) {
    std::memset(place, 0, 10);
    place[10] = place[11] = 0xff;
    const be32 four = be32(address.v4.value);
    std::memcpy(place + 12, &four, sizeof four);
  } else {
    std::ranges::copy(address.v6.bytes, place);
  }
}

IpAddress fast_address(const uint8_t (&bytes)[16]) {
  uint8_t prefix[16];
  put_fast_address(Ipv4Address{}, prefix);
  if (std::memcmp(bytes, prefix, 12) == 0) {
    be32 four;
    std::memcpy(&four, bytes + 12, sizeof four);
    return Ipv4Address{four};
  }
  Ipv6Address six;
  std::ranges::copy(bytes, six.bytes.begin());
  return six;
}

FastPath::FastPath(const FastMemory& memory) : memory_(memory), flows_(memory.flows, memory.tags) {}

void FastPath::set_server(uint16_t server, const ServerRecord& wanted) {
  if (server >= memory_.servers.size()) return;
  tandem_fast_server& record = memory_.servers[server];
  write(record, [&] {
    record.usable = 1;
    record.method = static_cast<uint8_t>(wanted.translates ? TANDEM_NAT : TANDEM_DR);
    record.protocol = wanted.protocol;
    record.is_ipv6 = static_cast<uint8_t>(!wanted.address.is_v4());
    record.ifindex = wanted.way.ifindex;
    record.mtu = wanted.way.mtu;
    put(wanted.port, record.port);
    put(wanted.way.source, record.source_mac);
    put(wanted.way.destination, record.destination_mac);
    put_fast_address(wanted.address, record.address);
  });
}

void FastPath::forget_server(uint16_t server) {
  if (!is_usable(server)) return;
  write(memory_.servers[server], [&] { memory_.servers[server].usable = 0; });
}

void FastPath::set_front(uint16_t front, const FrontRecord& wanted) {
  if (front >= memory_.fronts.size()) return;
  tandem_fast_front& record = memory_.fronts[front];
  write(record, [&] {
    record.usable = 1;
    record.protocol = wanted.protocol;
    put(wanted.port, record.port);
    put_fast_address(wanted.address, record.address);
    record.deck = wanted.service < memory_.decks.size() ? wanted.service : uint16_t{0};
    record.clamps = static_cast<uint8_t>(wanted.clamps);
  });
}

void FastPath::forget_front(uint16_t front) {
  if (front >= memory_.fronts.size() || memory_.fronts[front].usable == 0) return;
  write(memory_.fronts[front], [&] { memory_.fronts[front].usable = 0, memory_.fronts[front].deck = 0; });
}

// ---- ways to clients

size_t FastPath::HashWay::operator()(const FastWay& way) const {
  uint64_t macs[2] = {};
  std::memcpy(&macs[0], way.source.bytes.data(), 6);
  std::memcpy(&macs[1], way.destination.bytes.data(), 6);
  return tandem_mix(tandem_mix(macs[0] ^ uint64_t{way.ifindex} << 32) + macs[1] + (uint64_t{way.mtu} << 48));
}

bool FastPath::wants_hop(size_t index, uint64_t key) const {
  if (!flows_.has(index, key)) return false;
  const uint16_t hop = flows_.hop(index);
  return hop == 0 || __atomic_load_n(&memory_.hops[hop].usable, __ATOMIC_RELAXED) == 0;
}

uint16_t FastPath::number_of(const FastWay& way, TimePoint now) {
  if (const auto known = numbers_.find(way); known != numbers_.end()) return known->second;
  if (size_t{last_number_} + 1 >= memory_.hops.size()) {
    if (now - begun_again_ < kBeginAgainEvery && begun_again_ != TimePoint{}) return 0;
    begun_again_ = now;
    for (tandem_fast_hop& hop : memory_.hops) __atomic_store_n(&hop.usable, uint8_t{0}, __ATOMIC_SEQ_CST);
    flows_.forget_hops();
    numbers_.clear();
    last_number_ = 0;
  }
  const uint16_t number = ++last_number_;
  tandem_fast_hop& hop = memory_.hops[number];
  hop.ifindex = way.ifindex;
  hop.mtu = way.mtu;
  put(way.source, hop.source_mac);
  put(way.destination, hop.destination_mac);
  __atomic_store_n(&hop.usable, uint8_t{1}, __ATOMIC_SEQ_CST);
  numbers_.emplace(way, number);
  return number;
}

void FastPath::set_hop(size_t index, uint64_t key, const FastWay& way, TimePoint now) {
  const std::lock_guard guard(hops_lock_);
  if (!wants_hop(index, key)) return;
  // Not, if the place has become another flow's since: its answers would go to this one's client.
  if (const uint16_t number = number_of(way, now); number != 0) flows_.set_hop(index, key, number);
}

bool FastPath::forget_hops(TimePoint now) {
  const std::lock_guard guard(hops_lock_);
  if (numbers_.empty()) return true;
  if (now - forgotten_ < kForgetEvery && forgotten_ != TimePoint{}) return false;
  forgotten_ = now;
  for (const auto& [way, number] : numbers_)
    __atomic_store_n(&memory_.hops[number].usable, uint8_t{0}, __ATOMIC_SEQ_CST);
  numbers_.clear();
  return true;
}

// ---- picks

namespace {

// Of the word `taken`.
uint32_t round_of(uint64_t taken) {
  return static_cast<uint32_t>(taken >> 32);
}

}  // namespace

FastPath::Dealt FastPath::said_by(const tandem_fast_deck& deck, uint64_t taken) {
  const uint32_t picks = __atomic_load_n(&deck.dealt[round_of(taken) % 2], __ATOMIC_RELAXED);
  return {.picks = picks, .taken = std::min(static_cast<uint32_t>(taken), picks)};
}

FastPath::Dealt FastPath::dealt(uint16_t service) const {
  if (service >= memory_.decks.size()) return {};
  const tandem_fast_deck& deck = memory_.decks[service];
  return said_by(deck, __atomic_load_n(&deck.taken, __ATOMIC_ACQUIRE));
}

// Another round, of which nothing is dealt: whoever took a pick of the one before may still be reading it, so it stays as it is.
FastPath::Dealt FastPath::take_back(uint16_t service) {
  if (service >= memory_.decks.size()) return {};
  tandem_fast_deck& deck = memory_.decks[service];
  const uint32_t next = round_of(__atomic_load_n(&deck.taken, __ATOMIC_RELAXED)) + 1;
  __atomic_store_n(&deck.dealt[next % 2], 0U, __ATOMIC_SEQ_CST);
  return said_by(deck, __atomic_exchange_n(&deck.taken, uint64_t{next} << 32, __ATOMIC_SEQ_CST));
}

void FastPath::deal(uint16_t service, std::span<const uint16_t> servers) {
  if (service >= memory_.decks.size() || servers.size() > TANDEM_FAST_PICKS) return;
  tandem_fast_deck& deck = memory_.decks[service];
  const uint32_t next = round_of(__atomic_load_n(&deck.taken, __ATOMIC_RELAXED)) + 1;
  const size_t first = (size_t{service} * 2 + next % 2) * TANDEM_FAST_PICKS;
  for (size_t i = 0; i < servers.size(); ++i)
    __atomic_store_n(&memory_.picks[(first + i) / 4].servers[i % 4], servers[i], __ATOMIC_RELAXED);
  __atomic_store_n(&deck.dealt[next % 2], static_cast<uint32_t>(servers.size()), __ATOMIC_SEQ_CST);
  __atomic_store_n(&deck.taken, uint64_t{next} << 32, __ATOMIC_SEQ_CST);
}

// ---- counts

ServerTraffic FastPath::traffic(uint16_t server) const {
  ServerTraffic total;
  for (size_t at = server; server < TANDEM_FAST_SERVERS && at < memory_.counts.size(); at += TANDEM_FAST_SERVERS) {
    const tandem_fast_count& part = memory_.counts[at];
    const auto read = [](const uint64_t& number) { return __atomic_load_n(&number, __ATOMIC_RELAXED); };
    total.packets_in += read(part.packets_in), total.bytes_in += read(part.bytes_in);
    total.packets_out += read(part.packets_out), total.bytes_out += read(part.bytes_out);
  }
  return total;
}

FastPath::Frames FastPath::frames() const {
  // No server has the number 0: that place counts frames.
  const ServerTraffic all = traffic(0);
  return {.to_servers = all.packets_in, .to_clients = all.packets_out};
}

}  // namespace tandem::forwarding
