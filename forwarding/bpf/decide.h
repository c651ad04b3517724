// What is to be done with a frame of a flow that was found, and what the room is told of it.
#ifndef TANDEM_FORWARDING_BPF_DECIDE_H
#define TANDEM_FORWARDING_BPF_DECIDE_H

#include "forwarding/bpf/begin.h"

// ---- what is told back (tcp_window.cc has the same)

static always_inline void go_on(uint32_t* remembered, uint32_t next) {
  const uint32_t before = read_once(*remembered);
  const __s32 distance = (__s32)(next - before);
  if (before == 0 || (distance >= TANDEM_SEQUENCE_STEP && distance <= TANDEM_SEQUENCE_LEAP))
    *remembered = next == 0 ? 1 : next;
}

static always_inline void remember(const struct frame* frame, struct found* found, int is_answer) {
  const uint32_t next = frame->sequence + frame->ip_length - frame->headers;
  if (is_answer) {
    apart(0);
    if (found->flow->server_sent == 0) found->flow->server_sent = 1;
    if (frame->protocol != TCP) return;
    go_on(&found->sequences->server, next);
    go_on(&found->sequences->client, frame->acknowledgment);
    apart(0);
  } else {
    apart(1);
    if (found->flow->client_sent == 0) found->flow->client_sent = 1;
    if (frame->protocol != TCP) return;
    go_on(&found->sequences->client, next);
    go_on(&found->sequences->server, frame->acknowledgment);
    apart(1);
  }
}

static always_inline void count(const struct __sk_buff* skb, const struct frame* frame, uint32_t server,
                                int is_answer) {
  // No server has the number 0: its place counts frames.
  uint32_t own = bpf_get_smp_processor_id() * TANDEM_FAST_SERVERS;
  uint32_t place = own + server;
  struct tandem_fast_count* const counted = bpf_map_lookup_elem(&fast_counts, &place);
  if (counted == NULL) return;
  uint64_t packets = 1, bytes = frame->ip_length;
  const uint32_t segment = skb->gso_size;
  if (segment != 0) {
    packets = (frame->ip_length - frame->headers + segment - 1) / segment;
    if (packets == 0) packets = 1;
    bytes += (packets - 1) * frame->headers;
  }
  struct tandem_fast_count* const frames = bpf_map_lookup_elem(&fast_counts, &own);
  if (frames == NULL) return;
  if (is_answer) {
    counted->packets_out += packets, counted->bytes_out += bytes;
    frames->packets_out += 1;
  } else {
    counted->packets_in += packets, counted->bytes_in += bytes;
    frames->packets_in += 1;
  }
}

// ---- the word

static always_inline int fits(const struct __sk_buff* skb, const struct frame* frame, uint16_t mtu) {
  const uint32_t segment = skb->gso_size;
  return mtu == 0 || (segment != 0 ? segment + frame->headers : frame->ip_length) <= mtu;
}

// What is to be done with the frame; nothing (0) where only the engine knows.
static always_inline int decide(const struct __sk_buff* skb, const struct frame* frame, const struct found* found,
                                int is_answer, struct word* word) {
  struct tandem_fast_server* const server = found->server;
  const uint32_t version = read_once(server->version);
  if ((version & 1) != 0) return 0;
  in_order();
  if (!server->usable) return 0;
  word->is_ipv6 = frame->is_ipv6;
  word->protocol = frame->protocol;
  word->to_client = (uint8_t)is_answer;
  word->translates = server->method == TANDEM_NAT;
  if (is_answer) {
    const uint32_t number = found->hop;
    if (number == 0) return 0;
    struct tandem_fast_hop* const hop = bpf_map_lookup_elem(&fast_hops, &number);
    struct tandem_fast_front* const front = found->front;
    if (hop == NULL || front == NULL || !read_once(hop->usable) || !fits(skb, frame, hop->mtu)) return 0;
    word->out = hop->ifindex;
    __builtin_memcpy(word->macs, hop->destination_mac, 6);
    __builtin_memcpy(word->macs + 6, hop->source_mac, 6);
    const uint32_t written = read_once(front->version);
    if ((written & 1) != 0) return 0;
    in_order();
    if (!front->usable) return 0;
    word->port = front->port;
    __builtin_memcpy(&word->address, front->address, 16);
    in_order();
    if (read_once(front->version) != written) return 0;
    // Numbers that begin again are taken from the flows first.
    if (!read_once(hop->usable) || read_once(found->flow->hop) != number) return 0;
  } else {
    if (!fits(skb, frame, server->mtu)) return 0;
    word->out = server->ifindex;
    __builtin_memcpy(word->macs, server->destination_mac, 6);
    __builtin_memcpy(word->macs + 6, server->source_mac, 6);
    word->port = server->port;
    __builtin_memcpy(&word->address, server->address, 16);
  }
  in_order();
  return read_once(server->version) == version;
}

// ---- what the engine is told

static always_inline void fill_event(struct tandem_fast_event* event, const struct frame* frame, uint64_t key,
                                     uint32_t index, uint16_t new_server, int is_answer) {
  event->key = key;
  event->index = index;
  event->sequence = frame->sequence;
  event->acknowledgment = frame->acknowledgment;
  event->payload = frame->ip_length - frame->headers;
  event->server = new_server;
  event->flags = frame->flags;
  event->from_client = !is_answer;
  __builtin_memset(event->reserved, 0, sizeof event->reserved);
  __builtin_memcpy(event->client, &frame->source, sizeof event->client);
}

static always_inline void leave_word(const struct __sk_buff* skb, const struct frame* frame, struct word* word) {
  word->ifindex = skb->ifindex;
  word->length = skb->len;
  word->begin[0] = frame->begin[0];
  word->begin[1] = frame->begin[1];
  word->pending = 1;
}

// A SYN. Nonzero: it begins a connection, and goes on to the server that was picked.
static never_inline int begins(struct __sk_buff* skb, const struct frame* frame, uint32_t service,
                               struct tandem_fast_control* control, struct word* word) {
  uint32_t number = service;
  const struct tandem_fast_front* const front = bpf_map_lookup_elem(&fast_fronts, &number);
  if (front == NULL || !front->usable || front->deck == 0 || !can_be_client(frame)) return 0;
  // The number may be another front's by now.
  if (front->port != frame->destination_port || !same_address(&frame->destination, front->address)) return 0;
  struct wanted wanted;
  want(control, frame, (uint16_t)service, 0, &wanted);
  struct room room;
  if (!is_unknown(control, &wanted, (uint16_t)service, &room)) return 0;
  struct found found = {.server_number = take_pick(front->deck)};
  if (found.server_number == 0) return 0;
  found.server = server_of(found.server_number);
  if (found.server == NULL || !decide(skb, frame, &found, 0, word)) return 0;
  struct begun begun;
  if (!begin(&room, &begun)) return 0;
  put_copy_at(begun.bucket, begun.place, &wanted, found.server_number);
  fill_event(begun.event, frame, wanted.key, begun.bucket * TANDEM_BUCKET_FLOWS + begun.place,
             (uint16_t)found.server_number, 0);
  bpf_ringbuf_submit(begun.event, 0);
  leave_word(skb, frame, word);
  count(skb, frame, found.server_number, 0);
  return 1;
}

// Nonzero: the frame is the other program's.
static always_inline int goes_on(struct __sk_buff* skb, const struct frame* frame, int is_answer,
                                 struct tandem_fast_control* control) {
  uint16_t service = 0;
  if (!is_answer) {
    struct tandem_fast_endpoint front = {.port = frame->destination_port, .protocol = frame->protocol};
    __builtin_memcpy(front.address, &frame->destination, 16);
    const uint32_t* const number = bpf_map_lookup_elem(&fast_endpoints, &front);
    if (number == NULL) return 0;
    service = (uint16_t)*number;
  }
  uint32_t first = 0;
  struct word* const word = bpf_map_lookup_elem(&fast_words, &first);
  if (word == NULL) return 0;
  if (word->pending) {
    // A tap that is about to be closed and the one that comes for it both see the frame.
    if (word->ifindex == skb->ifindex && word->length == skb->len && word->begin[0] == frame->begin[0] &&
        word->begin[1] == frame->begin[1])
      return 1;
    // Nobody took the one before: something stands between, and would lose all.
    word->pending = 0;
    control->lost_ifindex = word->ifindex;
    control->lost += 1;
    control->on = 0;
    return 0;
  }
  if (frame->protocol == TCP && (frame->flags & (FLAG_SYN | FLAG_ACK)) == FLAG_SYN)
    return !is_answer && begins(skb, frame, service, control, word);
  struct wanted wanted;
  want(control, frame, service, is_answer, &wanted);
  struct found found = {0};
  if (!find(control, frame, &wanted, is_answer, &found)) return 0;
  if (frame->protocol == TCP && (frame->flags & FLAG_SYN) != 0 &&
      (!is_answer || found.front == NULL || found.front->clamps))
    return 0;
  if (!decide(skb, frame, &found, is_answer, word)) return 0;
  if (frame->protocol == TCP && (found.tell != 0 || frame->flags != FLAG_ACK)) {
    struct tandem_fast_event* const event = bpf_ringbuf_reserve(&fast_events, sizeof *event, 0);
    if (event == NULL) return 0;
    fill_event(event, frame, found.key, found.index, 0, is_answer);
    bpf_ringbuf_submit(event, 0);
  } else {
    remember(frame, &found, is_answer);
  }
  leave_word(skb, frame, word);
  count(skb, frame, found.server_number, is_answer);
  return 1;
}

#endif
