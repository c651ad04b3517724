// A frame and its headers, read and checked as far as the fast path goes.
#ifndef TANDEM_FORWARDING_BPF_FRAME_H
#define TANDEM_FORWARDING_BPF_FRAME_H

#include "forwarding/bpf/shared.h"

// ---- a frame

struct ipv4 {
  uint8_t version_and_length, tos;
  uint16_t total_length;
  uint16_t id, fragment;
  uint8_t ttl, protocol;
  uint16_t checksum;
  uint32_t source, destination;
};
struct ipv6 {
  uint32_t version_and_label;
  uint16_t payload_length;
  uint8_t next_header, hop_limit;
  uint32_t source[4], destination[4];
};
struct tcp {
  uint16_t source, destination;
  uint32_t sequence, acknowledgment;
  uint8_t offset, flags;
  uint16_t window, checksum, urgent;
};
struct udp {
  uint16_t source, destination, length, checksum;
};

// What is known of a frame when its headers were read.
struct frame {
  struct address source, destination;
  uint64_t begin[2];
  uint32_t ip_length;  // of the packet, without what pads the frame
  uint32_t headers;    // IP's and the transport's
  uint32_t sequence, acknowledgment;
  uint16_t source_port, destination_port;  // as on the wire
  uint8_t is_ipv6, protocol;
  uint8_t flags;  // TCP's SYN, FIN, RST and ACK
};

// An IPv4 address as the shared records have it.
static always_inline void put4(struct address* place, uint32_t address) {
  uint32_t* const words = (uint32_t*)place->bytes;
  words[0] = words[1] = 0;
  words[2] = bpf_htonl(0xffff);
  words[3] = address;
}
static always_inline uint32_t four_of(const struct address* address) {
  return ((const uint32_t*)address->bytes)[3];
}

static always_inline int length_fits(const struct __sk_buff* skb, uint32_t ip_length) {
  const uint32_t there = skb->len - ETH_HLEN;
  // A short frame is padded to 60 bytes.
  return there == ip_length || (there > ip_length && skb->len <= ETH_ZLEN);
}

static always_inline int is_whole(const struct ipv4* ip) {
  const uint16_t* const words = (const uint16_t*)ip;
  uint32_t sum = 0;
#pragma unroll
  for (int i = 0; i < 10; ++i) sum += words[i];
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

// What a connection is made of.
static always_inline int is_usual(uint8_t flags) {
  return flags == FLAG_ACK || flags == FLAG_SYN || flags == (FLAG_SYN | FLAG_ACK) || flags == (FLAG_FIN | FLAG_ACK) ||
         flags == FLAG_RST || flags == (FLAG_RST | FLAG_ACK);
}

// Nonzero where all that stands behind the IP header is as it should be. REQUIRES: `ip_at` < 60.
static always_inline int read_transport(struct __sk_buff* skb, struct frame* frame, uint32_t ip_bytes) {
  if (frame->protocol == TCP) {
    struct tcp tcp;
    if (bpf_skb_load_bytes(skb, ETH_HLEN + ip_bytes, &tcp, sizeof tcp) != 0) return 0;
    const uint32_t tcp_bytes = (tcp.offset >> 4) * 4;
    frame->headers = ip_bytes + tcp_bytes;
    if (tcp_bytes < sizeof tcp || frame->headers > frame->ip_length) return 0;
    frame->flags = tcp.flags & (FLAG_SYN | FLAG_FIN | FLAG_RST | FLAG_ACK);
    if (!is_usual(frame->flags)) return 0;
    frame->source_port = tcp.source;
    frame->destination_port = tcp.destination;
    frame->sequence = bpf_ntohl(tcp.sequence);
    frame->acknowledgment = bpf_ntohl(tcp.acknowledgment);
    frame->begin[1] = *(const uint64_t*)&tcp;
    return 1;
  }
  if (frame->protocol != UDP) return 0;
  struct udp udp;
  if (bpf_skb_load_bytes(skb, ETH_HLEN + ip_bytes, &udp, sizeof udp) != 0) return 0;
  frame->headers = ip_bytes + sizeof udp;
  if (bpf_ntohs(udp.length) < sizeof udp || ip_bytes + bpf_ntohs(udp.length) != frame->ip_length) return 0;
  if (skb->gso_size != 0) return 0;
  // Without a checksum: RFC 8200, 8.1 has none in IPv6.
  if (frame->is_ipv6 && udp.checksum == 0) return 0;
  frame->source_port = udp.source;
  frame->destination_port = udp.destination;
  frame->begin[1] = *(const uint64_t*)&udp;
  return 1;
}

#endif
