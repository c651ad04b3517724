#include "forwarding/io/inquiry.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "daemon/loop/clock.hpp"
#include "forwarding/trace.hpp"

namespace tandem::forwarding {
namespace {

constexpr size_t kSlice = 16'384;  // slots: some tenths of a millisecond
constexpr size_t kMostWaiting = 64;
constexpr uint32_t kMostRows = 1'500;  // of some 650 bytes at most: a frame has 1 MB
constexpr size_t kMostTraced = 256;    // flows of one client that a trace looks at
// A killed flow is told to the peers before it goes.
constexpr auto kTelling = std::chrono::milliseconds(500);

uint64_t milliseconds(Duration duration) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

std::string protocol_name(uint8_t protocol) {
  return has_ports(protocol) ? std::string(name_of_protocol(protocol)) : std::to_string(protocol);
}

// False: there are words, and they are none.
bool take_network(const std::string& words, std::optional<Prefix>& into) {
  if (!words.empty()) into = Prefix::parse(words);
  return words.empty() || into.has_value();
}

}  // namespace

std::expected<FlowFilter, std::string> filter_of(const bus::FlowQuestion& question) {
  constexpr std::string_view kNetwork = ": expected an address or a network such as 192.0.2.0/24 or 2001:db8::/64";
  FlowFilter filter;
  if (!take_network(question.client, filter.client)) return std::unexpected("client" + std::string(kNetwork));
  if (question.client_port != 0) filter.client_port = question.client_port;
  if (!take_network(question.virtual_address, filter.virtual_address))
    return std::unexpected("virtual_address" + std::string(kNetwork));
  if (question.virtual_port != 0) filter.virtual_port = question.virtual_port;
  if (!question.protocol.empty()) {
    for (const uint8_t each : {kTcp, kUdp, kSctp})
      if (question.protocol == name_of_protocol(each)) filter.protocol = each;
    if (!filter.protocol) return std::unexpected("protocol: expected one of tcp udp sctp");
  }
  filter.service = question.service;
  filter.server = question.server;
  if (!question.state.empty()) {
    filter.state = flow_state_named(question.state);
    if (!filter.state) {
      std::string states;
      for (uint8_t i = 1; i < kFlowStates; ++i) states += " " + std::string(name_of(static_cast<FlowState>(i)));
      return std::unexpected("state: expected one of" + states);
    }
  }
  return filter;
}

bus::FlowRecord record_of(const FlowRow& row) {
  bus::FlowRecord record{.service = row.service,
                         .server = row.server,
                         .protocol = protocol_name(row.protocol),
                         .client = row.client.text(),
                         .client_port = row.client_port,
                         .state = std::string(name_of(row.state)),
                         .idle_ms = milliseconds(row.idle),
                         .expires_ms = milliseconds(row.expires),
                         .learnt = row.learnt};
  if (row.front) {
    record.virtual_address = row.front->address.text();
    record.virtual_port = row.front->first_port;
    record.virtual_last_port = row.front->last_port;
  }
  if (row.target) {
    record.server_address = row.target->address.text();
    record.server_port = row.target->port;
  }
  if (row.source) {
    record.source_address = row.source->address.text();
    record.source_port = row.source->port;
  }
  return record;
}

Inquiry::Inquiry(boost::asio::io_context& io, Forwarder& forwarder, Say say)
    : timer_(io), forwarder_(forwarder), say_(std::move(say)) {}

void Inquiry::ask(const bus::FlowQuestion& question) {
  enqueue(question);
}

void Inquiry::ask(const bus::TraceRequest& question) {
  enqueue(question);
}

void Inquiry::stop() {
  stopped_ = true;
  timer_.cancel();
}

void Inquiry::enqueue(Question question) {
  if (waiting_.size() >= kMostWaiting) return refuse(question, "too many questions at once");
  waiting_.push_back(std::move(question));
  if (waiting_.size() == 1) begin_next();
}

void Inquiry::refuse(const Question& question, std::string why) {
  if (const auto* of_flows = std::get_if<bus::FlowQuestion>(&question)) {
    bus::FlowAnswer answer;
    answer.id = of_flows->id;
    answer.error = std::move(why);
    say_(std::move(answer));
  } else {
    bus::TraceAnswer answer;
    answer.id = std::get<bus::TraceRequest>(question).id;
    answer.error = std::move(why);
    say_(std::move(answer));
  }
}

void Inquiry::begin_next() {
  while (!waiting_.empty()) {
    FlowFilter filter;
    auto act = FlowSearch::Act::kList;
    size_t rows = kMostTraced;
    std::string wrong;
    if (const auto* flows = std::get_if<bus::FlowQuestion>(&waiting_.front())) {
      auto wanted = filter_of(*flows);
      if (!wanted) wrong = wanted.error();
      if (wanted) filter = std::move(*wanted);
      if (flows->kill) act = FlowSearch::Act::kKill;
      rows = std::min(flows->limit, kMostRows);
    } else {
      const auto& traced = std::get<bus::TraceRequest>(waiting_.front());
      const auto client = IpAddress::parse(traced.client);
      if (!client)
        wrong = "client: expected an address such as 192.0.2.7 or 2001:db8::7";
      else
        filter.client = Prefix{*client, static_cast<uint8_t>(client->is_v4() ? 32 : 128)};
    }
    if (wrong.empty()) {
      search_ = std::make_unique<FlowSearch>(forwarder_.flows(), forwarder_.services(), filter, act, rows);
      return slice();
    }
    refuse(waiting_.front(), std::move(wrong));
    waiting_.pop_front();
  }
}

void Inquiry::slice() {
  const bool done = search_->step(loop::monotonic_now(), kSlice);
  if (done) return searched();
  timer_.expires_after(std::chrono::milliseconds(0));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !stopped_) slice();
  });
}

void Inquiry::searched() {
  if (const auto* traced = std::get_if<bus::TraceRequest>(&waiting_.front())) {
    bus::TraceAnswer answer;
    answer.id = traced->id;
    const TraceQuestion question{.client = *IpAddress::parse(traced->client),
                                 .client_port = traced->client_port,
                                 .service = traced->service,
                                 .flows = search_->found()};
    answer.lines = trace(forwarder_.flows(), forwarder_.services(), question, loop::monotonic_now());
    return settle(std::move(answer));
  }
  if (!std::get<bus::FlowQuestion>(waiting_.front()).kill) return finish();
  timer_.expires_after(kTelling);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !stopped_) finish();
  });
}

void Inquiry::finish() {
  search_->finish();
  bus::FlowAnswer answer;
  answer.id = std::get<bus::FlowQuestion>(waiting_.front()).id;
  answer.matched = search_->matched();
  for (size_t i = 0; i < kFlowStates; ++i)
    if (const uint64_t flows = search_->by_state()[i]; flows > 0)
      answer.states.push_back({std::string(name_of(static_cast<FlowState>(i))), flows});
  answer.killed = search_->killed();
  answer.complete = search_->complete();
  for (const FlowRow& row : search_->rows()) answer.flows.push_back(record_of(row));
  settle(std::move(answer));
}

void Inquiry::settle(bus::Message answer) {
  say_(std::move(answer));
  search_.reset();
  waiting_.pop_front();
  begin_next();
}

}  // namespace tandem::forwarding
