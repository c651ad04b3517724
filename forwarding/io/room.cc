#include "forwarding/io/room.hpp"

#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "daemon/config/reader.hpp"
#include "daemon/loop/clock.hpp"
#include "forwarding/io/forwarder.hpp"
#include "forwarding/io/inquiry.hpp"
#include "forwarding/io/passive_teller.hpp"
#include "forwarding/io/peer_link.hpp"
#include "forwarding/io/peer_settings.hpp"
#include "forwarding/io/plan.hpp"
#include "forwarding/io/stats_teller.hpp"
#include "forwarding/sync/names.hpp"

namespace tandem::forwarding {
namespace {

namespace asio = boost::asio;

// What the vrrp room has for the peer's, and how the peer's words reach ours.
std::optional<sync::FrameType> word_to_say(bus::HandoverStep step) {
  switch (step) {
    case bus::HandoverStep::kOffer:
      return sync::FrameType::kHandover;
    case bus::HandoverStep::kInquire:
      return sync::FrameType::kInquire;
    case bus::HandoverStep::kAffirm:
      return sync::FrameType::kAffirm;
    default:
      return std::nullopt;
  }
}

bus::HandoverStep step_heard(sync::FrameType type) {
  if (type == sync::FrameType::kInquire) return bus::HandoverStep::kInquired;
  return type == sync::FrameType::kAffirm ? bus::HandoverStep::kAffirmed : bus::HandoverStep::kTake;
}

class Room {
 public:
  explicit Room(bus::RoomContext& context);
  void run() { context_.io.run(); }

 private:
  // A site as it came, read.
  struct Reading {
    bus::SiteText text;
    std::optional<config::Site> site;
  };

  void subscribe();
  void on_site(const bus::SiteText& text);
  void on_read(Reading reading);
  void on_health(const bus::ServerHealth& health);
  void on_router(const bus::InstanceState& state);
  void on_forget(const bus::Forget& forget);
  void apply();
  void tell_ready();
  void configure_peer_link();
  void tell_routers();
  void watch(asio::posix::stream_descriptor& descriptor, void (Forwarder::*handler)());
  void every_second();
  void stop();
  void event(bus::Severity severity, std::string id, std::string subject, std::string text) {
    context_.bus.event(severity, std::move(id), std::move(subject), std::move(text));
  }
  std::unique_ptr<Forwarder> open_forwarder();
  PeerLinkCallbacks peer_callbacks();

  bus::RoomContext& context_;
  std::unique_ptr<Forwarder> forwarder_;
  PeerLink peer_link_;
  StatsTeller stats_;
  PassiveTeller passive_;
  Inquiry inquiry_;
  asio::posix::stream_descriptor network_;
  asio::posix::stream_descriptor ruleset_;
  asio::steady_timer timer_;

  Knowledge knowledge_;
  std::optional<Reading> in_force_;
  uint64_t newest_generation_ = 0;
  uint64_t ready_generation_ = 0;  // of the last RoomReady; a first generation is 1
  bool caught_up_ = false;
  bool peers_configured_ = false;
  bool stopped_ = false;
  // Last, so that it has ended before what its work refers to goes.
  asio::thread_pool reader_{1};
};

std::unique_ptr<Forwarder> Room::open_forwarder() {
  ForwarderCallbacks callbacks;
  callbacks.event = [this](bus::Severity severity, std::string id, std::string subject, std::string text) {
    event(severity, std::move(id), std::move(subject), std::move(text));
  };
  callbacks.port_broken = [this](uint32_t ifindex) {
    asio::post(context_.io, [this, ifindex] {
      if (!stopped_) forwarder_->on_port_broken(ifindex);
    });
  };
  callbacks.flows_dirty = [this] { asio::post(context_.io, [this] { peer_link_.flows_dirty(); }); };
  callbacks.names_changed = [this] { peer_link_.names_changed(); };
  auto forwarder = Forwarder::open(context_.run_directory / "flows", std::move(callbacks));
  if (!forwarder) throw std::runtime_error("forwarding cannot begin: " + forwarder.error());
  return std::move(*forwarder);
}

PeerLinkCallbacks Room::peer_callbacks() {
  PeerLinkCallbacks callbacks;
  callbacks.names = [this] { return sync::names_in(forwarder_->flows()); };
  callbacks.on_status = [this](const bus::SyncStatus& status) { context_.bus.publish(status); };
  callbacks.on_forgotten = [this](const std::string& peer) {
    context_.bus.publish(bus::Forget{.kind = std::string(bus::SyncStatus::kKind), .of_key = peer});
  };
  callbacks.on_word = [this](const std::string& peer, const sync::RouterWord& word) {
    context_.bus.publish(bus::Handover{.step = step_heard(word.type), .router = word.router, .peer = peer});
  };
  callbacks.on_event = [this](bus::Severity severity, std::string id, std::string subject, std::string text) {
    event(severity, std::move(id), std::move(subject), std::move(text));
  };
  return callbacks;
}

Room::Room(bus::RoomContext& context)
    : context_(context),
      forwarder_(open_forwarder()),
      peer_link_(context.io, forwarder_->flows(), peer_callbacks()),
      stats_([&bus = context.bus](bus::Message message) { bus.publish(std::move(message)); },
             {forwarder_->services(), forwarder_->engines(), [this] { return forwarder_->shell_numbers(); }}),
      passive_(context.bus),
      inquiry_(context.io, *forwarder_,
               [this](bus::Message answer) {
                 context_.bus.publish(std::move(answer));
                 if (forwarder_->flows().take_news()) peer_link_.flows_dirty();  // flows that an operator ended
               }),
      // Duplicates: the descriptors stay the forwarder's.
      network_(context.io, ::dup(forwarder_->network_fd())),
      ruleset_(context.io, ::dup(forwarder_->ruleset_fd())),
      timer_(context.io) {
  const FlowFile& file = forwarder_->file();
  const std::string flows = std::to_string(forwarder_->flows().slots()) + " places";
  event(bus::Severity::kInfo, file.taken_up() ? "FORWARDING_FLOWS_TAKEN_UP" : "FORWARDING_FLOWS_NEW", "",
        file.taken_up() ? "The flow table of an earlier process is taken up: " + flows + "."
                        : "A new flow table is made, because " + file.reason() + ": " + flows + ".");
  subscribe();
  watch(network_, &Forwarder::on_network);
  watch(ruleset_, &Forwarder::on_ruleset);
  every_second();
  context_.bus.start();
}

void Room::subscribe() {
  context_.bus.subscribe<bus::SiteText>([this](const auto& text) { on_site(text); });
  context_.bus.subscribe<bus::ServerHealth>([this](const auto& health) { on_health(health); });
  context_.bus.subscribe<bus::InstanceState>([this](const auto& state) { on_router(state); });
  context_.bus.subscribe<bus::Forget>([this](const auto& forget) { on_forget(forget); });
  context_.bus.subscribe<bus::Handover>([this](const auto& handover) {
    if (const auto type = word_to_say(handover.step)) peer_link_.say(handover.peer, {*type, handover.router});
  });
  context_.bus.subscribe<bus::FlowQuestion>([this](const auto& question) { inquiry_.ask(question); });
  context_.bus.subscribe<bus::TraceRequest>([this](const auto& question) { inquiry_.ask(question); });
  context_.bus.on_caught_up([this] {
    caught_up_ = true;
    apply();
  });
  context_.bus.on_stop([this] { stop(); });
}

void Room::watch(asio::posix::stream_descriptor& descriptor, void (Forwarder::*handler)()) {
  descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                        [this, &descriptor, handler](const boost::system::error_code& error) {
                          if (error || stopped_) return;
                          ((*forwarder_).*handler)();
                          watch(descriptor, handler);
                        });
}

void Room::every_second() {
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || stopped_) return;
    forwarder_->every_second();
    tell_ready();
    stats_.tell(loop::monotonic_now());
    passive_.tell(forwarder_->services());
    every_second();
  });
}

// Ten thousand servers take a tenth of a second to read: not on the thread that follows neighbours and health.
void Room::on_site(const bus::SiteText& text) {
  newest_generation_ = text.generation;
  asio::post(reader_, [this, text] {
    Reading reading{.text = text, .site = config::read_site(text.text, text.path).site};
    asio::post(context_.io, [this, reading = std::move(reading)]() mutable { on_read(std::move(reading)); });
  });
}

void Room::on_read(Reading reading) {
  if (stopped_ || reading.text.generation < newest_generation_) return;
  if (!reading.site) {  // the supervisor has validated it with the same reader
    event(bus::Severity::kError, "FORWARDING_SITE_UNREADABLE", "",
          "The site file that was handed over could not be read; the former configuration stays in force.");
    return;
  }
  in_force_ = std::move(reading);
  apply();
}

void Room::apply() {
  if (!caught_up_ || !in_force_ || stopped_) return;
  forwarder_->set_send_by(send_by_of(*in_force_->site));
  forwarder_->set_workers(in_force_->site->workers);
  forwarder_->set_fast_path(may_take_fast_path(*in_force_->site));
  const TableChanges changes = forwarder_->apply(settings_of(*in_force_->site, knowledge_));
  for (const std::string& name : changes.refused)
    event(bus::Severity::kError, "FORWARDING_REFUSED", name,
          "No number is left for it, or its name is longer than 63 bytes.");
  configure_peer_link();
  tell_ready();
}

// Only when the kernel keeps silent and every interface is heard: a room that is not ready holds up a reload or a start, and
// that is better than a box that resets its clients.
void Room::tell_ready() {
  if (!in_force_ || ready_generation_ == in_force_->text.generation || !forwarder_->is_standing()) return;
  ready_generation_ = in_force_->text.generation;
  context_.bus.publish(bus::RoomReady{.room = context_.bus.room(), .generation = ready_generation_});
}

void Room::configure_peer_link() {
  auto settings = peer_settings(*in_force_->site, in_force_->text.director, in_force_->text.digest);
  if (!settings) {
    event(bus::Severity::kError, "PEER_LINK_KEY", "", settings.error() + "; the peer link stays as it was.");
  } else if (*settings) {
    tell_routers();
    peer_link_.configure(std::move(**settings));
    peers_configured_ = true;
  } else if (std::exchange(peers_configured_, false)) {
    peer_link_.stop();
  }
}

void Room::tell_routers() {
  std::vector<sync::RouterReport> reports;
  for (const auto& [name, state] : knowledge_.routers)
    reports.push_back({.name = name, .state = static_cast<uint8_t>(state.state), .priority = state.priority});
  peer_link_.set_router_states(std::move(reports));
}

void Room::on_health(const bus::ServerHealth& health) {
  bus::ServerHealth& known = knowledge_.health[health.key()];
  const bool passed = health.up && health.attempts != known.attempts && health.failures == known.failures;
  known = health;
  if (!caught_up_ || !in_force_) return;
  const config::Service* service = in_force_->site->service(health.service);
  if (service == nullptr) return;
  for (const config::Server& server : service->servers)
    if (server.name == health.server) {
      forwarder_->set_standing(service->name, server.name, standing_of(*service, server, knowledge_));
      if (passed) forwarder_->hear_latency(service->name, server.name, health.last_duration_us);
    }
}

void Room::on_router(const bus::InstanceState& state) {
  knowledge_.routers[state.router] = state;
  if (!caught_up_ || !in_force_) return;
  for (const config::Service& service : in_force_->site->services)
    if (service.router == state.router) forwarder_->set_active(service.name, is_active(service, knowledge_));
  tell_routers();
}

void Room::on_forget(const bus::Forget& forget) {
  if (forget.kind == bus::ServerHealth::kKind) knowledge_.health.erase(forget.of_key);
  if (forget.kind == bus::InstanceState::kKind) knowledge_.routers.erase(forget.of_key);
}

void Room::stop() {
  stopped_ = true;
  timer_.cancel();
  network_.close();
  ruleset_.close();
  peer_link_.stop();
  inquiry_.stop();
  forwarder_->stop();
  context_.io.stop();
}

}  // namespace

void run_room(bus::RoomContext& context) {
  Room(context).run();
}

}  // namespace tandem::forwarding
