// Carries out a word: the frame's headers, its checksum and its addresses on the link.
#ifndef TANDEM_FORWARDING_BPF_FORWARD_H
#define TANDEM_FORWARDING_BPF_FORWARD_H

#include "forwarding/bpf/frame.h"

// ---- the ingress hook's program

struct begin4 {
  uint16_t nothing;  // of the frame, but it puts the rest where the verifier wants it
  uint8_t macs[12];
  uint16_t type;
  struct ipv4 ip;
  uint16_t source_port, destination_port;
};

struct begin6 {
  uint16_t nothing;  // of the frame, but it puts the rest where the verifier wants it
  uint8_t macs[12];
  uint16_t type;
  struct ipv6 ip;
  uint16_t source_port, destination_port;
};

#define BEGIN_BYTES(begin) (sizeof(begin) - sizeof((begin).nothing))

static always_inline uint16_t folded(uint32_t sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

// The transport's checksum is the helper's, which knows whether it has been filled at all. Nonzero: done.
static always_inline int change_port(struct __sk_buff* skb, uint32_t checksum_at, uint16_t from, uint16_t to,
                                     uint64_t flags) {
  return from == to || bpf_l4_csum_replace(skb, checksum_at, from, to, flags | 2) == 0;
}

static always_inline uint32_t checksum_of(uint8_t protocol, uint32_t ip_bytes) {
  return ETH_HLEN + ip_bytes +
         (protocol == TCP ? __builtin_offsetof(struct tcp, checksum) : __builtin_offsetof(struct udp, checksum));
}

static always_inline int forward4(struct __sk_buff* skb, const struct word* word) {
  struct begin4 begin = {0};
  if (bpf_skb_load_bytes(skb, 0, begin.macs, BEGIN_BYTES(begin)) != 0) return 0;
  struct ipv4* const ip = &begin.ip;
  uint64_t transport = 0;
  if (bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(struct ipv4), &transport, sizeof transport) != 0) return 0;
  uint64_t middle;
  __builtin_memcpy(&middle, &ip->id, sizeof middle);
  if (middle != word->begin[0] || transport != word->begin[1]) return 0;

  const uint32_t before = ip->ttl | (uint32_t)ip->protocol << 8;
  uint32_t sum = (uint16_t)~ip->checksum;
  sum += (uint16_t)~before + (before - 1);
  ip->ttl -= 1;
  if (word->translates) {
    const uint64_t flags = word->protocol == UDP ? BPF_F_MARK_MANGLED_0 : 0;
    const uint32_t at = checksum_of(word->protocol, sizeof(struct ipv4));
    const uint32_t to = four_of(&word->address);
    uint32_t from;
    uint16_t port;
    if (word->to_client) {
      apart(0);
      from = ip->source, ip->source = to;
      port = begin.source_port, begin.source_port = word->port;
      apart(0);
    } else {
      apart(1);
      from = ip->destination, ip->destination = to;
      port = begin.destination_port, begin.destination_port = word->port;
      apart(1);
    }
    if (bpf_l4_csum_replace(skb, at, from, to, flags | BPF_F_PSEUDO_HDR | 4) != 0) return 0;
    if (!change_port(skb, at, port, word->port, flags)) return 0;
    sum += (uint16_t)~from + (uint16_t)~(from >> 16) + (to & 0xffff) + (to >> 16);
  }
  ip->checksum = (uint16_t)~folded(sum);
  __builtin_memcpy(begin.macs, word->macs, sizeof begin.macs);
  return bpf_skb_store_bytes(skb, 0, begin.macs, BEGIN_BYTES(begin), 0) == 0;
}

static always_inline int forward6(struct __sk_buff* skb, const struct word* word) {
  struct begin6 begin = {0};
  if (bpf_skb_load_bytes(skb, 0, begin.macs, BEGIN_BYTES(begin)) != 0) return 0;
  struct ipv6* const ip = &begin.ip;
  uint64_t transport = 0;
  if (bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(struct ipv6), &transport, sizeof transport) != 0) return 0;
  uint64_t front;
  __builtin_memcpy(&front, ip, sizeof front);
  if (front != word->begin[0] || transport != word->begin[1]) return 0;

  uint32_t header[10];
  __builtin_memcpy(header, ip, sizeof header);
  ip->hop_limit -= 1;
  if (word->translates) {
    const uint64_t flags = word->protocol == UDP ? BPF_F_MARK_MANGLED_0 : 0;
    const uint32_t at = checksum_of(word->protocol, sizeof(struct ipv6));
    uint32_t from[4], to[4];
    uint16_t port;
    __builtin_memcpy(to, &word->address, sizeof to);
    if (word->to_client) {
      apart(0);
      __builtin_memcpy(from, ip->source, sizeof from);
      __builtin_memcpy(ip->source, to, sizeof to);
      port = begin.source_port, begin.source_port = word->port;
      apart(0);
    } else {
      apart(1);
      __builtin_memcpy(from, ip->destination, sizeof from);
      __builtin_memcpy(ip->destination, to, sizeof to);
      port = begin.destination_port, begin.destination_port = word->port;
      apart(1);
    }
    const __s64 difference = bpf_csum_diff(from, sizeof from, to, sizeof to, 0);
    if (bpf_l4_csum_replace(skb, at, 0, (uint64_t)difference, flags | BPF_F_PSEUDO_HDR) != 0) return 0;
    if (!change_port(skb, at, port, word->port, flags)) return 0;
  }
  // Where the card has summed up the whole packet: IPv4's header sums up to nothing before and after, IPv6's has no sum of its own.
  uint32_t after[10];
  __builtin_memcpy(after, ip, sizeof after);
  bpf_csum_update(skb, (uint32_t)bpf_csum_diff(header, sizeof header, after, sizeof after, 0));
  __builtin_memcpy(begin.macs, word->macs, sizeof begin.macs);
  return bpf_skb_store_bytes(skb, 0, begin.macs, BEGIN_BYTES(begin), 0) == 0;
}

#endif
