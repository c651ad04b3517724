// What the fast path's two programs share, with the room and with each other.
#ifndef TANDEM_FORWARDING_BPF_SHARED_H
#define TANDEM_FORWARDING_BPF_SHARED_H

// clang-format off: libbpf's headers want the kernel's before them
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#include "forwarding/fast_path.h"

#define WANTED 0x40000 /* bytes that go up, of a frame that has fewer */
#define TCP 6
#define UDP 17
#define ICMP 1
#define ICMPV6 58
#define ICMPV6_LAST_ERROR 4
#define FLAG_FIN 0x01
#define FLAG_SYN 0x02
#define FLAG_RST 0x04
#define FLAG_ACK 0x10

#define always_inline inline __attribute__((always_inline))
// What is called seldom, and would crowd the registers of what is not.
#define never_inline __attribute__((noinline))
#define read_once(place) (*(const volatile __typeof__(place)*)&(place))
#define in_order() __asm__ volatile("" ::: "memory")
// Keeps the compiler from making one of what unrolled rounds of a loop have alike: a pointer to which one instruction adds another number on each way
// there is refused to who has no CAP_PERFMON.
#define apart(round) __asm__ volatile("" ::"i"(round) : "memory")

// ---- what is shared with the room

#define SHARED(name, value_type, entries) \
  struct {                                \
    __uint(type, BPF_MAP_TYPE_ARRAY);     \
    __uint(map_flags, BPF_F_MMAPABLE);    \
    __uint(max_entries, entries);         \
    __type(key, uint32_t);                \
    __type(value, value_type);            \
  } name SEC(".maps")

SHARED(fast_flows, struct tandem_fast_bucket, 2);         // as many as the table has
SHARED(fast_tags, tandem_fast_tags, 1);                   // half as many
SHARED(fast_sequences, struct tandem_fast_sequences, 2);  // as many as the table has
SHARED(fast_servers, struct tandem_fast_server, TANDEM_FAST_SERVERS);
SHARED(fast_fronts, struct tandem_fast_front, TANDEM_SERVICE_SLOTS);
SHARED(fast_hops, struct tandem_fast_hop, TANDEM_FAST_HOPS);
SHARED(fast_counts, struct tandem_fast_count, TANDEM_FAST_SERVERS);  // for each processor
SHARED(fast_decks, struct tandem_fast_deck, TANDEM_FAST_DECKS);
SHARED(fast_picks, struct tandem_fast_picks, TANDEM_FAST_DECKS * 2 * TANDEM_FAST_PICKS / 4);
SHARED(fast_control, struct tandem_fast_control, 1);

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} fast_events SEC(".maps");

struct address {
  uint8_t bytes[16];
} __attribute__((aligned(8)));

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 65536);
  __type(key, struct address);
  __type(value, uint32_t);
} fast_addresses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 65536);
  __type(key, struct tandem_fast_endpoint);
  __type(value, uint32_t);
} fast_endpoints SEC(".maps");

// ---- between the two programs

struct word {
  uint32_t pending;
  uint32_t ifindex, length;  // of the frame that is meant,
  uint64_t begin[2];         // and some of its bytes: IP's and the transport's
  uint32_t out;              // the interface it leaves by
  uint8_t is_ipv6, protocol, to_client, translates;
  uint8_t macs[12];  // destination, source
  uint16_t port;
  uint16_t reserved;
  struct address address;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, uint32_t);
  __type(value, struct word);
} fast_words SEC(".maps");

#endif
