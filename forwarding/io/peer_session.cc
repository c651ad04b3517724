#include "forwarding/io/peer_session.hpp"

#include <utility>
#include <variant>

#include "daemon/loop/clock.hpp"
#include "daemon/loop/spawn.hpp"

namespace tandem::forwarding {

namespace asio = boost::asio;

PeerSession::PeerSession(asio::io_context& io, FlowTable& table, sync::PeerSettings settings, Endpoint local,
                         Endpoint remote, std::shared_ptr<asio::ssl::context> context,
                         std::shared_ptr<const sync::Names> names, PeerLinkCallbacks callbacks)
    : io_(io),
      machine_(std::move(settings), table, std::move(names)),
      local_(std::move(local)),
      remote_(std::move(remote)),
      context_(std::move(context)),
      callbacks_(std::move(callbacks)),
      timer_(io.get_executor(), [this] { on(sync::DeadlineReached{}); }) {}

void PeerSession::start(const std::vector<sync::RouterReport>& routers) {
  on(sync::RoutersChanged{routers});
  on(sync::Start{});
}

void PeerSession::on(const sync::PeerEvent& event) {
  if (stopped_) return;
  const auto self = shared_from_this();  // a callback may drop this session
  for (const sync::PeerAction& action : machine_.on(event, loop::monotonic_now())) {
    if (stopped_) return;
    std::visit([this](const auto& a) { carry_out(a); }, action);
  }
  timer_.set(machine_.deadline());
}

void PeerSession::carry_out(const sync::Connect&) {
  connection_ = std::make_shared<PeerConnection>(io_, context_);
  loop::spawn(io_.get_executor(), "peer link connect", [](std::shared_ptr<PeerSession> self) -> asio::awaitable<void> {
    co_await self->dial();
  }(shared_from_this()));
}

asio::awaitable<void> PeerSession::dial() {
  const auto connection = connection_;
  std::string why = co_await connection->connect(local_, remote_, peer());
  if (stopped_ || connection != connection_ || connection->closed()) {
    connection->close();  // given up meanwhile
    co_return;
  }
  if (why.empty()) {
    adopt(connection);
  } else {
    close_connection();
    on(sync::ConnectFailed{std::move(why)});
  }
}

void PeerSession::adopt(std::shared_ptr<PeerConnection> connection) {
  if (connection != connection_) close_connection();
  connection_ = std::move(connection);
  const auto self = shared_from_this();
  connection_->run({
      .on_frame = [self](uint8_t type, Bytes body) { self->on(sync::FrameReceived{type, body}); },
      .on_broken = [self](sync::FrameError error) { self->on(sync::StreamBroken{error}); },
      .on_lost = [self](std::string why) { self->on(sync::LinkLost{std::move(why)}); },
      .on_written = [self] { self->on(sync::Written{}); },
  });
  on(sync::LinkUp{});
}

void PeerSession::carry_out(const sync::CloseLink&) {
  close_connection();
}

void PeerSession::close_connection() {
  if (const auto connection = std::exchange(connection_, nullptr)) connection->close();
}

void PeerSession::carry_out(const sync::AskForMore&) {
  if (!connection_ || connection_->closed()) return;
  sync::Buffer& piece = connection_->piece();
  // The machine is asked first: while a write is under way it has nothing to say, and the piece must not be touched.
  if (machine_.writing()) return;
  piece.clear();
  if (machine_.fill(piece, loop::monotonic_now())) connection_->write();
}

void PeerSession::carry_out(const sync::StatusChanged&) {
  tell_events(machine_.status());
  publish();
}

void PeerSession::carry_out(const sync::RoutersHeard&) {
  if (callbacks_.on_peer_routers) callbacks_.on_peer_routers(peer(), machine_.peer_routers());
}

void PeerSession::carry_out(const sync::WordHeard& action) {
  if (callbacks_.on_word) callbacks_.on_word(peer(), action.word);
}

void PeerSession::publish() {
  if (stopped_ || !callbacks_.on_status) return;
  const sync::PeerStatus status = machine_.status();
  bus::SyncStatus message{.peer = peer(),
                          .connected = status.connected(),
                          .in_step = status.in_step,
                          .reason = status.reason,
                          .since_unix_ms = 0,
                          .flows_sent = status.flows_sent,
                          .flows_received = status.received.received,
                          .flows_refused = status.received.refused};
  if (status.connected() && !status.same_digest) message.reason += "; the peer runs another configuration";
  if (status.connected() && status.unmatched > 0)
    message.reason += "; " + std::to_string(status.unmatched) + " of its services and servers are not known here";
  const bool same_standing = said_ && said_->connected == message.connected && said_->in_step == message.in_step &&
                             said_->reason == message.reason;
  message.since_unix_ms = same_standing ? said_->since_unix_ms : loop::unix_ms_now();
  if (same_standing && said_->flows_sent == message.flows_sent && said_->flows_received == message.flows_received &&
      said_->flows_refused == message.flows_refused)
    return;
  said_ = message;
  callbacks_.on_status(message);
}

void PeerSession::tell_events(const sync::PeerStatus& status) {
  const bool connected = status.connected();
  const bool new_connected = connected != std::exchange(was_connected_, connected);
  const bool new_in_step = status.in_step && !was_in_step_;
  was_in_step_ = status.in_step;
  const bool differs = connected && !status.same_digest;
  const bool new_differs = differs && had_same_digest_;
  had_same_digest_ = !differs;
  if (!callbacks_.on_event) return;
  if (new_connected && connected)
    callbacks_.on_event(bus::Severity::kInfo, "PEER_CONNECTED", peer(), "The peer link is up.");
  if (new_connected && !connected)
    callbacks_.on_event(bus::Severity::kWarning, "PEER_LOST", peer(), "The peer link is down: " + status.reason + ".");
  if (new_in_step)
    callbacks_.on_event(bus::Severity::kInfo, "PEER_IN_STEP", peer(), "The peer's whole flow table has been received.");
  if (new_differs)
    callbacks_.on_event(bus::Severity::kWarning, "PEER_CONFIG_DIFFERS", peer(),
                        "The peer runs another configuration: install the same file on both directors and reload.");
}

void PeerSession::stop() {
  if (stopped_) return;
  // The machine gives its bitmap back; what else it wants done is done here.
  machine_.on(sync::Stop{}, loop::monotonic_now());
  stopped_ = true;
  timer_.set(std::nullopt);
  close_connection();
}

}  // namespace tandem::forwarding
