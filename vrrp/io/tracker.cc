#include "vrrp/io/tracker.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include <boost/asio/post.hpp>

#include "daemon/loop/clock.hpp"
#include "daemon/loop/deadline_timer.hpp"
#include "daemon/loop/fd.hpp"
#include "daemon/loop/script.hpp"
#include "daemon/netlink/route.hpp"
#include "vrrp/io/gateway_probe.hpp"

namespace tandem::vrrp {
namespace {

constexpr size_t kLongestNumber = 64;
constexpr int kMostOfAFile = 254;  // keepalived's limit too

bool looks_by_itself(const Tracked& thing) {
  return thing.kind != Tracked::Kind::kInterface && thing.kind != Tracked::Kind::kService;
}

// The name a process has for itself, and that of its program: the kernel cuts the first to 15 bytes.
bool is_called(const std::filesystem::path& process, const std::string& name) {
  std::ifstream comm(process / "comm");
  std::string word;
  if (std::getline(comm, word) && word == name) return true;
  if (name.size() < 15 || !name.starts_with(word)) return false;
  std::ifstream line(process / "cmdline");
  std::getline(line, word, '\0');
  return std::filesystem::path(word).filename() == name;
}

}  // namespace

Look look_at_file(const std::string& path) {
  // O_NONBLOCK: opening a pipe would wait for its writer.
  const loop::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return {.well = false, .words = std::generic_category().message(errno)};
  std::array<char, kLongestNumber> text{};
  const ssize_t length = read(fd.get(), text.data(), text.size());
  if (length < 0) return {.well = false, .words = std::generic_category().message(errno)};
  std::string_view digits(text.data(), static_cast<size_t>(length));
  const size_t begin = digits.find_first_not_of(" \t\n");
  digits.remove_prefix(begin == std::string_view::npos ? digits.size() : begin);
  if (digits.empty()) return {.well = true, .words = "empty, which is 0"};
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool rest_is_blank =
      std::all_of(end, digits.data() + digits.size(), [](char c) { return c == '\n' || c == ' '; });
  if (error != std::errc() || !rest_is_blank) return {.well = false, .words = "holds no whole number"};
  value = std::clamp(value, -kMostOfAFile, kMostOfAFile);
  return {.well = true, .value = value, .words = "says " + std::to_string(value)};
}

Look look_for_processes(const std::string& name, uint32_t at_least) {
  uint32_t found = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string file = entry.path().filename();
    if (std::ranges::all_of(file, [](char c) { return c >= '0' && c <= '9'; }) && is_called(entry.path(), name))
      ++found;
  }
  return {.well = found >= at_least,
          .words = std::to_string(found) + (found == 1 ? " process" : " processes") + " of that name, " +
                   std::to_string(at_least) + " wanted"};
}

Look look_for_route(const IpAddress& destination) {
  auto kernel = netlink::Connection::open();
  if (!kernel) return {.well = false, .words = kernel.error().text()};
  const auto route = netlink::route_to(*kernel, destination);
  if (!route) return {.well = false, .words = route.error().text()};
  return {.well = true, .words = route->gateway ? "by way of " + route->gateway->text() : "on the link"};
}

class Tracker::Watch : public std::enable_shared_from_this<Watch> {
 public:
  Watch(Tracker& tracker, Tracked thing)
      : tracker_(tracker), thing_(std::move(thing)), timer_(tracker.io_.get_executor(), [this] { look(); }) {}

  const Tracked& thing() const { return thing_; }
  void start() { timer_.set(loop::monotonic_now()); }
  void stop() {
    stopped_ = true;
    timer_.set(std::nullopt);
    script_.reset();
    probe_.reset();
  }

 private:
  void look() {
    began_ = loop::monotonic_now();
    switch (thing_.kind) {
      case Tracked::Kind::kScript:
        script_ = loop::run_script(tracker_.io_, {loop::words_of(thing_.subject), thing_.user, thing_.timeout},
                                   [this](const loop::ScriptResult& result) {
                                     const bool well =
                                         result.end == loop::ScriptResult::End::kExited && result.exit_code == 0;
                                     seen({.well = well, .words = result.text()});
                                   });
        return;
      case Tracked::Kind::kGateway:
        probe_ = std::make_unique<GatewayProbe>(tracker_.io_, thing_.address, thing_.timeout, [this](const auto& why) {
          seen({.well = why.empty(), .words = thing_.address.text() + (why.empty() ? " answers" : ": " + why)});
        });
        return;
      default:
        return boost::asio::post(tracker_.pool_, [self = shared_from_this(), thing = thing_, &io = tracker_.io_] {
          boost::asio::post(io, [self, look = look_at(thing)] { self->seen(look); });
        });
    }
  }

  static Look look_at(const Tracked& thing) {
    switch (thing.kind) {
      case Tracked::Kind::kFile:
        return look_at_file(thing.subject);
      case Tracked::Kind::kProcess:
        return look_for_processes(thing.subject, thing.processes);
      default:
        return look_for_route(thing.address);
    }
  }

  void seen(const Look& look) {
    if (stopped_) return;
    const auto self = shared_from_this();  // what is said may end this watch
    tracker_.on_look_(thing_.name, look);
    // From the beginning of the last one; one that took longer is followed by the next at once.
    if (!stopped_) timer_.set(std::max(loop::monotonic_now(), began_ + thing_.interval));
  }

  Tracker& tracker_;
  Tracked thing_;
  loop::DeadlineTimer timer_;
  TimePoint began_{};
  bool stopped_ = false;
  std::unique_ptr<loop::Script> script_;
  std::unique_ptr<GatewayProbe> probe_;
};

Tracker::Tracker(boost::asio::io_context& io, boost::asio::thread_pool& pool, OnLook on_look)
    : io_(io), pool_(pool), on_look_(std::move(on_look)) {}

Tracker::~Tracker() {
  for (const auto& [name, watch] : watches_) watch->stop();
}

void Tracker::set(const std::vector<Tracked>& things) {
  std::map<std::string, std::shared_ptr<Watch>> before = std::exchange(watches_, {});
  for (const Tracked& thing : things) {
    if (!looks_by_itself(thing)) continue;
    const auto known = before.find(thing.name);
    if (known != before.end() && known->second->thing() == thing) {
      watches_.insert(before.extract(known));
      continue;
    }
    watches_.emplace(thing.name, std::make_shared<Watch>(*this, thing)).first->second->start();
  }
  for (const auto& [name, watch] : before) watch->stop();
}

}  // namespace tandem::vrrp
