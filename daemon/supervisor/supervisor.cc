#include "daemon/supervisor/supervisor.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <map>
#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "daemon/bus/board.hpp"
#include "daemon/bus/codec.hpp"
#include "daemon/bus/describe.hpp"
#include "daemon/loop/clock.hpp"
#include "daemon/loop/deadline_timer.hpp"
#include "daemon/loop/process.hpp"
#include "daemon/supervisor/control_socket.hpp"
#include "daemon/supervisor/log_writer.hpp"
#include "daemon/supervisor/notifier.hpp"
#include "daemon/supervisor/notify.hpp"
#include "daemon/supervisor/override_keeper.hpp"
#include "daemon/supervisor/program_runner.hpp"
#include "daemon/supervisor/reload_desk.hpp"
#include "daemon/supervisor/room_keeper.hpp"
#include "daemon/supervisor/room_process.hpp"
#include "daemon/supervisor/run_folder.hpp"
#include "daemon/supervisor/site_reader.hpp"
#include "daemon/supervisor/status_line.hpp"

namespace tandem::supervisor {

namespace asio = boost::asio;

using bus::Message;
using bus::Severity;

namespace {

// Rooms end within kStopPatience, on their own within a second more.
constexpr Duration kLastRoomsPatience = 8s;
constexpr Duration kStatusInterval = 1s;
// At the end, for the scripts that say so. The unit gives 30 s for the whole.
constexpr Duration kLastNotifyPatience = 5s;

std::vector<std::string> names_of(const std::vector<RoomEntry>& rooms) {
  std::vector<std::string> names;
  for (const auto& room : rooms) names.push_back(room.name);
  return names;
}

class Supervisor {
 public:
  Supervisor(asio::io_context& io, const SupervisorOptions& options, const std::vector<RoomEntry>& rooms,
             ReadSiteFile site, RunFolder folder, loop::UniqueFd listener)
      : io_(io),
        options_(options),
        folder_(std::move(folder)),
        listener_(std::move(listener)),
        site_(std::move(site)),
        keeper_(names_of(rooms)),
        overrides_(io, options.state_directory,
                   {.say = [this](const Message& message) { say(message); },
                    .event = [this](Severity severity, std::string id, std::string subject,
                                    std::string text) { event(severity, id, subject, text); }}),
        notifier_(io, [this](const std::string& subject,
                             const std::string& text) { event(Severity::kError, "NOTIFY_FAILED", subject, text); }),
        programs_(io, {.answer = [this](const bus::ExecResult& result) { say(result); },
                       .event = [this](Severity severity, std::string id,
                                       std::string text) { event(severity, std::move(id), "", std::move(text)); }}),
        status_(site_.message.director),
        keeper_timer_(io.get_executor(), [this] { carry_out(keeper_.deadline_reached(loop::monotonic_now())); }),
        reload_timer_(io.get_executor(),
                      [this] { carry_out(desk_.deadline_reached(keeper_.not_ready(), loop::monotonic_now())); }),
        status_timer_(io.get_executor(), [this] { tell_status(); }),
        watchdog_timer_(io.get_executor(), [this] { feed_watchdog(); }),
        signals_(io, SIGTERM, SIGINT, SIGHUP) {}

  void start() {
    for (const auto& warning : site_.warnings) event(Severity::kWarning, "SITE_WARNING", "", warning);
    event(Severity::kInfo, "STARTING", "",
          "version " TANDEM_VERSION ", director " + site_.message.director + ", " + options_.config);
    site_.message.generation = 1;
    say(site_.message);
    overrides_.begin(*site_.site);
    notifier_.configure(*site_.site);
    programs_.configure(std::move(site_.programs));
    carry_out(keeper_.start(1, loop::monotonic_now()));
    wait_for_signal();
    feed_watchdog();
  }

  bool orderly() const { return orderly_; }

 private:
  // --- what the cores decided

  void carry_out(const Actions& actions) {
    for (const auto& action : actions) std::visit([this](const auto& one) { perform(one); }, action);
    keeper_timer_.set(keeper_.deadline());
  }

  void perform(const StartRoom& start) {
    const TimePoint now = loop::monotonic_now();
    const RoomStart what{.room = start.room,
                         .run_directory = options_.run_directory,
                         .state_directory = options_.state_directory,
                         .rooms_lock = folder_.rooms_lock.get(),
                         .listen_fd = start.room == "control" ? listener_.get() : -1};
    const std::string& room = start.room;
    auto process = RoomProcess::start(
        io_, what,
        {.on_frame = [this, room](std::string_view frame) { hear(room, frame); },
         .on_line_lost = [this, room](const std::string& why) { carry_out(keeper_.line_lost(room, why)); },
         .on_end = [this, room](const std::string& how) { room_ended(room, how); }});
    if (!process) return carry_out(keeper_.could_not_start(room, process.error(), now));
    processes_[room] = *process;
    carry_out(keeper_.started(room, (*process)->pid()));
  }

  void perform(const AskToStop& ask) {
    if (const auto process = processes_.find(ask.room); process != processes_.end()) process->second->expect_end();
    send(ask.room, encoded(bus::Stop{}), {});
  }

  void perform(const KillRoom& kill) {
    if (const auto process = processes_.find(kill.room); process != processes_.end()) process->second->kill();
  }

  void perform(const Abandon& which) {
    if (options_.abandon) options_.abandon(which.room);
  }

  void perform(const Say& words) {
    Message message = words.message;
    if (auto* status = std::get_if<bus::RoomStatus>(&message)) status->since_unix_ms = loop::unix_ms_now();
    if (auto* event = std::get_if<bus::Event>(&message)) event->unix_ms = loop::unix_ms_now();
    say(message);
  }

  void perform(const WholeReady&) {
    if (!ready_) {
      ready_ = true;
      event(Severity::kNotice, "READY", "", "all rooms work");
      notify_ready(status_.text({}));
    }
    carry_out(desk_.whole_ready(loop::monotonic_now()));
    status_timer_.set(loop::monotonic_now());
  }

  void perform(const AllEnded& ended) {
    orderly_ = ended.orderly;
    notifier_.finish(kLastNotifyPatience, [this] { io_.stop(); });
  }

  void carry_out(const ReloadActions& actions) {
    for (const auto& action : actions) std::visit([this](const auto& one) { perform(one); }, action);
    reload_timer_.set(desk_.deadline());
  }

  void perform(const ReadSite&) {
    // The name was settled at the start: a box does not become another one by a reload.
    read_site_file_async(io_, options_.config, site_.message.director, site_.site, [this](ReadSiteFile read) {
      SiteReading reading{.errors = read.errors, .difference = read.difference};
      reading.same_text = read.errors.empty() && read.message.digest == site_.message.digest;
      fresh_ = std::move(read);
      carry_out(desk_.read(std::move(reading), loop::monotonic_now()));
    });
  }

  void perform(const PublishSite&) {
    for (const auto& warning : fresh_.warnings) event(Severity::kWarning, "SITE_WARNING", "", warning);
    const uint64_t generation = site_.message.generation + 1;
    site_ = std::move(fresh_);
    site_.message.generation = generation;
    overrides_.site_changed(*site_.site);
    notifier_.configure(*site_.site);
    programs_.configure(std::move(site_.programs));
    say(site_.message);
    carry_out(keeper_.new_generation(generation));
  }

  void perform(const TellReloading&) { notify_reloading(); }
  void perform(const TellReady&) {
    if (ready_) notify_ready(status_.text(keeper_.not_ready()));
  }

  void perform(const Answer& answer) {
    bus::ReloadResult result = answer.result;
    result.unix_ms = loop::unix_ms_now();
    std::string lines;
    for (const auto& line : result.lines) lines += (lines.empty() ? "" : "; ") + line;
    if (result.applied) {
      event(Severity::kNotice, "RELOAD_APPLIED", "", lines);
    } else {
      for (const auto& line : result.lines) event(Severity::kError, "RELOAD_REFUSED", "", line);
    }
    say(result);
  }

  // --- messages

  void say(const Message& message) { publish(std::string(bus::kSupervisor), message); }

  void event(Severity severity, std::string id, std::string subject, std::string text) {
    say(bus::Event{.severity = severity,
                   .id = std::move(id),
                   .room = std::string(bus::kSupervisor),
                   .subject = std::move(subject),
                   .text = std::move(text),
                   .unix_ms = loop::unix_ms_now()});
  }

  template <class T>
  static std::shared_ptr<const std::string> encoded(const T& frame) {
    return std::make_shared<const std::string>(bus::encode(frame));
  }

  void send(const std::string& room, std::shared_ptr<const std::string> frame, const std::string& slot) {
    if (const auto process = processes_.find(room); process != processes_.end())
      process->second->send(std::move(frame), slot);
  }

  void deliver(const std::vector<bus::Delivery>& deliveries) {
    for (const auto& delivery : deliveries) send(delivery.room, delivery.frame, delivery.slot);
  }

  void hear(const std::string& room, std::string_view text) {
    const auto frame = bus::decode_frame(text, bus::kMostBytesFromRoom);
    if (!frame) return refused(room, "it is " + std::string(describe(frame.error())));
    if (const auto* message = std::get_if<Message>(&*frame)) {
      publish(room, *message);
    } else if (const auto* subscribe = std::get_if<bus::Subscribe>(&*frame)) {
      deliver(board_.subscribe(room, *subscribe));
    } else {
      refused(room, "only the supervisor says it");
    }
  }

  void publish(const std::string& room, const Message& message) {
    const auto deliveries = board_.publish(room, message);
    if (!deliveries)
      return refused(room, std::string(bus::kind_of(message)) + ": " + std::string(describe(deliveries.error())));
    deliver(*deliveries);
    if (const auto* said = std::get_if<bus::Event>(&message)) log_.write(*said);
    if (const auto* ready = std::get_if<bus::RoomReady>(&message))
      carry_out(keeper_.ready(room, ready->generation, loop::monotonic_now()));
    if (const auto* reload = std::get_if<bus::ReloadRequest>(&message)) ask_for_reload(reload->id);
    if (room != bus::kSupervisor) overrides_.hear(message);
    notifier_.hear(message);
    programs_.hear(message);
    status_.hear(message);
    // One line a second is enough for people.
    if (ready_ && !status_due_) {
      status_due_ = true;
      status_timer_.set(loop::monotonic_now() + kStatusInterval);
    }
  }

  void refused(const std::string& room, const std::string& why) {
    log_.write(bus::Event{.severity = Severity::kError,
                          .id = "MESSAGE_REFUSED",
                          .room = std::string(bus::kSupervisor),
                          .subject = room,
                          .text = "a message was not taken: " + why,
                          .unix_ms = loop::unix_ms_now()});
  }

  // --- what happens

  void room_ended(const std::string& room, const std::string& how) {
    board_.leave(room);
    processes_.erase(room);
    if (room == "checkers") programs_.asker_gone();
    carry_out(keeper_.ended(room, how, loop::monotonic_now()));
  }

  void ask_for_reload(uint64_t id) {
    if (!keeper_.stopping()) carry_out(desk_.ask(id, loop::monotonic_now()));
  }

  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int number) {
      if (error) return;
      wait_for_signal();
      if (number == SIGHUP) return ask_for_reload(0);
      if (!keeper_.stopping()) notify_stopping();
      event(Severity::kNotice, "STOPPING", "", keeper_.stopping() ? "at once, because it was asked twice" : "in order");
      carry_out(keeper_.stop(loop::monotonic_now()));
    });
  }

  void tell_status() {
    status_due_ = false;
    if (ready_ && !keeper_.stopping()) notify_status(status_.text(keeper_.not_ready()));
  }

  void feed_watchdog() {
    const auto interval = watchdog_interval();
    if (!interval) return;
    notify_watchdog();
    watchdog_timer_.set(loop::monotonic_now() + *interval);
  }

  asio::io_context& io_;
  const SupervisorOptions& options_;
  RunFolder folder_;
  loop::UniqueFd listener_;
  ReadSiteFile site_;   // in force
  ReadSiteFile fresh_;  // read by a reload, not yet in force
  RoomKeeper keeper_;
  OverrideKeeper overrides_;
  Notifier notifier_;
  ProgramRunner programs_;
  ReloadDesk desk_;
  bus::Board board_;
  LogWriter log_;
  StatusLine status_;
  std::map<std::string, std::shared_ptr<RoomProcess>> processes_;
  loop::DeadlineTimer keeper_timer_;
  loop::DeadlineTimer reload_timer_;
  loop::DeadlineTimer status_timer_;
  loop::DeadlineTimer watchdog_timer_;
  asio::signal_set signals_;
  bool ready_ = false;
  bool status_due_ = false;
  bool orderly_ = true;
};

int could_not_start(const std::vector<std::string>& lines) {
  const bool journal = LogWriter::style_of_stderr() == LogStyle::kJournal;
  for (const auto& line : lines) std::cerr << (journal ? "<3>" : "") << line << '\n';
  return 1;
}

}  // namespace

int run_supervisor(const SupervisorOptions& options, const std::vector<RoomEntry>& rooms) {
  std::signal(SIGPIPE, SIG_IGN);
  auto site = read_site_file(options.config, options.director, nullptr);
  if (!site.errors.empty()) return could_not_start(site.errors);
  auto folder = take_run_folder(options.run_directory, kLastRoomsPatience);
  if (!folder) return could_not_start({folder.error()});
  const auto socket_path = options.run_directory / "control.sock";
  auto listener = make_control_socket(socket_path);
  if (!listener) return could_not_start({listener.error()});
  std::error_code error;
  std::filesystem::create_directories(options.state_directory, error);
  if (error) return could_not_start({options.state_directory.string() + ": " + error.message()});

  // The loop outlives this function on purpose: a site reader that waits for a dead disk still refers to it.
  auto& io = *new asio::io_context(1);
  Supervisor supervisor(io, options, rooms, std::move(site), std::move(*folder), std::move(*listener));
  supervisor.start();
  io.run();
  std::filesystem::remove(socket_path, error);
  if (!supervisor.orderly() && options.clean_up) options.clean_up();
  return supervisor.orderly() ? 0 : 1;
}

}  // namespace tandem::supervisor
