// Places a new connection by a pick that was dealt (../fast_path.h).
#ifndef TANDEM_FORWARDING_BPF_BEGIN_H
#define TANDEM_FORWARDING_BPF_BEGIN_H

#include "forwarding/bpf/find.h"

// ---- places and their tags

static always_inline tandem_fast_tags* tags_of(uint32_t bucket) {
  uint32_t word = bucket / 2;
  return bpf_map_lookup_elem(&fast_tags, &word);
}
// Of a bucket alone, from its word.
static always_inline uint32_t tags_in(uint64_t word, uint32_t bucket) {
  return (uint32_t)(word >> (bucket & 1) * 32);
}
// Nonzero: one of them is `tag`.
static always_inline uint32_t has(uint32_t tags, uint32_t tag) {
  const uint32_t other = tags ^ tag * 0x01010101U;
  return (other - 0x01010101U) & ~other & 0x80808080U;
}
static never_inline uint32_t taken_of(uint32_t tags) {
  return ((tags & 0xff) != 0) + ((tags >> 8 & 0xff) != 0) + ((tags >> 16 & 0xff) != 0) + (tags >> 24 != 0);
}

// A place of the bucket, which is marked as taken; 4: there is none, or somebody else was faster.
static always_inline uint32_t take_place(tandem_fast_tags* word, uint32_t bucket, uint32_t tag) {
  const uint64_t before = read_once(*word);
  const uint32_t tags = tags_in(before, bucket);
  const uint32_t place = (tags & 0xff) == 0       ? 0
                         : (tags & 0xff00) == 0   ? 1
                         : (tags & 0xff0000) == 0 ? 2
                         : tags >> 24 == 0        ? 3
                                                  : 4;
  if (place == 4) return place;
  const uint64_t after = before | (uint64_t)tag << ((bucket & 1) * 32 + place * 8);
  return __sync_val_compare_and_swap(word, before, after) == before ? place : 4;
}
static always_inline void give_back(tandem_fast_tags* word, uint32_t bucket, uint32_t place) {
  __sync_fetch_and_and(word, ~((uint64_t)0xff << ((bucket & 1) * 32 + place * 8)));
}

// ---- a pick

// 0: there is none.
static always_inline uint32_t take_pick(uint32_t number) {
  struct tandem_fast_deck* const deck = bpf_map_lookup_elem(&fast_decks, &number);
  if (deck == NULL) return 0;
  const uint64_t seen = read_once(deck->taken);
  if ((uint32_t)seen >= ((seen >> 32 & 1) != 0 ? read_once(deck->dealt[1]) : read_once(deck->dealt[0]))) return 0;
  const uint64_t taken = __sync_fetch_and_add(&deck->taken, 1);
  const uint32_t half = (uint32_t)(taken >> 32) & 1, at = (uint32_t)taken;
  if (at >= (half != 0 ? read_once(deck->dealt[1]) : read_once(deck->dealt[0])) || at >= TANDEM_FAST_PICKS) return 0;
  uint32_t four = ((number * 2 + half) * TANDEM_FAST_PICKS + at) / 4;
  const uint64_t* const servers = bpf_map_lookup_elem(&fast_picks, &four);
  return servers == NULL ? 0 : (uint16_t)(read_once(*servers) >> at % 4 * 16);
}

// ---- the client

// RFC 1812, 5.3.7: who can have sent a packet. The engine counts and drops what is not so.
static always_inline int can_be_client(const struct frame* frame) {
  if (frame->is_ipv6) {
    const uint32_t* const words = (const uint32_t*)frame->source.bytes;
    if (frame->source.bytes[0] == 0xff || (words[0] == 0 && words[1] == 0)) return 0;
  } else {
    const uint32_t first = bpf_ntohl(four_of(&frame->source)) >> 24;
    if (first == 0 || first == 127 || first >= 224) return 0;
  }
  return (bits_of(&frame->source) & (TANDEM_FAST_OWN | TANDEM_FAST_SERVICE)) == 0;
}

// ---- the whole

// Where a flow of a client may be put.
struct room {
  tandem_fast_tags *first_word, *second_word;
  uint32_t first, second;  // buckets
  uint32_t tag;
};
struct begun {
  struct tandem_fast_event* event;
  tandem_fast_tags* word;
  uint32_t bucket, place;
};

// A copy for the packets that come before the engine has taken the flow up. Where somebody is just done with a former flow's, there
// will be one later.
static always_inline void put_copy(struct tandem_fast_flow* flow, const struct wanted* wanted, uint32_t server) {
  if (__sync_val_compare_and_swap(&flow->key, 0, TANDEM_KEY_BUSY) != 0) return;
  flow->server = (uint16_t)(server | TANDEM_FAST_TELL);
  flow->hop = 0;
  flow->client_sent = flow->server_sent = 0;
  flow->check = wanted->check;
  in_order();
  // Not if it was taken away in the meantime.
  if (__sync_val_compare_and_swap(&flow->key, TANDEM_KEY_BUSY, wanted->key) != TANDEM_KEY_BUSY)
    *(volatile uint64_t*)&flow->key = 0;
}

static always_inline void put_copy_at(uint32_t bucket, uint32_t place, const struct wanted* wanted, uint32_t server) {
  struct tandem_fast_bucket* const places = bpf_map_lookup_elem(&fast_flows, &bucket);
  if (places == NULL) return;
  if (place == 0) {
    apart(0);
    put_copy(&places->flows[0], wanted, server);
    apart(0);
  } else if (place == 1) {
    apart(1);
    put_copy(&places->flows[1], wanted, server);
    apart(1);
  } else if (place == 2) {
    apart(2);
    put_copy(&places->flows[2], wanted, server);
    apart(2);
  } else {
    apart(3);
    put_copy(&places->flows[3], wanted, server);
    apart(3);
  }
}

static always_inline uint32_t ones_in(const struct room* room) {
  return tags_in(read_once(*room->first_word), room->first);
}
static always_inline uint32_t others_in(const struct room* room) {
  return tags_in(read_once(*room->second_word), room->second);
}

// Nonzero: no flow has this client.
static always_inline int is_unknown(const struct tandem_fast_control* control, const struct wanted* wanted,
                                    uint16_t service, struct room* room) {
  room->first = tandem_first_bucket(wanted->hash, control->bucket_count);
  room->second = tandem_second_bucket(wanted->hash, control->bucket_count);
  room->tag = (uint32_t)tandem_fast_tag(wanted->hash, service);
  room->first_word = tags_of(room->first);
  room->second_word = tags_of(room->second);
  if (room->first_word == NULL || room->second_word == NULL) return 0;
  return !has(ones_in(room), room->tag) && !has(others_in(room), room->tag);
}

// Takes a place for the flow, and begins to tell of it.
static always_inline int begin(const struct room* room, struct begun* begun) {
  begun->event = bpf_ringbuf_reserve(&fast_events, sizeof(struct tandem_fast_event), 0);
  if (begun->event == NULL) return 0;
  // As the engine does: into the emptier one.
  if (taken_of(others_in(room)) < taken_of(ones_in(room))) {
    apart(0);
    begun->word = room->second_word, begun->bucket = room->second;
    apart(0);
  } else {
    apart(1);
    begun->word = room->first_word, begun->bucket = room->first;
    apart(1);
  }
  begun->place = take_place(begun->word, begun->bucket, room->tag);
  if (begun->place == 4) {
    bpf_ringbuf_discard(begun->event, 0);
    return 0;
  }
  // Whoever takes a place for the same client at the same moment, on another processor or in the engine, sees this one, or is seen here.
  const uint32_t own = 0xffU << begun->place * 8;
  const uint32_t mine = tags_in(read_once(*begun->word), begun->bucket) ^ own;  // which is no tag of this flow's
  const uint32_t there = begun->bucket == room->first ? others_in(room) : ones_in(room);
  if (has(mine, room->tag) || has(there, room->tag)) {
    give_back(begun->word, begun->bucket, begun->place);
    bpf_ringbuf_discard(begun->event, 0);
    return 0;
  }
  return 1;
}

#endif
