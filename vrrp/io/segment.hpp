// One interface on which virtual routers of one family speak: its socket, and which router a packet is for.
#pragma once

#include <bitset>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "vrrp/io/advert_socket.hpp"
#include "vrrp/io/interface_table.hpp"
#include "vrrp/packet.hpp"

namespace tandem::vrrp {

class Segment {
 public:
  // One router's ear.
  struct Ear {
    std::function<void(const Advert&)> heard;
    std::function<void(AdvertError, std::optional<IpAddress> source)> refused;
  };
  struct Listener {
    std::function<void(const std::string&)> trouble;                                  // the socket, in words
    std::function<void(uint8_t vrid, std::optional<IpAddress> source)> other_router;  // once for each VRID
  };

  Segment(boost::asio::io_context& io, std::string interface, IpAddress::Family family, Listener listener);
  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  // Opens, reopens or closes the socket as the interface is there, is another one, or is not.
  void refresh(const InterfaceTable& table);

  void attach(uint8_t vrid, const Acceptance& acceptance, Ear ear);
  // A reload may change what is accepted.
  void accept(uint8_t vrid, const Acceptance& acceptance);
  void detach(uint8_t vrid);
  // Whether anything can be heard here. Routers that cannot hear must not believe that nobody else is active.
  bool open() const { return socket_.has_value(); }
  const std::string& interface() const { return interface_; }
  IpAddress::Family family() const { return family_; }
  bool idle() const { return ears_.empty(); }
  // The next one after `vrid` that neither we nor anybody heard on this link uses; nothing when all are in use.
  std::optional<uint8_t> free_vrid(uint8_t vrid) const;

  // Hands over what is waiting, now.
  void drain();
  // Returns 0 or an errno; ENODEV without an interface.
  int send(const Advert& advert);
  // From the virtual router's MAC address, so that switches learn where that is (RFC 9568, 7.2).
  int send_from_virtual_mac(const Advert& advert);

 private:
  void wait();
  void judge(const AdvertSocket::Packet& packet);
  void choose_filter();

  boost::asio::io_context& io_;
  std::string interface_;
  IpAddress::Family family_;
  Listener listener_;
  int index_ = 0;
  std::optional<AdvertSocket> socket_;
  std::optional<boost::asio::posix::stream_descriptor> readable_;
  std::shared_ptr<int> turn_ = std::make_shared<int>(0);  // which socket a wait was for
  std::vector<Prefix> local_;
  std::bitset<256> vrids_;
  std::bitset<256> others_;  // already said
  std::string trouble_;      // as last said
  std::map<uint8_t, Ear> ears_;
  std::map<uint8_t, Acceptance> acceptance_;
  std::vector<std::byte> buffer_;
};

}  // namespace tandem::vrrp
