// The story of a run: quiet spells, in which everything must hold, and faults, after which it must hold again.
#include <array>
#include <iterator>
#include <utility>

#include "tests/sim/world.hpp"

namespace tandem::sim {
namespace {

using namespace vrrp;

constexpr size_t kChapters = 10;
constexpr int kChapterIntervals = 120;  // a fault, its end, and time to settle and be quiet
constexpr int64_t kIpHeaderBits = 160;
constexpr int kLongestFault = 30;  // intervals

Node& any(World& world) {
  return world.nodes()[static_cast<size_t>(world.rng().between(0, std::ssize(world.nodes()) - 1))];
}

// The active one, or any when there is none.
Node& leader(World& world) {
  for (Node& node : world.nodes())
    if (node.active()) return node;
  return any(world);
}

Node& any_or_leader(World& world) {
  return world.rng().percent(60) ? leader(world) : any(world);
}

Duration some_intervals(World& world, int low, int high) {
  return world.rng().between(world.interval() * low, world.interval() * high);
}

// A lasting fault of the link: `begin` now, `end` later.
void lasting(World& world, const std::function<void()>& begin, std::function<void()> end) {
  world.watch().fault_begins(world.now());
  begin();
  world.after(some_intervals(world, 1, kLongestFault), [&world, end = std::move(end)] {
    end();
    world.watch().fault_ends(world.now());
    world.say("the link", "is well");
  });
}

// ---- Boxes ---------------------------------------------------------------------------------------------------------

void come_back(World& world, Node& node, Duration after) {
  world.after(after, [&world, &node] {
    world.watch().disturbed(world.now());
    world.start(node, false);
  });
}

void orderly_stop(World& world) {
  Node& node = any_or_leader(world);
  if (!node.running()) return;
  world.stop(node);
  come_back(world, node, some_intervals(world, 1, kLongestFault));
}

void power_loss(World& world) {
  Node& node = any_or_leader(world);
  if (!node.running()) return;
  world.watch().disturbed(world.now());
  world.power_off(node);
  come_back(world, node, some_intervals(world, 1, kLongestFault));
}

void room_restart(World& world) {
  Node& node = any_or_leader(world);
  if (!node.running()) return;
  const bool quick = world.rng().percent(70);
  const Duration away =
      quick ? world.rng().between(Duration{}, node.settings.advert_interval) : some_intervals(world, 4, kLongestFault);
  if (quick)
    world.watch().quick_restart_begins(node, world.now(), world.now() + away);
  else
    world.watch().disturbed(world.now());
  world.kill_room(node);
  world.after(away, [&world, &node, quick] {
    if (quick)
      world.watch().quick_restart_ends(world.now());
    else
      world.watch().disturbed(world.now());
    world.start(node, true);
  });
}

void freeze(World& world) {
  Node& node = any_or_leader(world);
  if (!node.running()) return;
  world.watch().disturbed(world.now());
  world.pause(node);
  world.after(some_intervals(world, 0, kLongestFault), [&world, &node] {
    world.watch().disturbed(world.now());
    world.wake_up(node);
  });
}

void link_down(World& world) {
  Node& node = any_or_leader(world);
  if (!node.running() || !node.link_up) return;
  world.watch().disturbed(world.now());
  world.set_link(node, false);
  world.after(some_intervals(world, 1, kLongestFault), [&world, &node] {
    world.watch().disturbed(world.now());
    world.set_link(node, true);
  });
}

// ---- The link ------------------------------------------------------------------------------------------------------

void split(World& world) {
  world.say("the link", "splits in two");
  world.watch().disturbed(world.now());
  for (Node& node : world.nodes()) node.island = static_cast<size_t>(world.rng().between(0, 1));
  world.after(some_intervals(world, 1, 2 * kLongestFault), [&world] {
    world.say("the link", "is whole again");
    world.watch().disturbed(world.now());
    for (Node& node : world.nodes()) node.island = 0;
  });
}

void one_way_cut(World& world) {
  const Node& from = any_or_leader(world);
  const Node& to = any(world);
  lasting(
      world,
      [&] {
        world.say("the link", to.name + " cannot hear " + from.name);
        world.network().cut[from.index][to.index] = true;
      },
      [&world, &from, &to] { world.network().cut[from.index][to.index] = false; });
}

void loss(World& world) {
  const int64_t percent = world.rng().between(5, 60);
  lasting(
      world,
      [&] {
        world.say("the link", "loses " + std::to_string(percent) + " %");
        world.network().loss_percent = percent;
      },
      [&world] { world.network().loss_percent = 0; });
}

void disorder(World& world) {
  lasting(
      world,
      [&] {
        world.say("the link", "duplicates and reorders");
        world.network().duplicate_percent = 30;
        world.network().late_percent = 30;
        world.network().late_max = world.interval() * 2;
      },
      [&world] {
        world.network().duplicate_percent = world.network().late_percent = 0;
        // What is still under way arrives late even now.
        world.watch().fault_begins(world.now());
        world.after(world.network().late_max, [&world] { world.watch().fault_ends(world.now()); });
      });
}

// ---- Strangers -----------------------------------------------------------------------------------------------------

Advert forged(uint8_t priority, Duration interval) {
  return {.vrid = 51,
          .priority = priority,
          .advert_interval = interval,
          .source = Ipv4Address{0x0a6300c8},
          .addresses = {Ipv4Address{0x0a630064}}};
}

Packet packed(std::vector<std::byte> bytes) {
  return std::make_shared<const std::vector<std::byte>>(std::move(bytes));
}

// An advert with one bit of its message wrong. No disturbance: nobody may take notice.
void junk(World& world, int left) {
  std::vector<std::byte> bytes = encode_ipv4(forged(200, world.interval()));
  const auto bit = static_cast<size_t>(world.rng().between(kIpHeaderBits, std::ssize(bytes) * 8 - 1));
  bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  world.inject(packed(std::move(bytes)));
  if (left > 0) world.after(world.interval() * 45 / 100, [&world, left] { junk(world, left - 1); });
}

void junk_trickle(World& world) {
  world.say("a stranger", "sends broken adverts, one in 0.45 intervals");
  junk(world, 60);
}

void releases(World& world, int left) {
  world.watch().disturbed(world.now(), false);
  world.inject(packed(encode_ipv4(forged(0, world.interval()))));
  if (left > 0) world.after(world.interval() * 30 / 100, [&world, left] { releases(world, left - 1); });
}

// Nobody may be kept from taking over by it.
void forged_releases_and_power_loss(World& world) {
  world.say("a stranger", "gives up in somebody's name, again and again");
  releases(world, 80);
  world.after(world.interval(), [&world] { power_loss(world); });
}

void forged_interval(World& world) {
  world.say("a stranger", "is active once, with the longest interval");
  world.watch().disturbed(world.now());
  world.inject(packed(encode_ipv4(forged(254, kMaxIntervalUnits * kIntervalUnit))));
}

// ---- Operators -----------------------------------------------------------------------------------------------------

void held_return(World& world) {
  Node& node = any_or_leader(world);
  if (!node.running()) return;
  world.watch().disturbed(world.now());
  world.power_off(node);
  world.after(some_intervals(world, 5, 10), [&world, &node] {
    world.watch().disturbed(world.now());
    node.held = true;
    world.start(node, false);
  });
  world.after(some_intervals(world, 30, 60), [&world, &node] {
    world.watch().disturbed(world.now());
    world.hold(node, false);
  });
}

void reload(World& world) {
  Node& node = any_or_leader(world);
  if (!node.running()) return;
  Settings settings = node.settings;
  switch (world.rng().between(0, 2)) {
    case 0:
      settings.priority = static_cast<uint8_t>(world.rng().between(1, 254));
      world.watch().disturbed(world.now());
      break;
    case 1:  // no disturbance: one box after the other is how lists change
      if (settings.legs[0].addresses.size() > 2)
        settings.legs[0].addresses.pop_back();
      else
        settings.legs[0].addresses.push_back({Prefix{Ipv4Address{0x0a630066}, 24}, "eth0"});
      break;
    default:
      settings.advert_interval = world.interval() * world.rng().between(1, 3);
      world.watch().disturbed(world.now());
      break;
  }
  world.reload(node, settings);
}

void planned_change(World& world) {
  Node& from = leader(world);
  Node& to = any(world);
  if (!from.active() || &from == &to || !to.able() || to.island != from.island || !world.watch().calm()) return;
  if (to.machine().state() != State::kBackup) return;
  world.hand_over(from, to);
}

// Another router took our VRID by mistake. No disturbance: it has none of our addresses.
void foreigner(World& world, int left) {
  Advert advert = forged(254, world.interval());
  advert.addresses = {Ipv4Address{0x0a6300c9}};
  world.inject(packed(encode_ipv4(advert)));
  if (left > 0) world.after(world.interval() / 2, [&world, left] { foreigner(world, left - 1); });
}

void foreign_router(World& world) {
  world.say("a stranger", "uses our VRID for other addresses, priority 254");
  foreigner(world, 40);
}

void tampering(World& world) {
  world.lose_address(leader(world));
}

using Fault = void (*)(World&);
constexpr std::array<Fault, 19> kFaults{
    planned_change, planned_change,  foreign_router, orderly_stop, orderly_stop, power_loss, room_restart,
    room_restart,   freeze,          link_down,      split,        one_way_cut,  loss,       disorder,
    junk_trickle,   forged_interval, held_return,    reload,       tampering,
};

void chapter(World& world) {
  const int64_t faults = world.rng().percent(70) ? 1 : world.rng().between(2, 3);
  for (int64_t i = 0; i < faults; ++i) {
    world.after(some_intervals(world, 0, 10), [&world] {
      if (world.rng().percent(6)) return forged_releases_and_power_loss(world);
      kFaults.at(static_cast<size_t>(world.rng().between(0, std::ssize(kFaults) - 1)))(world);
    });
  }
}

}  // namespace

Duration story_length(const World& world) {
  return world.interval() * (kChapterIntervals * (kChapters + 1));
}

void plan_story(World& world) {
  for (Node& node : world.nodes())
    world.after(some_intervals(world, 0, 5), [&world, &node] {
      world.watch().disturbed(world.now());
      world.start(node, false);
    });
  for (size_t i = 1; i <= kChapters; ++i)
    world.after(world.interval() * (kChapterIntervals * i), [&world] { chapter(world); });
}

}  // namespace tandem::sim
