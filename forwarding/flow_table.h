/* The flow table: one layout, one mapping, used in place by the packet workers, by XDP, and by the scanner (expiry,
 * statistics, sync). Plain C, because eBPF reads it too.
 *
 * A flow says which server a client's connection goes to. It is keyed by the client's side, so both directions of a NATed
 * connection find it: the hash is over (protocol, client address, client port); the entry also names its service (which
 * implies protocol, VIP and port), and a reply is matched by the entry whose server it came from.
 *
 * Layout. A bucket is one cache line of four flows of 16 bytes. Each flow lives in one of two buckets, chosen by two
 * halves of one seeded hash; an insert takes the emptier one. With two choices a table half full has practically no bucket
 * overflow, where a single four-way bucket would already evict live flows.
 *
 * Concurrency. A flow is two 64-bit words, key and value, each read and written whole.
 *   insert  compare-and-swap key 0 -> BUSY, store value, store key (release).
 *   update  compare-and-swap of value, so that a slot that changed hands meanwhile is left alone.
 *   remove  store key 0.
 * A reader that sees BUSY or another key has not found its flow. No lock, no system call, nothing to repair after a killed
 * process but BUSY slots, which attach clears.
 *
 * IPv6. A client's address of 16 bytes does not fit into a flow. The flow has 32 bits of its seeded hash in the address's
 * place and TANDEM_KEY_IPV6 beside the service; the address itself stands in the section "addresses", which has a place for each slot. It
 * is written while the key is BUSY and compared on every hit. The section is sparse: where no IPv6 flow is, no page of it
 * is touched, so an IPv4 flow still costs 16 bytes of table, an IPv6 flow 32.
 *
 * Sequences. Of a TCP flow the next sequence number of each side, as last written (tcp_window.hpp): 8 bytes a slot, in a
 * section of their own, because most packets only look at them. Sparse like the addresses, and of this box alone: a peer
 * is not told.
 *
 * Sources (fullnat; sources.hpp). A flow whose packets get another source has it in the section "sources", a place for each slot:
 * the number of an address of a pool, and a port. The way back, from a server's answer to the flow, is the section "ways back":
 * buckets of sixteen records of a slot's index and, in the bits above it, a tag; three quarters as many as there are slots. A record is a hint that is proved at the flow: it counts while
 * the flow in its slot has that source and goes to that server. So nothing is taken away when a flow ends, and whoever needs
 * a place in a bucket throws out what counts no longer. Both sections are sparse as well.
 *
 * Occupied. A bit for each chunk of 16 slots says that there may be flows in it. It is set after a key was stored, and
 * cleared by the sweep alone, which looks at the chunk again afterwards. So a walk over the table costs what the flows
 * cost, not what the table's size costs, and pages that hold no flow are never touched.
 *
 * The file is a sparse mapping: a header page, then the sections whose offsets the header tells.
 */
#ifndef TANDEM_FORWARDING_FLOW_TABLE_H
#define TANDEM_FORWARDING_FLOW_TABLE_H

#include "forwarding/recipe.h"

#define TANDEM_FLOWS_MAGIC 0x776f6c666d646e74ULL /* "tndmflow" */
#define TANDEM_FLOWS_VERSION 5u
#define TANDEM_BUCKET_FLOWS 4u
#define TANDEM_CHUNK_FLOWS 16u     /* slots that share a bit of the section "occupied" */
#define TANDEM_MAX_PEERS 4u        /* other directors of a site that are kept in step */
#define TANDEM_SERVICE_SLOTS 4096u /* slot 0 means "no service" */
#define TANDEM_SERVER_SLOTS 65536u /* slot 0 means "no server" */
#define TANDEM_SOURCE_SLOTS 1024u  /* addresses of pools; slot 0 means "no source" */
#define TANDEM_WAYS_BACK 16u       /* records of a bucket: a cache line */
#define TANDEM_KEY_EMPTY 0ULL
#define TANDEM_KEY_IPV6 0x8000u /* beside the service, whose numbers end below it */
#define TANDEM_KEY_BUSY 0xffffULL /* service 0xffff, which no service has */
#define TANDEM_TICK_SHIFT 27      /* a tick is 2^27 ns = 134 ms of CLOCK_BOOTTIME; 32 bits last 18 years */

enum tandem_flow_flags {
  /* Told by a peer; no packet of it has been seen here. Whoever sees one clears it, and marks the flow dirty: from
   * then on this box is the one that knows. A learnt record never overwrites what a box has seen itself. */
  TANDEM_FLOW_LEARNT = 0x80,
  /* A template of persistence whose time is over: it goes unless a flow of it is met. */
  TANDEM_FLOW_EXPIRING = 0x40,
  /* A TCP flow that an operator ended, or its server's end (action_on_down: reset): whoever of its two ends still sends is reset, and the other one with it. */
  TANDEM_FLOW_KILLED = 0x20,
  /* A TCP flow of a watched service whose server's first answer was seen, or whose want of one was counted (witness.hpp). */
  TANDEM_FLOW_SETTLED = 0x10,
};

/* A template of persistence (persistence.hpp) is hashed as of protocol 0, has port 0 and the state TANDEM_STATE_TEMPLATE. */
#define TANDEM_TEMPLATE_PROTOCOL 0u
#define TANDEM_STATE_TEMPLATE 12u
#define TANDEM_TCP 6u
#define TANDEM_FLOW_STATES 32u /* room for so many */

/* key word:   client_address << 32 | client_port << 16 | service
 *             hash of client_address << 32 | client_port << 16 | TANDEM_KEY_IPV6 | service
 * value word: last_seen << 32 | flags << 24 | state << 16 | server */
struct tandem_flow {
  uint64_t key;
  uint64_t value;
};

/* The client's address of an IPv6 flow: its 16 bytes in network order, as two words. */
struct tandem_client6 {
  uint64_t words[2];
};

/* The next sequence number of each side; 0: not known. It is remembered anew when it has gone on by the step, and not when by more
 * than the leap (tcp_window.hpp). */
#define TANDEM_SEQUENCE_STEP (32 * 1024)
#define TANDEM_SEQUENCE_LEAP (64 * 1024 * 1024)
struct tandem_sequences {
  uint32_t client;
  uint32_t server;
};

struct tandem_bucket {
  struct tandem_flow flows[TANDEM_BUCKET_FLOWS];
} __attribute__((aligned(64)));

struct tandem_flows_header {
  uint64_t magic;
  uint32_t version;
  uint32_t bucket_count; /* a power of two */
  uint64_t seed[2];
  uint64_t total_bytes;
  uint64_t buckets_offset;  /* struct tandem_bucket[bucket_count] */
  uint64_t dirty_offset;    /* uint64_t[TANDEM_MAX_PEERS][dirty_words]: one bit a slot: the peer has not been told */
  uint64_t dirty_words;     /* 64-bit words of one peer's bitmap */
  uint64_t occupied_offset; /* uint64_t[occupied_words]: one bit a chunk */
  uint64_t occupied_words;
  uint64_t addresses_offset; /* struct tandem_client6[slots] */
  uint64_t sequences_offset; /* struct tandem_sequences[slots] */
  uint64_t recipes_offset;  /* struct tandem_recipe[TANDEM_SERVER_SLOTS] */
  uint64_t services_offset; /* struct tandem_service_slot[TANDEM_SERVICE_SLOTS] */
  uint64_t servers_offset;  /* struct tandem_server_slot[TANDEM_SERVER_SLOTS] */
  uint64_t sources_offset;  /* uint32_t[slots]: number of the address << 16 | port; 0: the client's own */
  uint64_t ways_back_offset; /* uint32_t[way_back_buckets][TANDEM_WAYS_BACK]; 0: none */
  uint64_t way_back_buckets;
  uint64_t source_slots_offset; /* struct tandem_source_slot[TANDEM_SOURCE_SLOTS] */
};

/* In the header's page, behind it. How the peer link's thread hears of dirty flows without looking for them: whoever marks one
 * sets every peer's bit in `raised` and, if one was clear, `news`, which a packet worker takes and passes on. A peer's bit is
 * cleared before its dirty bits are taken. */
#define TANDEM_SIGNALS_OFFSET 512u
struct tandem_flows_signals {
  uint32_t raised;
  uint32_t news;
  uint32_t has_sources;      /* some flow may have a source: a slot that is filled anew forgets its former one */
  uint32_t source_locks[16]; /* one process holds them, and attach frees them */
};

/* Which name a slot number stands for. The numbers stay with their names over reloads and restarts of the room; the peer
 * is told the names, so numbers need not agree between directors. */
struct tandem_service_slot {
  uint8_t in_use;
  uint8_t protocol;
  uint16_t port;
  uint32_t address;     /* 0 where address6 is the one */
  uint8_t address6[16]; /* network order; all zero where address is the one */
  char name[64];        /* zero-terminated */
  uint32_t timeouts_ms[TANDEM_FLOW_STATES]; /* of its flows, by state; 0: the state's own */
};

struct tandem_server_slot {
  uint8_t in_use;
  uint8_t method; /* enum tandem_method */
  uint16_t service;
  uint32_t address;
  uint8_t address6[16];
  uint16_t port;
  uint16_t reserved2;
  char name[64];
};

/* An address of a pool. Found by a hash of the address, with linear probing: a number stays with its address as long as the
 * table does. */
struct tandem_source_slot {
  uint8_t in_use;   /* 0: free, 1: of a pool in force, 2: of a former one */
  uint8_t reserved[3];
  uint32_t address;
  uint8_t address6[16];
};

#ifdef __cplusplus /* the casts below are C's */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#endif
static inline uint64_t tandem_flow_key(uint32_t client_address, uint16_t client_port, uint16_t service) {
  return ((uint64_t)client_address << 32) | ((uint64_t)client_port << 16) | service;
}
static inline uint32_t tandem_key_client_address(uint64_t key) { return (uint32_t)(key >> 32); }
static inline uint16_t tandem_key_client_port(uint64_t key) { return (uint16_t)(key >> 16); }
static inline uint16_t tandem_key_service(uint64_t key) { return (uint16_t)(key & ~(uint64_t)TANDEM_KEY_IPV6); }
static inline uint8_t tandem_key_is_ipv6(uint64_t key) { return (key & TANDEM_KEY_IPV6) != 0; }

static inline uint64_t tandem_flow_value(uint16_t server, uint8_t state, uint8_t flags, uint32_t last_seen) {
  return ((uint64_t)last_seen << 32) | ((uint64_t)flags << 24) | ((uint64_t)state << 16) | server;
}
static inline uint16_t tandem_value_server(uint64_t value) { return (uint16_t)value; }
static inline uint8_t tandem_value_state(uint64_t value) { return (uint8_t)(value >> 16); }
static inline uint8_t tandem_value_flags(uint64_t value) { return (uint8_t)(value >> 24); }
static inline uint32_t tandem_value_last_seen(uint64_t value) { return (uint32_t)(value >> 32); }

/* Seeded, so that a client cannot choose ports that all fall into one bucket: two rounds of the splitmix64 finalizer. */
static inline uint64_t tandem_mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}
static inline uint64_t tandem_flow_hash(const uint64_t seed[2], uint8_t protocol, uint32_t client_address,
                                        uint16_t client_port) {
  const uint64_t tuple = ((uint64_t)client_address << 32) | ((uint64_t)client_port << 16) | protocol;
  return tandem_mix(tandem_mix(tuple ^ seed[0]) + seed[1]);
}
/* Of the client's address alone, for IPv6: the upper half stands in the key, all of it goes into the flow's hash. */
static inline uint64_t tandem_client6_hash(const uint64_t seed[2], const uint64_t words[2]) {
  return tandem_mix(tandem_mix(words[0] ^ seed[0]) ^ (words[1] + seed[1]));
}
static inline uint64_t tandem_flow_hash6(const uint64_t seed[2], uint8_t protocol, uint64_t client_hash,
                                         uint16_t client_port) {
  return tandem_mix((client_hash ^ ((uint64_t)client_port << 16 | protocol)) + seed[0]);
}
static inline uint32_t tandem_first_bucket(uint64_t hash, uint32_t bucket_count) {
  return (uint32_t)hash & (bucket_count - 1);
}
static inline uint32_t tandem_second_bucket(uint64_t hash, uint32_t bucket_count) {
  const uint32_t first = tandem_first_bucket(hash, bucket_count);
  const uint32_t second = (uint32_t)(hash >> 32) & (bucket_count - 1);
  return second != first ? second : first ^ 1u; /* bucket_count >= 2 */
}

#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif

#endif
