/* The recipe: what to do with a packet, given (server, direction). Made once per server, not per flow; a flow only says
 * which server. Plain C, because eBPF reads the very same records.
 *
 * IPv4 addresses and ports are host-order numbers here; only apply() and the eBPF programs turn them into wire bytes. IPv6
 * addresses are bytes as they are on the wire.
 */
#ifndef TANDEM_FORWARDING_RECIPE_H
#define TANDEM_FORWARDING_RECIPE_H

#ifdef __bpf__
#include <linux/types.h>
typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;
#else
#include <stdint.h>
#endif

enum tandem_method {
  TANDEM_NAT = 0, /* rewrite the destination to the server, and its answers back */
  TANDEM_DR = 1,  /* only the MAC changes; the server answers the client itself */
  TANDEM_TUN = 2, /* in a tunnel to the server; it answers the client itself */
  TANDEM_FULLNAT = 3, /* as NAT, and the source becomes one of a pool's: the server needs no route back to the client */
  TANDEM_LOCAL = 4,   /* this box itself is the server */
};

/* What stands between the outer header and the client's packet. */
enum tandem_tunnel {
  TANDEM_IPIP = 0, /* nothing: RFC 2003, RFC 2473, RFC 4213 */
  TANDEM_GRE = 1,  /* RFC 2784 */
  TANDEM_GUE = 2,  /* UDP and draft-ietf-intarea-gue, as Linux's fou has it */
};

enum tandem_recipe_flags {
  TANDEM_RECIPE_IN_USE = 1,
  TANDEM_RECIPE_NEIGHBOUR_KNOWN = 2, /* ifindex, the MACs and mtu are valid */
  /* The service has several addresses or ports: virtual_address and virtual_port are only its first. What a flow's client
   * came to is its service number's address and port; with a range, and with server_port 0, ports stay as they are. */
  TANDEM_RECIPE_MANY_FRONTS = 4,
  TANDEM_RECIPE_IPV6 = 8,         /* the virtual address is virtual_address6 */
  TANDEM_RECIPE_SERVER_IPV6 = 16, /* the server's and the tunnel's are server_address6 and tunnel_source6 */
  TANDEM_RECIPE_TUNNEL_CHECKSUM = 32, /* GRE's checksum, or UDP's around GUE, is filled */
};

/* Two cache lines, of which IPv4 needs the first alone. */
struct tandem_recipe {
  uint32_t server_address; /* RIP */
  uint32_t virtual_address; /* VIP */
  uint16_t server_port;
  uint16_t virtual_port;
  uint16_t service; /* slot number of its service */
  uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
  uint8_t method;   /* enum tandem_method */
  uint8_t flags;    /* enum tandem_recipe_flags */
  uint8_t tunnel;           /* enum tandem_tunnel */
  uint16_t mtu;             /* of the way to the server, bytes of IP */
  uint32_t ifindex;         /* the interface towards the server */
  uint32_t tunnel_source;   /* DIP: the outer source address of a tunnel */
  uint8_t source_mac[6];    /* of that interface */
  uint8_t destination_mac[6]; /* of the next hop towards the server */
  uint16_t tunnel_port; /* GUE's destination port */
  uint8_t reserved1[22];
  uint8_t server_address6[16];
  uint8_t virtual_address6[16];
  uint8_t tunnel_source6[16];
  uint8_t reserved2[16];
};

#ifndef __bpf__
#ifdef __cplusplus
static_assert(sizeof(struct tandem_recipe) == 128, "two cache lines");
#else
_Static_assert(sizeof(struct tandem_recipe) == 128, "two cache lines");
#endif
#endif

#endif
