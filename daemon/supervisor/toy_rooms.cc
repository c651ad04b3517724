// The real supervisor over two toy rooms, for process_test.py: what it does with rooms that die, hang or lie.
//
// TOY_CHECKERS says how the room checkers behaves: calm, stuck (never ends), liar (speaks for others and sends rubbish),
// mortal (dies as soon as it runs), loud (a flood of events).
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include <boost/asio/io_context.hpp>

#include "daemon/bus/room_link.hpp"
#include "daemon/supervisor/room_process.hpp"
#include "daemon/supervisor/supervisor.hpp"

namespace {

using namespace tandem;
using bus::RoomContext;
using bus::Severity;

std::string way_of_checkers() {
  const char* way = std::getenv("TOY_CHECKERS");
  return way == nullptr ? "calm" : way;
}

void say_ready_for_every_site(RoomContext& context) {
  context.bus.subscribe<bus::SiteText>([&](const bus::SiteText& site) {
    context.bus.publish(bus::RoomReady{.room = context.bus.room(), .generation = site.generation});
  });
}

// Counts its lives in a retained message that it hears again after a restart.
void run_vrrp(RoomContext& context) {
  bus::InstanceState state{.router = "web"};
  context.bus.subscribe<bus::InstanceState>([&](const bus::InstanceState& last) { state = last; });
  context.bus.on_caught_up([&] {
    ++state.transitions;
    context.bus.publish(state);
    context.bus.event(Severity::kInfo, "TOY_LIVES", "", "life " + std::to_string(state.transitions));
  });
  context.bus.on_stop([&] {
    context.bus.event(Severity::kInfo, "TOY_LAST_WORDS", "", "goodbye");
    context.io.stop();
  });
  say_ready_for_every_site(context);
  context.bus.start();
  context.io.run();
}

void lie(RoomContext& context) {
  context.bus.publish(bus::InstanceState{.router = "web", .state = bus::RouterState::kActive});
  context.bus.publish(bus::Event{.id = "FORGED", .room = "vrrp"});
  const char rubbish[] = "\0\0\0\7rubbish";
  // The line is where room_main() has put it, or where it came in.
  if (send(1000, rubbish, sizeof rubbish - 1, 0) < 0) send(supervisor::kBusFd, rubbish, sizeof rubbish - 1, 0);
}

void run_checkers(RoomContext& context) {
  const std::string way = way_of_checkers();
  context.bus.on_stop([&] {
    while (way == "stuck") pause();
    context.io.stop();
  });
  context.bus.on_caught_up([&] {
    if (way == "liar") lie(context);
    if (way == "mortal") _exit(3);
    if (way != "loud") return;
    for (int i = 0; i < 50'000; ++i)
      context.bus.event(Severity::kInfo, "NOISE_" + std::to_string(i % 500), "", std::string(200, 'x'));
  });
  say_ready_for_every_site(context);
  context.bus.start();
  context.io.run();
}

std::string option(int argc, char** argv, const char* name, const std::string& otherwise) {
  for (int i = 1; i + 1 < argc; ++i)
    if (std::strcmp(argv[i], name) == 0) return argv[i + 1];
  return otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<supervisor::RoomEntry> rooms{
      {.name = "vrrp", .run = run_vrrp, .privileges = {}},
      {.name = "checkers", .run = run_checkers, .privileges = {.own_user = true, .filter_calls = true}}};
  const std::string run = option(argc, argv, "--run-dir", ""), state = option(argc, argv, "--state-dir", "");
  const std::string room = option(argc, argv, "--room", "");
  for (const auto& entry : rooms)
    if (entry.name == room)
      return supervisor::room_main(entry, {run, state, std::stoi(option(argc, argv, "--bus-fd", "-1")), -1});
  return supervisor::run_supervisor({.config = option(argc, argv, "--config", ""),
                                     .run_directory = run,
                                     .state_directory = state,
                                     .director = "dir-a",
                                     .clean_up = [] { write(STDERR_FILENO, "CLEANED UP\n", 11); }},
                                    rooms);
}
