// Whose a frame is, and its flow.
#ifndef TANDEM_FORWARDING_BPF_FIND_H
#define TANDEM_FORWARDING_BPF_FIND_H

#include "forwarding/bpf/frame.h"

// ---- whose it is

static always_inline uint32_t bits_of(const struct address* address) {
  const uint32_t* const bits = bpf_map_lookup_elem(&fast_addresses, address);
  return bits != NULL ? *bits : 0;
}

enum whose { KERNELS, TO_SERVICE, FROM_SERVER };

// As want_by_address() of the classic program.
static always_inline enum whose whose(const struct address* source, const struct address* destination) {
  const uint32_t bits = bits_of(destination);
  if ((bits & TANDEM_FAST_SERVICE) != 0) return TO_SERVICE;
  if ((bits & TANDEM_FAST_OWN) != 0) return KERNELS;
  return (bits_of(source) & TANDEM_FAST_SERVER) != 0 ? FROM_SERVER : KERNELS;
}

// ---- its flow

struct found {
  struct tandem_fast_flow* flow;
  struct tandem_sequences* sequences;
  struct tandem_fast_server* server;
  struct tandem_fast_front* front;  // of an answer
  uint64_t key;
  uint32_t index;
  uint32_t server_number;
  uint32_t hop;
  uint32_t tell;  // nonzero: of each packet
};

// Where the flow of a client may be, and what its copy has.
struct wanted {
  uint64_t hash, key;
  uint16_t check;
};

static always_inline int same_address(const struct address* a, const uint8_t* b) {
  const uint64_t* const words = (const uint64_t*)a->bytes;
  const uint64_t* const others = (const uint64_t*)b;
  return words[0] == others[0] && words[1] == others[1];
}

static always_inline struct tandem_fast_server* server_of(uint32_t number) {
  return bpf_map_lookup_elem(&fast_servers, &number);
}

// Whether the flow at this place has `key`, of an answer: with any service's number in it, and its server has sent the frame.
static always_inline int is_at(struct tandem_fast_bucket* places, const uint32_t i, uint32_t bucket, uint64_t key,
                               uint16_t check, const struct frame* frame, int is_answer, struct found* found) {
  struct tandem_fast_flow* const flow = &places->flows[i];
  const uint64_t there = read_once(flow->key);
  if (is_answer ? (there & ~(uint64_t)(TANDEM_KEY_IPV6 - 1)) != key : there != key) return 0;
  in_order();
  if (read_once(flow->check) != check) return 0;
  const uint32_t number_and_tell = read_once(flow->server);
  found->server_number = number_and_tell & ~TANDEM_FAST_TELL;
  found->tell = number_and_tell & TANDEM_FAST_TELL;
  found->key = there;
  found->index = bucket * TANDEM_BUCKET_FLOWS + i;
  found->hop = read_once(flow->hop);
  struct tandem_fast_server* const server = server_of(found->server_number);
  if (server == NULL) return 0;
  if (is_answer) {
    if (!same_address(&frame->source, server->address) || server->port != frame->source_port ||
        server->protocol != frame->protocol || server->method != TANDEM_NAT)
      return 0;
    uint32_t number = tandem_key_service(there);
    found->front = bpf_map_lookup_elem(&fast_fronts, &number);
    if (found->front == NULL) return 0;
  }
  struct tandem_fast_sequences* const sequences = bpf_map_lookup_elem(&fast_sequences, &bucket);
  if (sequences == NULL) return 0;
  found->sequences = &sequences->flows[i];
  found->flow = flow;
  found->server = server;
  apart(i);
  return read_once(flow->key) == there;
}

// Not a loop, whose ways out would be one.
static always_inline int find_in(uint32_t bucket, uint64_t key, uint16_t check, const struct frame* frame,
                                 int is_answer, struct found* found) {
  struct tandem_fast_bucket* const places = bpf_map_lookup_elem(&fast_flows, &bucket);
  if (places == NULL) return 0;
  _Static_assert(TANDEM_BUCKET_FLOWS == 4, "as many as are looked at");
  return is_at(places, 0, bucket, key, check, frame, is_answer, found) ||
         is_at(places, 1, bucket, key, check, frame, is_answer, found) ||
         is_at(places, 2, bucket, key, check, frame, is_answer, found) ||
         is_at(places, 3, bucket, key, check, frame, is_answer, found);
}

// `service`: 0 where any will do.
static always_inline void want(const struct tandem_fast_control* control, const struct frame* frame, uint16_t service,
                               int is_answer, struct wanted* wanted) {
  const struct address* const client = is_answer ? &frame->destination : &frame->source;
  const uint16_t port = bpf_ntohs(is_answer ? frame->destination_port : frame->source_port);
  if (frame->is_ipv6) {
    const uint64_t of_client = tandem_client6_hash(control->seed, (const uint64_t*)client->bytes);
    wanted->hash = tandem_flow_hash6(control->seed, frame->protocol, of_client, port);
    wanted->key = tandem_flow_key((uint32_t)(of_client >> 32), port, TANDEM_KEY_IPV6 | service);
    wanted->check = (uint16_t)of_client;
  } else {
    const uint32_t address = bpf_ntohl(four_of(client));
    wanted->hash = tandem_flow_hash(control->seed, frame->protocol, address, port);
    wanted->key = tandem_flow_key(address, port, service);
    wanted->check = 0;
  }
}

static always_inline int find(const struct tandem_fast_control* control, const struct frame* frame,
                              const struct wanted* wanted, int is_answer, struct found* found) {
  return find_in(tandem_first_bucket(wanted->hash, control->bucket_count), wanted->key, wanted->check, frame, is_answer,
                 found) ||
         find_in(tandem_second_bucket(wanted->hash, control->bucket_count), wanted->key, wanted->check, frame,
                 is_answer, found);
}

#endif
