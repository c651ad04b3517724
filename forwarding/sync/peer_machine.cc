#include "forwarding/sync/peer_machine.hpp"

#include <algorithm>
#include <utility>

#include "daemon/base/assert.hpp"

namespace tandem::forwarding::sync {

PeerMachine::PeerMachine(PeerSettings settings, FlowTable& table, std::shared_ptr<const Names> names)
    : settings_(std::move(settings)),
      sender_(table, settings_.peer_bit),
      receiver_(table),
      names_(std::move(names)),
      backoff_(settings_.retry_first) {
  TANDEM_ASSERT(settings_.self != settings_.peer);
  receiver_.numbers().set_own(*names_);
}

namespace {
// Far more routers than a box has; the rest of a flood is dropped.
constexpr size_t kMostWords = 256;
}  // namespace

PeerActions PeerMachine::on(const PeerEvent& event, TimePoint now) {
  actions_.clear();
  std::visit([&](const auto& e) { handle(e, now); }, event);
  return std::exchange(actions_, {});
}

std::optional<TimePoint> PeerMachine::deadline() const {
  switch (phase_) {
    case PeerPhase::kStopped:
      return std::nullopt;
    case PeerPhase::kDown:
      // The end that listens has nothing to do but to wait.
      return connects(settings_) ? std::optional(until_) : std::nullopt;
    case PeerPhase::kConnecting:
      return until_;
    case PeerPhase::kGreeting:
    case PeerPhase::kUp:
      break;
  }
  TimePoint earliest = until_;
  if (busy_since_) earliest = std::min(earliest, *busy_since_ + settings_.write_timeout);
  if (const auto word = next_word()) earliest = std::min(earliest, *word);
  return earliest;
}

std::optional<TimePoint> PeerMachine::next_word() const {
  if (busy_since_) return std::nullopt;
  if (hello_due_ || !names_due_.empty()) return TimePoint::min();
  if (phase_ != PeerPhase::kUp) return std::nullopt;
  if (request_due_ || !words_due_.empty()) return TimePoint::min();
  return flush_at_ ? std::min(alive_at_, *flush_at_) : alive_at_;
}

// ---- the connection

void PeerMachine::handle(const Start&, TimePoint now) {
  if (phase_ != PeerPhase::kStopped) return;
  phase_ = PeerPhase::kDown;
  until_ = now;
  say(connects(settings_) ? "connecting" : "waiting for the peer to connect");
}

void PeerMachine::handle(const ConnectFailed& event, TimePoint now) {
  if (phase_ == PeerPhase::kConnecting) down(event.why, now);
}

void PeerMachine::handle(const LinkUp&, TimePoint now) {
  if (phase_ == PeerPhase::kStopped) return;
  // A peer that comes again while its former connection seems to stand lost that one before we noticed.
  if (linked()) down("the peer connected anew", now);
  phase_ = PeerPhase::kGreeting;
  until_ = now + settings_.greeting_timeout;
  peer_hello_.reset();
  receiver_.numbers().forget_peer();
  hello_due_ = true;
  names_due_ = parts_of(*names_);
  std::ranges::reverse(names_due_);
  request_due_ = false;
  words_due_.clear();
  busy_since_.reset();
  prompt();
}

void PeerMachine::handle(const LinkLost& event, TimePoint now) {
  if (linked()) down(event.why, now);
}

void PeerMachine::handle(const StreamBroken& event, TimePoint now) {
  if (linked()) close(std::string("the peer sent ") + text(event.error), now);
}

void PeerMachine::handle(const Stop&, TimePoint) {
  if (phase_ == PeerPhase::kStopped) return;
  if (phase_ != PeerPhase::kDown) actions_.emplace_back(CloseLink{});
  phase_ = PeerPhase::kStopped;
  in_step_ = false;
  sender_.end();
  forget_peer_routers();
  say("stopped");
}

void PeerMachine::handle(const DeadlineReached&, TimePoint now) {
  switch (phase_) {
    case PeerPhase::kStopped:
      return;
    case PeerPhase::kDown:
      if (!connects(settings_) || now < until_) return;
      phase_ = PeerPhase::kConnecting;
      until_ = now + settings_.connect_timeout;
      actions_.emplace_back(Connect{});
      return;
    case PeerPhase::kConnecting:
      if (now >= until_) close("no connection in time", now);
      return;
    case PeerPhase::kGreeting:
      if (now >= until_) return close("no greeting in time", now);
      break;
    case PeerPhase::kUp:
      if (now >= until_) return close("the peer went silent", now);
      break;
  }
  if (busy_since_ && now >= *busy_since_ + settings_.write_timeout)
    return close("the peer does not take what it is sent", now);
  if (const auto word = next_word(); word && now >= *word) prompt();
}

void PeerMachine::down(std::string why, TimePoint now) {
  phase_ = PeerPhase::kDown;
  in_step_ = false;
  busy_since_.reset();
  until_ = now + backoff_;
  backoff_ = std::min(backoff_ * 2, settings_.retry_longest);
  forget_peer_routers();
  say(std::move(why));
}

void PeerMachine::close(std::string why, TimePoint now) {
  actions_.emplace_back(CloseLink{});
  down(std::move(why), now);
}

// ---- what is received

void PeerMachine::handle(const FrameReceived& event, TimePoint now) {
  if (!linked()) return;
  const auto frame = decode(event.type, event.body);
  if (!frame) return close(std::string("the peer sent ") + text(frame.error()), now);
  if (phase_ == PeerPhase::kGreeting && !std::holds_alternative<Hello>(*frame))
    return close("the peer did not greet first", now);
  std::visit([&](const auto& f) { receive(f, now); }, *frame);
  if (phase_ == PeerPhase::kUp) until_ = now + settings_.alive_timeout;
}

void PeerMachine::receive(const Hello& hello, TimePoint now) {
  if (hello.version != kVersion)
    return close("the peer speaks version " + std::to_string(hello.version) + " of the peer link, this director " +
                     std::to_string(kVersion) + ": bring both to the same release",
                 now);
  if (hello.site != settings_.site) return close("the peer belongs to another site: " + hello.site, now);
  if (hello.director != settings_.peer) return close("the peer calls itself " + hello.director, now);
  const bool same_digest_before = !peer_hello_ || peer_hello_->digest == settings_.digest;
  peer_hello_ = hello;
  const bool same_digest = hello.digest == settings_.digest;
  if (phase_ == PeerPhase::kUp) {  // a reload over there
    if (same_digest != same_digest_before) actions_.emplace_back(StatusChanged{});
    return;
  }
  phase_ = PeerPhase::kUp;
  ++connections_;
  backoff_ = settings_.retry_first;
  alive_at_ = now;
  flush_at_ = now;
  sender_.begin();
  const bool restarted = peer_boot_id_ != 0 && peer_boot_id_ != hello.boot_id;
  peer_boot_id_ = hello.boot_id;
  say(restarted ? "connected; the peer has been started anew" : "connected");
  prompt();
}

void PeerMachine::receive(const NamesPart& part, TimePoint now) {
  if (!receiver_.numbers().take(part)) return close("the peer names more than numbers exist for", now);
  if (part.last) actions_.emplace_back(StatusChanged{});
}

void PeerMachine::receive(const Flows& flows, TimePoint now) {
  receiver_.merge(flows.records, now);
}

void PeerMachine::receive(const Flows6& flows, TimePoint now) {
  receiver_.merge(flows.records, now);
}

void PeerMachine::receive(const FlowsSourced& flows, TimePoint now) {
  receiver_.merge(flows.records, now);
}

void PeerMachine::receive(const TableEnd&, TimePoint) {
  if (in_step_) return;
  in_step_ = true;
  say("in step: the peer's whole table has been received");
}

void PeerMachine::receive(const TableRequest&, TimePoint now) {
  sender_.begin();
  flush_at_ = now;
  prompt();
}

void PeerMachine::receive(const Alive& alive, TimePoint) {
  if (alive.routers == peer_routers_) return;
  peer_routers_ = alive.routers;
  actions_.emplace_back(RoutersHeard{});
}

void PeerMachine::receive(const UnknownFrame&, TimePoint) {}  // of a newer peer

// ---- what is said

bool PeerMachine::fill(Buffer& out, TimePoint now) {
  if (!linked() || busy_since_) return false;
  const size_t before = out.size();
  if (std::exchange(hello_due_, false)) {
    encode(out, Hello{.boot_id = settings_.boot_id,
                      .site = settings_.site,
                      .director = settings_.self,
                      .digest = settings_.digest});
  }
  if (phase_ == PeerPhase::kUp && now >= alive_at_) {
    encode(out, Alive{routers_});
    alive_at_ = now + settings_.alive_interval;
  }
  // Before names and flows: the router that offers is silent meanwhile, the one that inquires is about to take over.
  if (phase_ == PeerPhase::kUp)
    for (const RouterWord& word : std::exchange(words_due_, {})) encode(out, word);
  if (!names_due_.empty()) {
    encode(out, names_due_.back());
    names_due_.pop_back();
  } else if (phase_ == PeerPhase::kUp) {
    // Only after all names: a flow never goes before what its numbers mean.
    if (std::exchange(request_due_, false)) encode(out, TableRequest{});
    if (sender_.at_begin()) news_ = false;
    const FlowSender::Batch batch = sender_.collect(out, now);
    if (batch.table_ended) encode(out, TableEnd{});
    flushed_at_ = now;
    flush_at_.reset();
    if (batch.more) flush_at_ = now;
    if (!batch.more && news_) flush_at_ = now + settings_.flush_interval;
  }
  if (out.size() == before) return false;
  busy_since_ = now;
  return true;
}

void PeerMachine::handle(const Written&, TimePoint) {
  if (!linked()) return;
  busy_since_.reset();
  prompt();
}

void PeerMachine::handle(const FlowsDirty&, TimePoint now) {
  news_ = true;
  if (phase_ == PeerPhase::kUp && !flush_at_) flush_at_ = std::max(now, flushed_at_ + settings_.flush_interval);
}

void PeerMachine::handle(const NamesChanged& event, TimePoint) {
  names_ = event.names;
  // What had to be refused before can be placed now: the peer is to say it again, for it does not know.
  if (receiver_.numbers().set_own(*names_)) request_due_ = true;
  if (!linked()) return;
  names_due_ = parts_of(*names_);
  std::ranges::reverse(names_due_);
  actions_.emplace_back(StatusChanged{});
  prompt();
}

void PeerMachine::handle(const RoutersChanged& event, TimePoint now) {
  routers_ = event.routers;
  if (phase_ != PeerPhase::kUp) return;
  alive_at_ = now;
  prompt();
}

void PeerMachine::handle(const SayWord& event, TimePoint) {
  if (phase_ != PeerPhase::kUp || words_due_.size() >= kMostWords) return;
  words_due_.push_back(event.word);
  prompt();
}

void PeerMachine::receive(const RouterWord& word, TimePoint) {
  // Who has not said HELLO does not command.
  if (phase_ == PeerPhase::kUp) actions_.emplace_back(WordHeard{word});
}

void PeerMachine::handle(const DigestChanged& event, TimePoint) {
  if (settings_.digest == event.digest) return;
  settings_.digest = event.digest;
  if (!linked()) return;
  hello_due_ = true;
  actions_.emplace_back(StatusChanged{});
  prompt();
}

void PeerMachine::prompt() {
  if (!busy_since_) actions_.emplace_back(AskForMore{});
}

void PeerMachine::forget_peer_routers() {
  if (peer_routers_.empty()) return;
  peer_routers_.clear();
  actions_.emplace_back(RoutersHeard{});
}

void PeerMachine::say(std::string reason) {
  reason_ = std::move(reason);
  actions_.emplace_back(StatusChanged{});
}

PeerStatus PeerMachine::status() const {
  return {.phase = phase_,
          .in_step = in_step_,
          .reason = reason_,
          .same_digest = !peer_hello_ || peer_hello_->digest == settings_.digest,
          .unmatched = receiver_.numbers().unmatched(),
          .flows_sent = sender_.flows_sent(),
          .received = receiver_.counts(),
          .connections = connections_};
}

}  // namespace tandem::forwarding::sync
