// The fast path's two programs; ../fast_path.h says what they share with the room, and why there are two.
//
// fast_tap is the filter of the room's packet sockets. It says first whether a frame may be for the engine at all, by the
// same rules as the classic program (../io/tap_filter.hpp), and then whether it may go on without it: everything that the engine would look
// at is looked at here too, and whatever is not as it should be goes up. Nothing is dropped here. What the engine has to know of it is told
// to it; and a SYN of nobody's flow goes to the server that was dealt for it.
//
// fast_forward stands at the ingress hook and carries out the word that fast_tap left a moment ago on this processor. It trusts the word only
// as far as the frame before it is the one that is meant.
//
// Helpers instead of writes into the packet: a program that writes there has every cloned frame of the interface copied, ours or not.
#include "forwarding/bpf/decide.h"
#include "forwarding/bpf/forward.h"

// ---- the tap's filter

// Of a virtual router's MAC address (RFC 9568, 7.3), which lives on a device above: another host's, to this interface.
static always_inline int is_of_virtual_router(struct __sk_buff* skb) {
  uint8_t mac[6];
  if (bpf_skb_load_bytes(skb, 0, mac, sizeof mac) != 0) return 0;
  return mac[0] == 0 && mac[1] == 0 && mac[2] == 0x5e && mac[3] == 0 && (mac[4] == 1 || mac[4] == 2);
}

static always_inline int tap4(struct __sk_buff* skb, struct tandem_fast_control* control) {
  struct ipv4 ip;
  if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof ip) != 0) return 0;
  if (ip.protocol == ICMP) return WANTED;
  struct frame frame = {.protocol = ip.protocol, .ip_length = bpf_ntohs(ip.total_length)};
  put4(&frame.source, ip.source);
  put4(&frame.destination, ip.destination);
  const enum whose is = whose(&frame.source, &frame.destination);
  if (is == KERNELS) return 0;
  if (!control->on || skb->vlan_present) return WANTED;
  if (ip.version_and_length != 0x45 || (ip.fragment & bpf_htons(0x3fff)) != 0 || ip.ttl <= 1) return WANTED;
  if (!length_fits(skb, frame.ip_length) || !is_whole(&ip)) return WANTED;
  frame.begin[0] = *(const uint64_t*)&ip.id;
  if (!read_transport(skb, &frame, sizeof ip)) return WANTED;
  return goes_on(skb, &frame, is == FROM_SERVER, control) ? 0 : WANTED;
}

static always_inline int tap6(struct __sk_buff* skb, struct tandem_fast_control* control) {
  struct ipv6 ip;
  if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof ip) != 0) return 0;
  if (ip.next_header == ICMPV6) {
    // Of errors alone: neighbour discovery is the kernel's.
    uint8_t type = 0;
    if (bpf_skb_load_bytes(skb, ETH_HLEN + sizeof ip, &type, sizeof type) != 0) return 0;
    if (type <= ICMPV6_LAST_ERROR) return WANTED;
  }
  struct frame frame = {
      .protocol = ip.next_header, .ip_length = bpf_ntohs(ip.payload_length) + sizeof ip, .is_ipv6 = 1};
  __builtin_memcpy(&frame.source, ip.source, sizeof frame.source);
  __builtin_memcpy(&frame.destination, ip.destination, sizeof frame.destination);
  const enum whose is = whose(&frame.source, &frame.destination);
  if (is == KERNELS) return 0;
  if (!control->on || skb->vlan_present) return WANTED;
  if ((bpf_ntohl(ip.version_and_label) >> 28) != 6 || ip.hop_limit <= 1 || ip.payload_length == 0) return WANTED;
  if (!length_fits(skb, frame.ip_length)) return WANTED;
  frame.begin[0] = *(const uint64_t*)&ip;
  if (!read_transport(skb, &frame, sizeof ip)) return WANTED;
  return goes_on(skb, &frame, is == FROM_SERVER, control) ? 0 : WANTED;
}

SEC("socket")
int fast_tap_rest(struct __sk_buff* skb) {
  if (skb->pkt_type != PACKET_HOST && !(skb->pkt_type == PACKET_OTHERHOST && is_of_virtual_router(skb))) return 0;
  // A VLAN's frame is seen again on the VLAN's own interface; a tag of priority alone is no VLAN's.
  if (skb->vlan_present && (skb->vlan_tci & 0xfff) != 0) return 0;
  uint32_t first = 0;
  struct tandem_fast_control* const control = bpf_map_lookup_elem(&fast_control, &first);
  if (control == NULL) return WANTED;
  if (skb->protocol == bpf_htons(ETH_P_IP)) return tap4(skb, control);
  if (skb->protocol == bpf_htons(ETH_P_IPV6)) return tap6(skb, control);
  return 0;
}

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __type(key, uint32_t);
  __array(values, int(struct __sk_buff*));
} fast_stages SEC(".maps") = {.values = {(void*)&fast_tap_rest}};

// A socket's filter is charged to its socket by its length, and before Linux 6.9 there was little room (net.core.optmem_max, 20,480
// bytes); what it calls is not.
SEC("socket")
int fast_tap(struct __sk_buff* skb) {
  bpf_tail_call(skb, &fast_stages, 0);
  return WANTED;
}

// ---- the ingress hook's program

SEC("tc")
int fast_forward(struct __sk_buff* skb) {
  uint32_t first = 0;
  struct word* const word = bpf_map_lookup_elem(&fast_words, &first);
  if (word == NULL || !word->pending) return TC_ACT_UNSPEC;
  word->pending = 0;
  if (word->ifindex == skb->ifindex && word->length == skb->len &&
      (word->is_ipv6 ? forward6(skb, word) : forward4(skb, word)))
    return (int)bpf_redirect(word->out, 0);
  // Another frame, or one that could not be written to.
  struct tandem_fast_control* const control = bpf_map_lookup_elem(&fast_control, &first);
  if (control == NULL) return TC_ACT_UNSPEC;
  control->lost_ifindex = word->ifindex;
  control->lost += 1;
  control->on = 0;
  return TC_ACT_UNSPEC;
}

// GPL for those who want helpers that ask for it; the kernel knows no other word for both.
char _license[] SEC("license") = "Dual BSD/GPL";
