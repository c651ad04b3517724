#include "forwarding/io/sender_choice.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "daemon/loop/fd.hpp"

namespace tandem::forwarding {
namespace {

// Queues that it sends by; 1 where the driver does not say.
uint32_t queues_of(const std::string& interface) {
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&channels);
  const loop::UniqueFd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!any || ioctl(any.get(), SIOCETHTOOL, &request) != 0) return 1;
  return std::max(channels.tx_count + channels.combined_count, 1U);
}

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

SenderChoice choose_sender(const PacketInterface& interface, SendBy wish, size_t workers) {
  SenderChoice choice;
  if (wish == SendBy::kPacketSocket) {
    choice.reason = "the site file says send_by: packet_socket";
  } else if (wish == SendBy::kAuto && !may_be_passed_by(interface.qdisc)) {
    choice.reason = "AF_XDP would pass by its queueing discipline " + interface.qdisc;
  } else {
    const uint32_t queues = workers > 1 ? queues_of(interface.name) : 1;
    for (uint32_t queue = 0; queue < std::min<size_t>(queues, workers); ++queue) {
      auto sender = XdpSender::open(static_cast<uint32_t>(interface.index), queue);
      if (!sender) {
        // A further queue that cannot be had is done without.
        if (queue > 0) break;
        choice.reason = refusal(sender.error());
        choice.try_again = sender.error() == EBUSY || sender.error() == ENETDOWN;
        break;
      }
      choice.senders.push_back(std::move(*sender));
    }
  }
  return choice;
}

}  // namespace tandem::forwarding
