// The world of a run: a virtual clock, a link that loses and delays, boxes, and a list of what happens next. All of it
// follows from one seed.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "tests/sim/node.hpp"
#include "tests/sim/rng.hpp"
#include "tests/sim/watch.hpp"

namespace tandem::sim {

struct Options {
  uint64_t seed = 1;
  Mutation mutation = Mutation::kNone;
  bool verbose = false;
};

struct Network {
  int64_t loss_percent = 0;
  int64_t duplicate_percent = 0;
  int64_t late_percent = 0;  // overtaken by what was sent after it
  Duration delay_min{}, delay_max{};
  Duration late_max{};
  std::vector<std::vector<bool>> cut;                // [from][to]
  std::vector<std::vector<TimePoint>> last_arrival;  // [from][to]; a link keeps the order, unless it is made late
};

class World {
 public:
  explicit World(const Options& options);

  // Lives through the whole story; ends early at the first violation.
  void run();

  const Watch& watch() const { return watch_; }
  Duration simulated() const { return now_ - TimePoint{}; }
  uint64_t adverts() const;
  uint64_t transitions() const { return transitions_; }

  // ---- What the faults (faults.cc) do to the world ----
  void start(Node& node, bool resume);
  void stop(Node& node);
  void power_off(Node& node);
  void kill_room(Node& node);
  void pause(Node& node);
  void wake_up(Node& node);
  void set_link(Node& node, bool up);
  void hold(Node& node, bool held);
  void reload(Node& node, const vrrp::Settings& settings);
  void lose_address(Node& node);
  // A planned change from the active node to another, told by the peer link, a cable of its own that no fault touches.
  void hand_over(Node& from, Node& to);
  void inject(const Packet& packet);  // from a stranger, to everybody

  void after(Duration delay, std::function<void()> what);
  void say(const std::string& who, const std::string& words);

  Rng& rng() { return rng_; }
  TimePoint now() const { return now_; }
  std::vector<Node>& nodes() { return nodes_; }
  Network& network() { return network_; }
  Watch& watch() { return watch_; }
  Duration interval() const { return interval_; }  // of the site; boxes may differ
  Duration delay() const { return network_.delay_max; }

 private:
  struct Happening {
    TimePoint at;
    uint64_t order = 0;  // of two at the same time, the one that was planned first
    Node* node = nullptr;
    Packet packet;               // arrives at node
    std::function<void()> what;  // or this; neither: node's timer
    bool operator>(const Happening& other) const { return at != other.at ? at > other.at : order > other.order; }
  };

  void found_site();
  void plan(Happening happening);
  void happen(const Happening& happening);
  void arrive(Node& node, const Packet& packet);
  vrrp::Actions tell(Node& node, const vrrp::Event& event);
  void carry_out(Node& node, const vrrp::Actions& actions);
  void send(const Node& from, const Packet& packet);
  void arm(Node& node);
  void ask_peers(Node& asking);
  void narrate(const Node& node, const vrrp::Action& action);

  Options options_;
  Rng rng_;
  TimePoint now_{};
  Duration interval_{};
  Duration timer_jitter_{};
  Network network_;
  std::vector<Node> nodes_;
  Watch watch_;
  std::vector<Happening> future_;  // a heap, the next thing first
  uint64_t planned_ = 0;
  uint64_t transitions_ = 0;
};

// Plans the story: quiet spells and faults in turn.
void plan_story(World& world);
// When the story is over, relative to its beginning.
Duration story_length(const World& world);

}  // namespace tandem::sim
