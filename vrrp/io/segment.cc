#include "vrrp/io/segment.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "vrrp/ipv4_header.hpp"

namespace tandem::vrrp {
namespace {

// The longest advertisement there is: an IPv4 header with options, 8 octets, 255 IPv6 addresses.
constexpr size_t kLongestPacket = 60 + 8 + 255 * 16;
// Packets handed over at a time: a flood may not keep the deadlines waiting.
constexpr int kPacketsPerTurn = 64;

using Family = IpAddress::Family;

std::optional<IpAddress> source_of(const AdvertSocket::Packet& packet, Family family) {
  if (family == Family::kIpv6) return packet.source;
  const auto envelope = open_ipv4(packet.bytes);
  return envelope ? std::optional(envelope->source) : std::nullopt;
}

std::optional<uint8_t> vrid_of(const AdvertSocket::Packet& packet, Family family) {
  return family == Family::kIpv4 ? peek_vrid_ipv4(packet.bytes) : peek_vrid(packet.bytes);
}

Result<Advert, AdvertError> decode(const AdvertSocket::Packet& packet, Family family, const ReceiveContext& context) {
  if (family == Family::kIpv4) return decode_ipv4(packet.bytes, context);
  return decode_ipv6({.source = packet.source,
                      .destination = packet.destination,
                      .hop_limit = packet.hop_limit,
                      .payload = packet.bytes},
                     context);
}

}  // namespace

Segment::Segment(boost::asio::io_context& io, std::string interface, Family family, Listener listener)
    : io_(io),
      interface_(std::move(interface)),
      family_(family),
      listener_(std::move(listener)),
      buffer_(kLongestPacket) {}

Segment::~Segment() {
  ++*turn_;
}

void Segment::refresh(const InterfaceTable& table) {
  local_ = table.own_prefixes(interface_, family_);
  const netlink::Link* link = table.find(interface_);
  const int index = link != nullptr ? link->index : 0;
  if (index == index_ && (socket_ || index == 0)) return;
  ++*turn_;
  readable_.reset();
  socket_.reset();
  index_ = index;
  if (index == 0) return;
  auto opened = AdvertSocket::open(index, interface_, family_);
  if (!opened) {
    if (std::exchange(trouble_, opened.error()) != opened.error()) listener_.trouble(trouble_);
    return;
  }
  trouble_.clear();
  socket_.emplace(std::move(*opened));
  // The socket keeps its descriptor; Asio waits on one of its own.
  choose_filter();
  readable_.emplace(io_, fcntl(socket_->fd(), F_DUPFD_CLOEXEC, 0));
  wait();
}

void Segment::attach(uint8_t vrid, const Acceptance& acceptance, Ear ear) {
  accept(vrid, acceptance);
  ears_.insert_or_assign(vrid, std::move(ear));
  vrids_.set(vrid);
}

void Segment::accept(uint8_t vrid, const Acceptance& acceptance) {
  acceptance_[vrid] = acceptance;
  choose_filter();
}

std::optional<uint8_t> Segment::free_vrid(uint8_t vrid) const {
  constexpr unsigned kMostVrids = 255;
  for (unsigned step = 0; step < kMostVrids; ++step) {
    const unsigned next = (vrid + step) % kMostVrids + 1;
    if (!vrids_.test(next) && !others_.test(next)) return static_cast<uint8_t>(next);
  }
  return std::nullopt;
}

void Segment::choose_filter() {
  if (socket_)
    socket_->hear_unicast(
        std::ranges::any_of(acceptance_, [](const auto& each) { return !each.second.peers.empty(); }));
}

void Segment::detach(uint8_t vrid) {
  ears_.erase(vrid);
  acceptance_.erase(vrid);
  vrids_.reset(vrid);
}

void Segment::wait() {
  readable_->async_wait(boost::asio::posix::descriptor_base::wait_read,
                        [this, turn = turn_, mine = *turn_](const boost::system::error_code& error) {
                          if (error || *turn != mine) return;
                          drain();
                          if (*turn == mine) wait();
                        });
}

void Segment::drain() {
  const auto turn = turn_;
  const int mine = *turn;
  for (int i = 0; i < kPacketsPerTurn && *turn == mine && socket_; ++i) {
    const auto packet = socket_->receive(buffer_);
    if (!packet) return;
    judge(*packet);
  }
}

void Segment::judge(const AdvertSocket::Packet& packet) {
  const auto advert = decode(packet, family_, {.local = local_, .vrids = vrids_, .acceptance = &acceptance_});
  const std::optional<uint8_t> vrid = advert ? std::optional(advert->vrid) : vrid_of(packet, family_);
  const auto ear = vrid ? ears_.find(*vrid) : ears_.end();
  if (ear == ears_.end()) {
    // Somebody else's router. Worth a word once: a VRID used twice by mistake is hard to find otherwise.
    if (!advert && advert.error() == AdvertError::kVrid && !others_.test(*vrid)) {
      others_.set(*vrid);
      listener_.other_router(*vrid, source_of(packet, family_));
    }
    return;
  }
  if (advert)
    ear->second.heard(*advert);
  else
    ear->second.refused(advert.error(), source_of(packet, family_));
}

int Segment::send_from_virtual_mac(const Advert& advert) {
  return socket_ ? socket_->send_from(virtual_mac(family_, advert.vrid), advert) : ENODEV;
}

int Segment::send(const Advert& advert) {
  return socket_ ? socket_->send(advert) : ENODEV;
}

}  // namespace tandem::vrrp
