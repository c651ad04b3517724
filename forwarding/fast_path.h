/* The fast path: what the kernel's programs (bpf/fast_path.bpf.c) and the room share. Plain C, because both read it.
 *
 * A packet of a connection that is established, and with which nothing is wrong, is rewritten and sent on where it arrives,
 * inside of the kernel: nothing is copied, no thread is woken, and super-packets stay what they are. Everything else goes the
 * way it always goes, up to the engine. Two programs do it. One is the tap's filter: it runs before anybody else sees the frame, finds the
 * flow, and either leaves word what is to be done and lets the tap pass over the frame, or has the engine get it. The other stands at the
 * ingress hook of the same interface, right behind, and does what the word says. They run on one processor, one after the other,
 * so the word is one record a processor.
 *
 * The engine stays the one that decides. Of the flow table the programs see a copy: a flow's place has one here while its packets may take
 * the fast path, written by the engine when it has handled a packet of the flow, and taken away before the flow gets another server or
 * ends. What they tell back: that a side has sent (the sweep takes it for the flow's time), sequence numbers (tcp_window.hpp), counts, and
 * events: of each packet of a TCP flow that is not established, and of each that may change an established one, what the engine has to know to
 * follow the connection. Such a packet is on its way when the engine hears of it.
 *
 * New connections. Where many come in, the engine deals picks of a service's scheduler in advance (dealer.hpp), and the programs take one for
 * each SYN that is of no flow, put the flow's copy down themselves, and tell the engine, which takes it up into the table. That no flow has
 * the SYN's client is known by tags: a byte for each place of the table, not 0 where a flow is or is being put, and of its client's
 * hash. Engine and programs take a place by its tag first. Where anything is in doubt, a tag that is alike or no room, the SYN goes up.
 *
 * Records that are more than a word carry a version, which is odd while they are being written (a seqlock).
 *
 * Addresses are bytes as on the wire, an IPv4 address as ::ffff:a.b.c.d, which nobody has on a wire; ports are as on the wire too.
 */
#ifndef TANDEM_FORWARDING_FAST_PATH_H
#define TANDEM_FORWARDING_FAST_PATH_H

#include "forwarding/flow_table.h"

#define TANDEM_FAST_SERVERS 16384u /* servers with greater numbers are served by the engine alone */
#define TANDEM_FAST_HOPS 4096u     /* ways to clients; 0 means "not known" */

#define TANDEM_FAST_TELL 0x8000u   /* beside a copy's server: the engine is told of each packet */

/* A flow's copy, in the same place of the same bucket as the flow itself. */
struct tandem_fast_flow {
  uint64_t key;        /* the flow's; 0: none. Written last, and taken away first */
  uint16_t server;     /* and TANDEM_FAST_TELL */
  uint16_t hop;        /* by which its answers leave */
  uint8_t client_sent; /* since the sweep looked last; written by the programs */
  uint8_t server_sent;
  uint16_t check;      /* IPv6: more of the hash of the client's address, of which the key has 32 bits */
};

struct tandem_fast_bucket {
  struct tandem_fast_flow flows[TANDEM_BUCKET_FLOWS];
} __attribute__((aligned(64)));

/* The sequence numbers of a bucket's flows: the very ones the engine uses while there is a fast path. */
struct tandem_fast_sequences {
  struct tandem_sequences flows[TANDEM_BUCKET_FLOWS];
};

/* The tags of two buckets' places, the first one's in the lowest byte; 0: nobody has the place. Changed by compare-and-swap. */
typedef uint64_t tandem_fast_tags;
static inline uint64_t tandem_fast_tag(uint64_t flow_hash, uint16_t service) {
  const uint64_t tag = ((flow_hash >> 24) ^ service * 0x9dULL) & 0xff;
  return tag != 0 ? tag : 1;
}

/* What the engine has to know of a packet that went by. */
struct tandem_fast_event {
  uint64_t key;            /* the flow's, and */
  uint32_t index;          /* its place */
  uint32_t sequence, acknowledgment;
  uint32_t payload;        /* bytes */
  uint16_t server;         /* of a flow that was put there by the programs; 0: it was known */
  uint8_t flags;           /* TCP's */
  uint8_t from_client;
  uint8_t reserved[4];
  uint8_t client[16];      /* of a new flow: its address */
};

/* Picks that were dealt to a service, by its number, in two halves: the programs take from one while the other is written. */
#define TANDEM_FAST_DECKS 1024u /* services with greater numbers are placed by the engine alone */
#define TANDEM_FAST_PICKS 256u  /* of a half */
struct tandem_fast_deck {
  uint64_t taken;    /* round << 32 | picks that were taken in it, or wished for. A round has the half of its lowest bit */
  uint32_t dealt[2];
};
/* Four of them; those of a half are at [(deck * 2 + half) * TANDEM_FAST_PICKS / 4]. */
struct tandem_fast_picks {
  uint16_t servers[4];
};

/* A server, by its number. */
struct tandem_fast_server {
  uint32_t version;
  uint8_t usable;   /* its packets may take the fast path */
  uint8_t method;   /* TANDEM_NAT or TANDEM_DR */
  uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
  uint8_t is_ipv6;
  uint32_t ifindex; /* towards it */
  uint16_t mtu;     /* of that way, bytes of IP */
  uint16_t port;
  uint8_t source_mac[6];
  uint8_t destination_mac[6];
  uint8_t address[16];
  uint8_t reserved[20];
};

/* What clients come to, by its number: one address and one port. */
struct tandem_fast_front {
  uint32_t version;
  uint8_t usable;
  uint8_t protocol;
  uint16_t port;
  uint8_t address[16];
  uint16_t deck;  /* its service's; 0: none */
  uint8_t clamps; /* what a SYN says of segments may be made smaller */
  uint8_t reserved[5];
};

/* A way to clients. A number stands for one way and never for another, until all are forgotten together. */
struct tandem_fast_hop {
  uint32_t ifindex;
  uint16_t mtu;
  uint8_t usable; /* written last, and taken away first */
  uint8_t reserved;
  uint8_t source_mac[6];
  uint8_t destination_mac[6];
  uint8_t reserved2[12];
};

/* What went by the fast path, of one server, counted by each processor for itself: at [processor * TANDEM_FAST_SERVERS + server].
 * Packets as they are on the wire, bytes of IP. */
struct tandem_fast_count {
  uint64_t packets_in, bytes_in;
  uint64_t packets_out, bytes_out;
};

struct tandem_fast_control {
  uint32_t on;          /* 0: every frame goes up */
  uint32_t reserved0;
  uint64_t seed[2];     /* of the flow table */
  uint32_t bucket_count;
  uint32_t lost;        /* frames that the tap passed over and the other program never saw: somebody stands between. Then `on` is 0 */
  uint32_t lost_ifindex;
  uint32_t reserved;
};

/* Whose an address is; several may hold. */
enum tandem_fast_address {
  TANDEM_FAST_SERVICE = 1, /* clients send there */
  TANDEM_FAST_SERVER = 2,  /* it answers through this director */
  TANDEM_FAST_OWN = 4,     /* this director's own */
};
struct tandem_fast_endpoint {
  uint8_t address[16];
  uint16_t port;
  uint8_t protocol;
  uint8_t reserved;
};

#ifndef __bpf__
#ifdef __cplusplus
static_assert(sizeof(struct tandem_fast_bucket) == 64 && sizeof(struct tandem_fast_server) == 64, "a cache line");
#endif
#endif

#endif
