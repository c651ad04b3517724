// What operators ask of the flow table: flows listed or ended, and what is decided for a client. Questions wait in a line; each
// is gone through in slices of the loop, between which the room does its other work.
#pragma once

#include <deque>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "daemon/bus/messages.hpp"
#include "forwarding/flow_search.hpp"
#include "forwarding/io/forwarder.hpp"

namespace tandem::forwarding {

class Inquiry {
 public:
  using Say = std::function<void(bus::Message)>;

  Inquiry(boost::asio::io_context& io, Forwarder& forwarder, Say say);
  void ask(const bus::FlowQuestion& question);
  void ask(const bus::TraceRequest& question);
  void stop();

 private:
  using Question = std::variant<bus::FlowQuestion, bus::TraceRequest>;

  void enqueue(Question question);
  void begin_next();
  void slice();
  void searched();
  void finish();
  void settle(bus::Message answer);
  void refuse(const Question& question, std::string why);

  boost::asio::steady_timer timer_;
  Forwarder& forwarder_;
  Say say_;
  std::deque<Question> waiting_;  // the first is under way
  std::unique_ptr<FlowSearch> search_;
  bool stopped_ = false;
};

// A question's filter, or in words what is wrong with it.
std::expected<FlowFilter, std::string> filter_of(const bus::FlowQuestion& question);
bus::FlowRecord record_of(const FlowRow& row);

}  // namespace tandem::forwarding
