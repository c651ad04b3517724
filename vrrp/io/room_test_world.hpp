// A world for tests of the whole room: two boxes (network namespaces) on one cable, in each a real room in a process of
// its own, and a message board that the test holds.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/time.hpp"
#include "daemon/bus/codec.hpp"
#include "daemon/bus/frame_reader.hpp"

namespace tandem::vrrp::test {

// A network namespace, alive as long as this is.
class Box {
 public:
  explicit Box(std::string name);
  ~Box();
  Box(const Box&) = delete;
  Box& operator=(const Box&) = delete;

  // Joins two boxes' eth0.
  static void cable(const Box& a, const Box& b);
  // Runs a shell command inside; returns whether it succeeded.
  bool run(const std::string& command) const;
  bool has_address(const std::string& address) const;

  const std::string& name() const { return name_; }
  pid_t pid() const { return pid_; }

 private:
  std::string name_;
  pid_t pid_ = -1;
};

// The room in a box, seen from the supervisor's side.
class RoomUnderTest {
 public:
  RoomUnderTest(const Box& box, std::string folder) : box_(box), folder_(std::move(folder)) {}
  ~RoomUnderTest();

  void start();  // with what was said last: the site, the sync status, its own states
  void kill();   // SIGKILL
  void stop();   // orderly; returns when the process has ended
  void freeze(bool frozen);

  void say(bus::Message message);  // now, or when it starts
  void forget_everything() { states_.clear(); }

  // Serves the line until `done` or the time is over; returns whether it was done.
  bool wait(Duration patience, const std::function<bool()>& done);
  bool becomes(const std::string& router, bus::RouterState state, Duration patience = 3s);
  void serve();  // what has arrived, without waiting

  const bus::InstanceState* state(const std::string& router) const;
  uint64_t generation() const { return generation_; }
  std::vector<bus::Event> events;
  size_t count(const std::string& id) const;

 private:
  void receive(int timeout_ms);
  void hear(const bus::Frame& frame);
  void send(const std::string& text);
  void reap();

  const Box& box_;
  std::string folder_;
  pid_t pid_ = -1;
  int fd_ = -1;
  std::optional<bus::FrameReader> reader_;
  std::optional<bus::SiteText> site_;
  std::map<std::string, bus::SyncStatus> sync_;
  std::map<std::string, bus::InstanceState> states_;
  uint64_t generation_ = 0;
};

// Serves both until `done` or the time is over.
bool wait_both(RoomUnderTest& a, RoomUnderTest& b, Duration patience, const std::function<bool()>& done);

}  // namespace tandem::vrrp::test
