// A bench for the machine's tests: one virtual router, a clock that is a number, and sentences.
#pragma once

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/assert.hpp"
#include "vrrp/machine.hpp"
#include "vrrp/timers.hpp"

namespace tandem::vrrp {

inline std::ostream& operator<<(std::ostream& out, State state) {
  return out << text(state);
}
inline std::ostream& operator<<(std::ostream& out, Reason reason) {
  return out << text(reason);
}
inline void PrintTo(const Action& action, std::ostream* out) {
  struct Words {
    std::ostream& out;
    void operator()(const SendAdvert& a) const { out << "SendAdvert{" << int{a.priority} << "}"; }
    void operator()(const AddAddresses& a) const { out << "AddAddresses" << list(a.addresses); }
    void operator()(const RemoveAddresses& a) const { out << "RemoveAddresses" << list(a.addresses); }
    void operator()(const Announce& a) const { out << "Announce" << list(a.addresses); }
    void operator()(const StateChanged& a) const {
      out << "StateChanged{" << a.from << " to " << a.to << ": " << a.reason << "}";
    }
    void operator()(const AddressConflict& a) const { out << "AddressConflict{" << a.address.text() << "}"; }
    void operator()(const AnotherActive& a) const { out << "AnotherActive{" << a.source.text() << "}"; }
    void operator()(const AskPeers&) const { out << "AskPeers"; }
    void operator()(const UnheardActive& a) const {
      out << "UnheardActive{" << a.peer << (a.here_too ? ", here too}" : "}");
    }
    void operator()(const LegMute& a) const { out << "LegMute{" << a.leg << (a.mute ? ", mute}" : ", speaks}"); }
    void operator()(const PeerDisagrees& a) const { out << "PeerDisagrees{" << a.source.text() << "}"; }
    static std::string list(const std::vector<VirtualAddress>& addresses) {
      std::string words = "{";
      for (const VirtualAddress& each : addresses) words += " " + each.prefix.text();
      return words + " }";
    }
  };
  std::visit(Words{*out}, action);
}

inline VirtualAddress vip(const char* prefix) {
  return {Prefix::parse(prefix).value(), "eth0"};
}
inline IpAddress address(const char* words) {
  return IpAddress::parse(words).value();
}

// The router under test is 10.99.0.5, VRID 51, priority 100, 1 s, one address 10.99.0.100/24.
class MachineBench {
 protected:
  static Settings defaults() {
    return {.priority = 100, .legs = {{.vrid = 51, .interface = "eth0", .addresses = {vip("10.99.0.100/24")}}}};
  }

  // Builds the machine anew, with its primary address known, not started.
  void build(Settings settings) {
    machine_ = Machine(std::move(settings));
    say(PrimaryAddressChanged{address("10.99.0.5")});
  }
  void build_backup(Settings settings) {
    build(std::move(settings));
    say(Start{});
    TANDEM_ASSERT(machine_.state() == State::kBackup);
  }
  void build_active(Settings settings) {
    build_backup(std::move(settings));
    run_to_deadline();
    TANDEM_ASSERT(machine_.state() == State::kActive);
  }

  Actions say(const Event& event) { return machine_.on(event, now_); }
  Actions hear(Advert advert) { return say(AdvertReceived{std::move(advert)}); }
  Actions hear(uint8_t priority) { return hear(from_peer(priority)); }

  Advert from_peer(uint8_t priority, Duration interval = 1s, const char* source = "10.99.0.9") const {
    return {.vrid = 51,
            .priority = priority,
            .advert_interval = interval,
            .source = address(source),
            .addresses = {address("10.99.0.100")}};
  }

  void pass(Duration time) { now_ += time; }
  // Time passes to the deadline and the machine is told.
  Actions run_to_deadline() {
    now_ = machine_.deadline().value();
    return say(DeadlineReached{});
  }
  // Time passes with a punctual timer; what was done on the way, in order.
  Actions run(Duration time) {
    Actions all;
    const TimePoint end = now_ + time;
    while (machine_.deadline() && *machine_.deadline() <= end) {
      for (Action& action : run_to_deadline()) all.push_back(std::move(action));
    }
    now_ = end;
    return all;
  }
  // How long until the deadline, from now.
  Duration waits() const { return machine_.deadline().value() - now_; }

  template <class A>
  static size_t count(const Actions& actions) {
    size_t found = 0;
    for (const Action& action : actions) found += std::holds_alternative<A>(action) ? 1 : 0;
    return found;
  }

  static Action changed(State from, State to, Reason reason) { return StateChanged{from, to, reason}; }
  static std::vector<VirtualAddress> all() { return addresses_of(defaults()); }

  static constexpr Duration kSkew = 609'375us;  // priority 100, 1 s: 156/256 s
  static constexpr Duration kDown = 3s + kSkew;

  TimePoint now_{1h};
  Machine machine_{defaults()};
};

}  // namespace tandem::vrrp
