#include "forwarding/io/peer_link.hpp"

#include <algorithm>
#include <list>
#include <map>
#include <optional>
#include <random>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/base/assert.hpp"
#include "daemon/loop/clock.hpp"
#include "daemon/loop/deadline_timer.hpp"
#include "daemon/loop/spawn.hpp"
#include "forwarding/io/peer_connection.hpp"
#include "forwarding/io/peer_session.hpp"
#include "forwarding/sync/names.hpp"

namespace tandem::forwarding {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto kHandshakeTime = std::chrono::seconds(3);
constexpr auto kListenRetry = std::chrono::seconds(1);
constexpr size_t kMaxHandshakes = 8;  // under way at a time; the oldest goes first
constexpr Duration kComplaintPause = 60s;

uint64_t random_boot_id() {
  std::random_device random;
  return (uint64_t{random()} << 32) | random();
}

// Reloads that change these begin everything anew.
bool same_link(const PeerLinkSettings& a, const PeerLinkSettings& b) {
  return a.site == b.site && a.self == b.self && a.key == b.key && a.listen == b.listen;
}

}  // namespace

class PeerLink::Implementation : public std::enable_shared_from_this<Implementation> {
 public:
  Implementation(asio::io_context& io, FlowTable& table, PeerLinkCallbacks callbacks)
      : io_(io), table_(table), callbacks_(std::move(callbacks)), boot_id_(random_boot_id()), second_(io) {}

  void configure(PeerLinkSettings settings);
  void names_changed();
  void flows_dirty();
  void set_router_states(std::vector<sync::RouterReport> routers);
  void say(const std::string& peer, const sync::RouterWord& word);
  void stop();
  uint16_t listening_port() const;

 private:
  std::shared_ptr<const sync::Names> names() const;
  std::shared_ptr<PeerSession> make_session(const PeerLinkSettings::Peer& peer, unsigned bit);
  std::optional<unsigned> free_bit() const;
  asio::awaitable<void> listen(uint64_t life);
  asio::awaitable<void> greet(std::shared_ptr<PeerConnection> connection);
  asio::awaitable<void> every_second(uint64_t life);
  bool is_peer_address(const asio::ip::address& address) const;
  void complain(const std::string& why);
  void event(bus::Severity severity, std::string id, std::string subject, std::string text) const;

  asio::io_context& io_;
  FlowTable& table_;
  PeerLinkCallbacks callbacks_;
  uint64_t boot_id_;
  uint64_t life_ = 0;  // one more with every start and stop: what belongs to an older one ends
  bool running_ = false;
  PeerLinkSettings settings_;
  std::vector<sync::RouterReport> routers_;
  std::shared_ptr<asio::ssl::context> context_;
  std::map<std::string, std::shared_ptr<PeerSession>> sessions_;  // by peer
  std::optional<tcp::acceptor> acceptor_;
  std::list<std::shared_ptr<PeerConnection>> handshakes_;
  std::optional<TimePoint> complained_;
  asio::steady_timer second_;
};

void PeerLink::Implementation::configure(PeerLinkSettings settings) {
  if (running_ && !same_link(settings, settings_)) stop();
  if (settings.peers.size() > TANDEM_MAX_PEERS) {
    event(bus::Severity::kError, "PEER_TOO_MANY", settings.self,
          "A site can have " + std::to_string(TANDEM_MAX_PEERS + 1) + " directors; the last ones are left out.");
    settings.peers.resize(TANDEM_MAX_PEERS);
  }
  TlsIdentity identity{.site = settings.site, .self = settings.self, .key = settings.key, .accepted = {}};
  for (const auto& peer : settings.peers)
    if (peer.name < settings.self) identity.accepted.push_back(peer.name);
  const bool listens = !identity.accepted.empty();
  context_ = std::make_shared<asio::ssl::context>(make_tls_context(std::move(identity)));

  // Who is gone or has moved ends first, so that its place is free.
  for (auto at = sessions_.begin(); at != sessions_.end();) {
    const auto& [name, session] = *at;
    const auto found = std::ranges::find(settings.peers, name, &PeerLinkSettings::Peer::name);
    if (found != settings.peers.end() && found->endpoint == session->endpoint()) {
      session->set_context(context_);
      session->on(sync::DigestChanged{settings.digest});
      ++at;
      continue;
    }
    session->stop();
    if (found == settings.peers.end() && callbacks_.on_forgotten) callbacks_.on_forgotten(name);
    at = sessions_.erase(at);
  }
  settings_ = std::move(settings);
  const bool starting = !std::exchange(running_, true);
  if (starting) ++life_;
  names_changed();
  for (const auto& peer : settings_.peers) {
    if (sessions_.contains(peer.name)) continue;
    const auto session = make_session(peer, free_bit().value());
    sessions_[peer.name] = session;
    session->start(routers_);
  }
  if (listens && !acceptor_) {
    acceptor_.emplace(io_);
    loop::spawn(io_.get_executor(), "peer link listener", [](auto self, uint64_t life) -> asio::awaitable<void> {
      co_await self->listen(life);
    }(shared_from_this(), life_));
  } else if (!listens) {
    acceptor_.reset();
  }
  if (starting)
    loop::spawn(io_.get_executor(), "peer link status", [](auto self, uint64_t life) -> asio::awaitable<void> {
      co_await self->every_second(life);
    }(shared_from_this(), life_));
}

std::shared_ptr<PeerSession> PeerLink::Implementation::make_session(const PeerLinkSettings::Peer& peer, unsigned bit) {
  sync::PeerSettings machine{.site = settings_.site,
                             .self = settings_.self,
                             .peer = peer.name,
                             .digest = settings_.digest,
                             .boot_id = boot_id_,
                             .peer_bit = bit};
  return std::make_shared<PeerSession>(io_, table_, std::move(machine), settings_.listen, peer.endpoint, context_,
                                       names(), callbacks_);
}

std::optional<unsigned> PeerLink::Implementation::free_bit() const {
  for (unsigned bit = 0; bit < TANDEM_MAX_PEERS; ++bit)
    if (std::ranges::none_of(sessions_, [bit](const auto& entry) { return entry.second->bit() == bit; })) return bit;
  return std::nullopt;
}

std::shared_ptr<const sync::Names> PeerLink::Implementation::names() const {
  return std::make_shared<const sync::Names>(callbacks_.names ? callbacks_.names() : sync::names_in(table_));
}

void PeerLink::Implementation::names_changed() {
  if (sessions_.empty()) return;
  const auto now_named = names();
  for (const auto& [name, session] : sessions_) session->on(sync::NamesChanged{now_named});
}

void PeerLink::Implementation::flows_dirty() {
  for (const auto& [name, session] : sessions_) session->on(sync::FlowsDirty{});
}

void PeerLink::Implementation::set_router_states(std::vector<sync::RouterReport> routers) {
  if (routers == routers_) return;
  routers_ = std::move(routers);
  for (const auto& [name, session] : sessions_) session->on(sync::RoutersChanged{routers_});
}

void PeerLink::Implementation::say(const std::string& peer, const sync::RouterWord& word) {
  if (const auto session = sessions_.find(peer); session != sessions_.end()) session->second->on(sync::SayWord{word});
}

void PeerLink::Implementation::stop() {
  if (!std::exchange(running_, false)) return;
  ++life_;
  second_.cancel();
  acceptor_.reset();
  for (const auto& connection : std::exchange(handshakes_, {})) connection->close();
  for (const auto& [name, session] : std::exchange(sessions_, {})) session->stop();
}

uint16_t PeerLink::Implementation::listening_port() const {
  if (!acceptor_ || !acceptor_->is_open()) return 0;
  error_code error;
  const auto endpoint = acceptor_->local_endpoint(error);
  return error ? uint16_t{0} : endpoint.port();
}

// ---- accepting

asio::awaitable<void> PeerLink::Implementation::listen(uint64_t life) {
  asio::steady_timer pause(io_);
  bool told = false;
  const auto alive = [&] { return running_ && life == life_ && acceptor_.has_value(); };
  while (alive()) {
    error_code error;
    if (!acceptor_->is_open()) {
      acceptor_->open(settings_.listen.protocol(), error);
      if (!error) acceptor_->set_option(tcp::acceptor::reuse_address(true), error);
      if (!error) acceptor_->bind(settings_.listen, error);
      if (!error) acceptor_->listen(static_cast<int>(kMaxHandshakes), error);
    }
    if (!error) {
      told = false;
      tcp::socket socket(io_);
      co_await acceptor_->async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
      if (!alive()) co_return;
      if (!error) {
        const auto remote = socket.remote_endpoint(error);
        if (error || !is_peer_address(remote.address())) continue;  // the socket closes
        if (handshakes_.size() >= kMaxHandshakes) {
          handshakes_.front()->close();
          handshakes_.pop_front();
        }
        auto connection = std::make_shared<PeerConnection>(std::move(socket), context_);
        handshakes_.push_back(connection);
        loop::spawn(io_.get_executor(), "peer link handshake", [](auto self, auto made) -> asio::awaitable<void> {
          co_await self->greet(made);
        }(shared_from_this(), std::move(connection)));
        continue;
      }
    }
    // The address is not there yet, or no descriptors are left: neither is made better by haste.
    if (!std::exchange(told, true))
      event(bus::Severity::kError, "PEER_LISTEN_FAILED", settings_.self,
            "Cannot listen on " + settings_.listen.address().to_string() + " port " +
                std::to_string(settings_.listen.port()) + ": " + error.message() +
                ". Trying again every second; is it this director's peer_address?");
    acceptor_->close(error);
    pause.expires_after(kListenRetry);
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

bool PeerLink::Implementation::is_peer_address(const asio::ip::address& address) const {
  return std::ranges::any_of(settings_.peers, [&](const auto& peer) {
    return peer.name < settings_.self && peer.endpoint.address() == address;
  });
}

asio::awaitable<void> PeerLink::Implementation::greet(std::shared_ptr<PeerConnection> connection) {
  asio::steady_timer limit(io_, kHandshakeTime);
  limit.async_wait([connection](const error_code& error) {
    if (!error) connection->close();
  });
  std::string why;
  const std::string peer = co_await connection->accept(why);
  const bool in_time = limit.cancel() > 0;
  handshakes_.remove(connection);
  if (!running_) co_return;
  if (connection->closed() || !in_time) {
    connection->close();
    if (!in_time) complain("it did not finish the handshake within 3 s");
    co_return;
  }
  const auto session = sessions_.find(peer);
  if (peer.empty() || session == sessions_.end()) {
    connection->close();
    complain(why);
    co_return;
  }
  session->second->adopt(std::move(connection));
}

void PeerLink::Implementation::complain(const std::string& why) {
  const TimePoint now = loop::monotonic_now();
  if (complained_ && now - *complained_ < kComplaintPause) return;  // it tries every second
  complained_ = now;
  event(bus::Severity::kWarning, "PEER_REFUSED", settings_.self,
        "A connection from a peer's address was refused: " + why);
}

asio::awaitable<void> PeerLink::Implementation::every_second(uint64_t life) {
  while (running_ && life == life_) {
    error_code error;
    second_.expires_after(std::chrono::seconds(1));
    co_await second_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (!running_ || life != life_) co_return;
    for (const auto& [name, session] : sessions_) session->publish();
  }
}

void PeerLink::Implementation::event(bus::Severity severity, std::string id, std::string subject,
                                     std::string text) const {
  if (callbacks_.on_event) callbacks_.on_event(severity, std::move(id), std::move(subject), std::move(text));
}

// ---- the handle

PeerLink::PeerLink(asio::io_context& io, FlowTable& table, PeerLinkCallbacks callbacks)
    : implementation_(std::make_shared<Implementation>(io, table, std::move(callbacks))) {}
PeerLink::~PeerLink() {
  implementation_->stop();
}
void PeerLink::configure(PeerLinkSettings settings) {
  implementation_->configure(std::move(settings));
}
void PeerLink::names_changed() {
  implementation_->names_changed();
}
void PeerLink::flows_dirty() {
  implementation_->flows_dirty();
}
void PeerLink::set_router_states(std::vector<sync::RouterReport> routers) {
  implementation_->set_router_states(std::move(routers));
}
void PeerLink::say(const std::string& peer, const sync::RouterWord& word) {
  implementation_->say(peer, word);
}
void PeerLink::stop() {
  implementation_->stop();
}
uint16_t PeerLink::listening_port() const {
  return implementation_->listening_port();
}

}  // namespace tandem::forwarding
