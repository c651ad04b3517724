#include "forwarding/io/sender_choice.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace tandem::forwarding {
namespace {

constexpr uint32_t kQueue = 0;

std::string refusal(int why) {
  switch (why) {
    case EBUSY:
      return "another AF_XDP socket has its queue 0";
    case EAFNOSUPPORT:
      return "the kernel has no AF_XDP, or the unit's RestrictAddressFamilies leaves it out";
    case ENOBUFS:
      return "AF_XDP was refused its memory (RLIMIT_MEMLOCK)";
    default:
      return std::string("AF_XDP was refused: ") + std::strerror(why);
  }
}

}  // namespace

bool may_be_passed_by(const std::string& qdisc) {
  constexpr std::array<std::string_view, 7> kPlain = {"", "noqueue", "noop", "mq", "pfifo_fast", "fq_codel", "fq"};
  return std::ranges::find(kPlain, qdisc) != kPlain.end();
}

SenderChoice choose_sender(const PacketInterface& interface, SendBy wish) {
  SenderChoice choice;
  if (wish == SendBy::kPacketSocket) {
    choice.reason = "the site file says send_by: packet_socket";
  } else if (wish == SendBy::kAuto && !may_be_passed_by(interface.qdisc)) {
    choice.reason = "AF_XDP would pass by its queueing discipline " + interface.qdisc;
  } else if (auto sender = XdpSender::open(static_cast<uint32_t>(interface.index), kQueue)) {
    choice.sender = std::move(*sender);
  } else {
    choice.reason = refusal(sender.error());
    choice.try_again = sender.error() == EBUSY || sender.error() == ENETDOWN;
  }
  return choice;
}

}  // namespace tandem::forwarding
