// One peer: its machine, its connection of the moment, its timer. Carries out what the machine decides and says how it stands.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "daemon/bus/messages.hpp"
#include "daemon/loop/deadline_timer.hpp"
#include "forwarding/io/peer_connection.hpp"
#include "forwarding/io/peer_link.hpp"
#include "forwarding/sync/peer_machine.hpp"

namespace tandem::forwarding {

class PeerSession : public std::enable_shared_from_this<PeerSession> {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;

  PeerSession(boost::asio::io_context& io, FlowTable& table, sync::PeerSettings settings, Endpoint local,
              Endpoint remote, std::shared_ptr<boost::asio::ssl::context> context,
              std::shared_ptr<const sync::Names> names, PeerLinkCallbacks callbacks);

  void start(const std::vector<sync::RouterReport>& routers);
  void on(const sync::PeerEvent& event);
  // A connection whose other end proved to be this peer.
  void adopt(std::shared_ptr<PeerConnection> connection);
  void set_context(std::shared_ptr<boost::asio::ssl::context> context) { context_ = std::move(context); }
  // Ends it. Nothing is called back any more.
  void stop();

  // Says the status if it differs from what was said last.
  void publish();

  const Endpoint& endpoint() const { return remote_; }
  unsigned bit() const { return machine_.settings().peer_bit; }

 private:
  const std::string& peer() const { return machine_.settings().peer; }
  void carry_out(const sync::Connect& action);
  void carry_out(const sync::CloseLink& action);
  void carry_out(const sync::AskForMore& action);
  void carry_out(const sync::StatusChanged& action);
  void carry_out(const sync::RoutersHeard& action);
  void carry_out(const sync::WordHeard& action);
  boost::asio::awaitable<void> dial();
  void close_connection();
  void tell_events(const sync::PeerStatus& status);

  boost::asio::io_context& io_;
  sync::PeerMachine machine_;
  Endpoint local_;
  Endpoint remote_;
  std::shared_ptr<boost::asio::ssl::context> context_;
  PeerLinkCallbacks callbacks_;
  loop::DeadlineTimer timer_;
  std::shared_ptr<PeerConnection> connection_;  // being made, or up
  bool stopped_ = false;
  std::optional<bus::SyncStatus> said_;
  bool was_connected_ = false;
  bool was_in_step_ = false;
  bool had_same_digest_ = true;
};

}  // namespace tandem::forwarding
