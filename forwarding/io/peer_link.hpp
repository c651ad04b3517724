// The peer link's shell: one TLS connection to every other director of the site.
//
// What is said and believed is decided by sync::PeerMachine; here are the sockets. Of two directors the one whose name
// sorts first connects, so that there is one connection and never a race of two. The other one listens, answers only
// the addresses its peers have, and gives a handshake three seconds; a stranger costs an accept().
//
// Everything runs on the room's loop. Flows are looked for every few milliseconds and written a frame at a time: the next
// frame is made when the socket has taken the last one, so that a slow peer costs one bit a flow and no memory.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "daemon/bus/messages.hpp"
#include "forwarding/sync/protocol.hpp"

namespace tandem::forwarding {

class FlowTable;

struct PeerLinkSettings {
  struct Peer {
    std::string name;
    boost::asio::ip::tcp::endpoint endpoint;
    bool operator==(const Peer&) const = default;
  };

  std::string site;
  std::string self;                       // this director's name
  std::array<std::byte, 32> key{};        // the site's peer key
  boost::asio::ip::tcp::endpoint listen;  // also the address connections are made from
  std::vector<Peer> peers;                // the other directors; at most TANDEM_MAX_PEERS are used
  std::string digest;                     // of the configuration in force
};

struct PeerLinkCallbacks {
  // What the numbers in the flow table stand for on this box. Asked at configure() and names_changed().
  std::function<sync::Names()> names;
  // At every change, and every second while the counters move.
  std::function<void(const bus::SyncStatus&)> on_status;
  // The status of this peer is void: a reload removed it.
  std::function<void(const std::string& peer)> on_forgotten;
  std::function<void(bus::Severity severity, std::string id, std::string subject, std::string text)> on_event;
  // How the peer says its virtual routers stand; also called, with none, when the link is lost.
  std::function<void(const std::string& peer, const std::vector<sync::RouterReport>& routers)> on_peer_routers;
  // The peer says something about one of its routers.
  std::function<void(const std::string& peer, const sync::RouterWord& word)> on_word;
};

class PeerLink {
 public:
  // REQUIRES: `table` outlives the link and the loop's last handler; `names` is set, the others may be empty.
  PeerLink(boost::asio::io_context& io, FlowTable& table, PeerLinkCallbacks callbacks);
  ~PeerLink();
  PeerLink(const PeerLink&) = delete;
  PeerLink& operator=(const PeerLink&) = delete;

  // Starts, or applies a reload: connections to peers whose entry and whose site's settings are the same are kept.
  void configure(PeerLinkSettings settings);

  // Call in the same handler that gives the numbers out, before a packet can use one: peers learn a number's name
  // before the first flow that uses it.
  void names_changed();

  // Flows became dirty that a peer has asked to be told of (FlowTable::take_news).
  void flows_dirty();

  void set_router_states(std::vector<sync::RouterReport> routers);

  // Tells the peer something about a router. Without a link to it nothing happens.
  void say(const std::string& peer, const sync::RouterWord& word);

  // Ends every connection and the listener; nothing is called back afterwards. configure() starts again.
  void stop();

  // The port that is listened on; 0 while none is.
  uint16_t listening_port() const;

 private:
  class Implementation;
  std::shared_ptr<Implementation> implementation_;
};

}  // namespace tandem::forwarding
