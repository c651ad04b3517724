// The machine's part in a planned change: make before break.
//
// A router that is to give way (GiveWay) stops advertising, so that nothing it says can put the successor off, and goes on
// answering for the addresses until the successor's first advertisement is heard. The successor was told by the peer link
// (TakeOver) and does not wait for any timer. Who is not answered within the patience goes on as active as if nothing had
// been asked.
//
// Every change between two living routers lingers the same way (Settings::linger): who hears a better active keeps the
// addresses a moment longer, until the better one's gratuitous ARP has reached the hosts. Both answer meanwhile, both
// forward, and no packet is lost.
#include <algorithm>
#include <utility>

#include "vrrp/machine.hpp"
#include "vrrp/timers.hpp"

namespace tandem::vrrp {

void Machine::handle(const GiveWay& event, TimePoint now) {
  if (state_ != State::kActive || active_.leaving) return;
  active_.yields_until = now + event.patience;
}

// Of no effect in another state than Backup: who is in fault cannot take over, and the other one will notice.
void Machine::handle(const TakeOver&, TimePoint now) {
  if (state_ == State::kBackup) become_active(Reason::kTakenOver, now);
}

void Machine::handle(const LinkHeard&, TimePoint now) {
  link_heard(now);
}

// The link is not deaf: from here on silence means something.
void Machine::link_heard(TimePoint now) {
  if (std::exchange(link_heard_, true) || state_ != State::kBackup || !backup_.hold_until) return;
  backup_.timer_at = std::min(*std::exchange(backup_.hold_until, std::nullopt), now + active_down_interval());
}

void Machine::leave(Reason reason, const Advert& successor, TimePoint now) {
  if (active_.leaving) {
    active_.leaving->successor = successor;
    return;
  }
  active_.leaving = Leaving{.at = now + std::min(settings_.linger, settings_.advert_interval),
                            .reason = reason,
                            .successor = successor,
                            .heard = now};
  if (active_.leaving->at <= now) finish_leaving(now);
}

void Machine::finish_leaving(TimePoint now) {
  const Leaving leaving = *active_.leaving;
  yielded_ = leaving.reason == Reason::kHandedOver;
  become_backup(leaving.reason, now);
  if (!yielded_) {
    // Goodbye, after the addresses are gone: the winner may never have heard us (a split that healed), and then nobody
    // would tell the hosts that still believe us. A losing advert makes it announce every address again.
    actions_.insert(actions_.begin() + 1, SendAdvert{settings_.priority});
    ++counters_.adverts_sent;
  } else if (leaving.successor.priority < settings_.priority && preempts()) {
    backup_.lower_since = now;
  }
  follow(leaving.successor, leaving.heard);
}

// The one we were leaving to gave up before we were gone: the addresses are still ours.
void Machine::stay(TimePoint now) {
  active_.leaving.reset();
  active_.yields_until.reset();
  send_advert(settings_.priority, now);
  announce(addresses_of(settings_), now);
}

}  // namespace tandem::vrrp
