/* The fast path: what the kernel's programs (bpf/fast_path.bpf.c) and the room share. Plain C, because both read it.
 *
 * A packet of a connection that is established, and with which nothing is wrong, is rewritten and sent on where it arrives,
 * inside of the kernel: nothing is copied, no thread is woken, and super-packets stay what they are. Everything else goes the
 * way it always goes, up to the engine. Two programs do it. One is the tap's filter: it runs before anybody else sees the frame, finds the
 * flow, and either leaves word what is to be done and lets the tap pass over the frame, or has the engine get it. The other stands at the
 * ingress hook of the same interface, right behind, and does what the word says. They run on one processor, one after the other,
 * so the word is one record a processor.
 *
 * The engine stays the one that decides. The programs read, and never write, what it made; of the flow table they see a copy:
 * a flow's place has one here while its packets may take the fast path, written by the engine when it handles a packet of the flow, and taken
 * away before anything about the flow changes. What they tell back: that a side has sent (the sweep takes it for the flow's time), sequence
 * numbers (tcp_window.hpp), and counts.
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

/* A flow's copy, in the same place of the same bucket as the flow itself. */
struct tandem_fast_flow {
  uint64_t key;        /* the flow's; 0: none. Written last, and taken away first */
  uint16_t server;
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
  uint8_t reserved[8];
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
