#include "vrrp/io/room_test_world.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include <boost/asio/io_context.hpp>

#include "daemon/base/assert.hpp"
#include "daemon/loop/clock.hpp"
#include "vrrp/io/room.hpp"

namespace tandem::vrrp::test {

Box::Box(std::string name) : name_(std::move(name)) {
  int ready[2];
  TANDEM_ASSERT(pipe2(ready, O_CLOEXEC) == 0);
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const char ok = unshare(CLONE_NEWNET) == 0 ? 1 : 0;
    (void)!write(ready[1], &ok, 1);
    while (true) pause();
  }
  close(ready[1]);
  char ok = 0;
  TANDEM_ASSERT(read(ready[0], &ok, 1) == 1 && ok == 1);
  close(ready[0]);
  TANDEM_ASSERT(run("ip link set lo up"));
}

Box::~Box() {
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool Box::run(const std::string& command) const {
  const std::string whole = "nsenter -t " + std::to_string(pid_) + " -n sh -c '" + command + "'";
  return std::system(whole.c_str()) == 0;
}

bool Box::has_address(const std::string& address) const {
  return run("ip -o addr | grep -q \" " + address + "/\"");
}

void Box::cable(const Box& a, const Box& b) {
  const std::string other = std::to_string(b.pid());
  TANDEM_ASSERT(a.run("ip link add eth0 type veth peer name eth0 netns " + other));
  TANDEM_ASSERT(a.run("ip addr add 192.0.2.1/24 dev eth0; ip link set eth0 up"));
  TANDEM_ASSERT(b.run("ip addr add 192.0.2.2/24 dev eth0; ip link set eth0 up"));
}

RoomUnderTest::~RoomUnderTest() {
  kill();
}

void RoomUnderTest::start() {
  int pair[2];
  TANDEM_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const std::string path = "/proc/" + std::to_string(box_.pid()) + "/ns/net";
    TANDEM_ASSERT(setns(open(path.c_str(), O_RDONLY | O_CLOEXEC), CLONE_NEWNET) == 0);
    {
      boost::asio::io_context io;
      bus::RoomLink link(io, pair[1], "vrrp");
      bus::RoomContext context{io, link, folder_, folder_};
      run_room(context);
    }
    _exit(0);
  }
  close(pair[1]);
  fd_ = pair[0];
  reader_.emplace(bus::kMostBytesFromRoom);
}

void RoomUnderTest::reap() {
  if (pid_ < 0) return;
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
  serve();
  close(fd_);
  fd_ = -1;
}

void RoomUnderTest::kill() {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
  reap();
}

void RoomUnderTest::stop() {
  send(encode(bus::Stop{}));
  reap();
}

void RoomUnderTest::freeze(bool frozen) {
  ::kill(pid_, frozen ? SIGSTOP : SIGCONT);
}

void RoomUnderTest::send(const std::string& text) {
  const be32 length = static_cast<uint32_t>(text.size());
  std::string frame(reinterpret_cast<const char*>(&length), sizeof length);
  frame += text;
  TANDEM_ASSERT(write(fd_, frame.data(), frame.size()) == static_cast<ssize_t>(frame.size()));
}

void RoomUnderTest::say(bus::Message message) {
  if (const auto* site = std::get_if<bus::SiteText>(&message)) site_ = *site;
  if (const auto* sync = std::get_if<bus::SyncStatus>(&message)) sync_[sync->peer] = *sync;
  if (fd_ >= 0) send(encode(message));
}

void RoomUnderTest::hear(const bus::Frame& frame) {
  if (std::holds_alternative<bus::Subscribe>(frame)) {
    for (const auto& [name, state] : states_) send(encode(bus::Message(state)));
    for (const auto& [name, sync] : sync_) send(encode(bus::Message(sync)));
    if (site_) send(encode(bus::Message(*site_)));
    return send(encode(bus::CaughtUp{}));
  }
  const auto* message = std::get_if<bus::Message>(&frame);
  if (message == nullptr) return;
  if (const auto* state = std::get_if<bus::InstanceState>(message)) states_[state->router] = *state;
  if (const auto* forget = std::get_if<bus::Forget>(message)) states_.erase(forget->of_key);
  if (const auto* ready = std::get_if<bus::RoomReady>(message)) generation_ = ready->generation;
  if (const auto* event = std::get_if<bus::Event>(message)) events.push_back(*event);
}

void RoomUnderTest::receive(int timeout_ms) {
  if (fd_ < 0) return;
  pollfd ready{fd_, POLLIN, 0};
  std::array<char, 65536> buffer;
  while (poll(&ready, 1, timeout_ms) > 0) {
    const ssize_t length = read(fd_, buffer.data(), buffer.size());
    if (length <= 0) return;
    reader_->add({buffer.data(), static_cast<size_t>(length)});
    while (true) {
      const auto frame = reader_->next();
      TANDEM_ASSERT(frame.has_value());
      if (!*frame) break;
      const auto decoded = bus::decode_frame(**frame, bus::kMostBytesFromRoom);
      TANDEM_ASSERT(decoded.has_value());
      hear(*decoded);
    }
    timeout_ms = 0;
  }
}

void RoomUnderTest::serve() {
  receive(0);
}

bool RoomUnderTest::wait(Duration patience, const std::function<bool()>& done) {
  const TimePoint end = loop::monotonic_now() + patience;
  serve();
  while (!done()) {
    if (loop::monotonic_now() >= end) return false;
    receive(5);
  }
  return true;
}

bool RoomUnderTest::becomes(const std::string& router, bus::RouterState wanted, Duration patience) {
  return wait(patience, [&] {
    const bus::InstanceState* now = state(router);
    return now != nullptr && now->state == wanted;
  });
}

const bus::InstanceState* RoomUnderTest::state(const std::string& router) const {
  const auto found = states_.find(router);
  return found != states_.end() ? &found->second : nullptr;
}

size_t RoomUnderTest::count(const std::string& id) const {
  return static_cast<size_t>(std::ranges::count(events, id, &bus::Event::id));
}

bool wait_both(RoomUnderTest& a, RoomUnderTest& b, Duration patience, const std::function<bool()>& done) {
  return a.wait(patience, [&] {
    b.serve();
    return done();
  });
}

}  // namespace tandem::vrrp::test
