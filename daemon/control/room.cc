#include "daemon/control/room.hpp"

#include <map>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>

#include "daemon/bus/codec.hpp"
#include "daemon/control/metrics.hpp"
#include "daemon/control/query.hpp"
#include "daemon/control/server.hpp"
#include "daemon/control/server_orders.hpp"
#include "daemon/control/view.hpp"
#include "daemon/loop/clock.hpp"

namespace tandem::control {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr auto kReloadPatience = std::chrono::seconds(50);
constexpr auto kHandoverPatience = std::chrono::seconds(10);
constexpr std::string_view kHandoverPath = "/v1/handover";
constexpr auto kFlowPatience = std::chrono::seconds(20);
constexpr std::string_view kMaintenancePath = "/v1/maintenance/";

class Room {
 public:
  explicit Room(bus::RoomContext& context) : context_(context), next_id_(loop::unix_ms_now()) {}

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
      answered(message.id, message);
    } else if constexpr (std::is_same_v<M, bus::HandoverResult> || std::is_same_v<M, bus::FlowAnswer> ||
                         std::is_same_v<M, bus::TraceAnswer>) {
      answered(message.id, message);
    }
  }

  void answered(uint64_t id, const bus::Message& result) {
    const auto waiting = waiting_.find(id);
    if (waiting == waiting_.end()) return;
    waiting->second->result = result;
    waiting->second->timer.cancel();
  }

  // Answers are named before they are returned: g++ 12 destroys a braced temporary of a co_return twice.
  asio::awaitable<Answer> answer(Request request) {
    Answer answer;
    const auto query = parse_query(request.target);
    if (request.target == "/v1/status" && request.method == "GET") {
      answer.body = view_.status();
    } else if (request.target == "/metrics" && request.method == "GET") {
      answer.content_type = "text/plain; version=0.0.4";
      answer.body = metrics_text(view_);
    } else if (request.target == "/v1/reload" && request.method == "POST") {
      bus::ReloadRequest question;
      question.id = ++next_id_;
      answer = co_await ask(question.id, question, kReloadPatience, "the supervisor gave no verdict in time");
    } else if (const auto router = handover_of(request); router && request.method == "POST") {
      bus::Handover question;
      question.id = ++next_id_;
      question.router = *router;
      answer = co_await ask(question.id, question, kHandoverPatience, "the vrrp room gave no verdict in time");
    } else if (query && (query->path == "/v1/flows" || query->path == "/v1/trace")) {
      auto question = question_of(*query, request.method);
      if (question) {
        const uint64_t id = ++next_id_;
        std::visit([id](auto& body) { body.id = id; }, *question);
        bus::Message message = std::visit([](auto& body) { return bus::Message(std::move(body)); }, *question);
        answer = co_await ask(id, std::move(message), kFlowPatience, "the forwarding room did not answer in time");
      } else {
        answer = refusal(question.error().status, question.error().why);
      }
    } else if (query && query->path == "/v1/server") {
      answer = server_set(*query, request.method);
    } else if (request.target.starts_with(kMaintenancePath) && request.method == "POST") {
      answer = maintenance(std::string_view(request.target).substr(kMaintenancePath.size()));
    } else if (request.target == "/v1/status" || request.target == "/metrics" || request.target == "/v1/reload" ||
               request.target.starts_with(kMaintenancePath) || handover_of(request)) {
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

  // "/v1/handover" is every router, "/v1/handover/web" is one.
  static std::optional<std::string> handover_of(const Request& request) {
    const std::string_view target = request.target;
    if (target == kHandoverPath) return "";
    if (!target.starts_with(kHandoverPath) || target[kHandoverPath.size()] != '/') return std::nullopt;
    return std::string(target.substr(kHandoverPath.size() + 1));
  }

  Answer maintenance(std::string_view word) {
    if (word != "on" && word != "off") return refusal(404, "expected on or off");
    bus::Maintenance message;
    message.on = word == "on";
    message.since_unix_ms = loop::unix_ms_now();
    context_.bus.publish(message);
    Answer answer;
    answer.body = bus::encode_body(message) + '\n';
    return answer;
  }

  Answer server_set(const Query& query, std::string_view method) {
    const auto orders = orders_of(query, method, view_.site(), loop::unix_ms_now());
    if (!orders) return refusal(orders.error().status, orders.error().why);
    for (const bus::Message& word : orders->words) {
      view_.apply(word);  // a room does not hear itself
      std::visit([this](const auto& one) { context_.bus.publish(one); }, word);
    }
    Answer answer;
    answer.body = json::serialize(json::object{{"lines", json::value_from(orders->lines)}}) + '\n';
    return answer;
  }

  // Asks another room, and waits for the answer with the same number.
  asio::awaitable<Answer> ask(uint64_t id, bus::Message question, std::chrono::seconds patience,
                              std::string_view late) {
    const auto waiting = std::make_shared<Waiting>(context_.io);
    waiting->timer.expires_after(patience);
    waiting_[id] = waiting;
    context_.bus.publish(std::move(question));
    boost::system::error_code cancelled;
    co_await waiting->timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    waiting_.erase(id);
    Answer answer;
    if (waiting->result) {
      answer.body = bus::encode_body(*waiting->result) + '\n';
    } else {
      answer = refusal(504, late);
    }
    co_return answer;
  }

  struct Waiting {
    explicit Waiting(asio::io_context& io) : timer(io) {}
    asio::steady_timer timer;
    std::optional<bus::Message> result;
  };

  bus::RoomContext& context_;
  View view_;
  uint64_t next_id_;  // starts at the clock, so that a restarted room does not take an old verdict for its own
  std::map<uint64_t, std::shared_ptr<Waiting>> waiting_;
};

}  // namespace

void run_room(bus::RoomContext& context) {
  Room room(context);
  room.open();
  context.io.run();
}

}  // namespace tandem::control
