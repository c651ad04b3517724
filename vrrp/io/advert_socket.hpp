// The sockets on which the adverts of one interface and family come and go: a raw one that sends and is a member of the
// group, and a packet socket that hears, because a host's firewall that drops protocol 112 would make it deaf without a word.
#pragma once

#include <cerrno>
#include <optional>
#include <string>

#include "daemon/base/bytes.hpp"
#include "daemon/base/result.hpp"
#include "daemon/loop/fd.hpp"
#include "vrrp/io/frame_sender.hpp"
#include "vrrp/packet.hpp"

namespace tandem::vrrp {

class AdvertSocket {
 public:
  using Family = IpAddress::Family;

  // Bound to the interface, member of 224.0.0.18 or ff02::12, non-blocking; hears nothing of its own. Errors: a sentence.
  static Result<AdvertSocket, std::string> open(int interface_index, const std::string& interface,
                                                Family family = Family::kIpv4);

  // Readable when there is something to receive().
  int fd() const { return ear_.get(); }

  // Whether packets to our own addresses are delivered too. Without a unicast router on the interface they are kept away
  // by a filter, and a flood of them costs the room nothing.
  void hear_unicast(bool wanted);

  struct Packet {
    Bytes bytes;  // IPv4: from the IP header on; IPv6: the message alone
    // What stands before an IPv6 message.
    Ipv6Address source, destination;
    uint8_t hop_limit = 0;
  };
  // The next packet, in `buffer`; nothing when there is none now. What is longer than the buffer is cut off, and its
  // length field then gives it away.
  std::optional<Packet> receive(MutableBytes buffer);

  // From `advert.source`, which must be an address of this box. Returns 0 or an errno.
  int send(const Advert& advert);
  // The same as a frame of its own, from another MAC address than the interface's, to the group.
  int send_from(const MacAddress& mac, const Advert& advert);
  // The same for a message that is encoded already.
  int send_message(Bytes message, const IpAddress& source, const IpAddress& destination);

 private:
  AdvertSocket(loop::UniqueFd fd, loop::UniqueFd ear, int interface_index, Family family)
      : fd_(std::move(fd)), ear_(std::move(ear)), interface_index_(interface_index), family_(family) {}
  std::optional<Packet> opened(Bytes bytes) const;

  loop::UniqueFd fd_, ear_;
  std::optional<FrameSender> frames_;  // made when it is needed
  int interface_index_ = 0;
  Family family_ = Family::kIpv4;
  uint16_t ip_id_ = 0;
};

}  // namespace tandem::vrrp
