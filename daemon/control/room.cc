#include "daemon/control/room.hpp"

#include <map>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>

#include "daemon/bus/codec.hpp"
#include "daemon/control/metrics.hpp"
#include "daemon/control/server.hpp"
#include "daemon/control/view.hpp"
#include "daemon/loop/clock.hpp"

namespace tandem::control {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr auto kReloadPatience = std::chrono::seconds(50);

class Room {
 public:
  explicit Room(bus::RoomContext& context) : context_(context), next_reload_(loop::unix_ms_now()) {}

  void open() {
    subscribe_all(static_cast<bus::Message*>(nullptr));
    context_.bus.on_stop([this] { context_.io.stop(); });
    context_.bus.start();
    serve(context_.io, context_.listen_fd, [this](Request request) { return answer(std::move(request)); });
  }

 private:
  // Every kind of message there is goes to the view; two of them mean something to the room itself, too.
  template <class... M>
  void subscribe_all(std::variant<M...>*) {
    (context_.bus.subscribe<M>([this](const M& message) { heard(message); }), ...);
  }

  template <class M>
  void heard(const M& message) {
    view_.apply(message);
    if constexpr (std::is_same_v<M, bus::SiteText>) {
      context_.bus.publish(bus::RoomReady{.room = "control", .generation = message.generation});
    } else if constexpr (std::is_same_v<M, bus::ReloadResult>) {
      if (const auto waiting = reloads_.find(message.id); waiting != reloads_.end()) {
        waiting->second->result = message;
        waiting->second->timer.cancel();
      }
    }
  }

  // Answers are named before they are returned: g++ 12 destroys a braced temporary of a co_return twice.
  asio::awaitable<Answer> answer(Request request) {
    Answer answer;
    if (request.target == "/v1/status" && request.method == "GET") {
      answer.body = view_.status();
    } else if (request.target == "/metrics" && request.method == "GET") {
      answer.content_type = "text/plain; version=0.0.4";
      answer.body = metrics_text(view_);
    } else if (request.target == "/v1/reload" && request.method == "POST") {
      answer = co_await reload();
    } else if (request.target == "/v1/status" || request.target == "/metrics" || request.target == "/v1/reload") {
      answer = refusal(405, "another method is wanted");
    } else {
      answer = refusal(404, "no such thing");
    }
    co_return answer;
  }

  static Answer refusal(unsigned status, std::string_view why) {
    Answer answer;
    answer.status = status;
    answer.body = json::serialize(json::object{{"error", why}}) + '\n';
    return answer;
  }

  // Asks the supervisor, and waits for the answer with the same number.
  asio::awaitable<Answer> reload() {
    const uint64_t id = ++next_reload_;
    const auto waiting = std::make_shared<Waiting>(context_.io);
    waiting->timer.expires_after(kReloadPatience);
    reloads_[id] = waiting;
    bus::ReloadRequest request;
    request.id = id;
    context_.bus.publish(request);
    boost::system::error_code cancelled;
    co_await waiting->timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    reloads_.erase(id);
    Answer answer;
    if (waiting->result) {
      answer.body = bus::encode_body(*waiting->result) + '\n';
    } else {
      answer = refusal(504, "the supervisor gave no verdict in time");
    }
    co_return answer;
  }

  struct Waiting {
    explicit Waiting(asio::io_context& io) : timer(io) {}
    asio::steady_timer timer;
    std::optional<bus::ReloadResult> result;
  };

  bus::RoomContext& context_;
  View view_;
  uint64_t next_reload_;  // starts at the clock, so that a restarted room does not take an old verdict for its own
  std::map<uint64_t, std::shared_ptr<Waiting>> reloads_;
};

}  // namespace

void run_room(bus::RoomContext& context) {
  Room room(context);
  room.open();
  context.io.run();
}

}  // namespace tandem::control
