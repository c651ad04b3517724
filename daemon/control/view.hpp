// What the control room knows: the last message of every kind and key, and the newest events. Made of messages alone; the
// status and the metrics are two ways to print it.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "daemon/bus/messages.hpp"
#include "daemon/config/site.hpp"

namespace tandem::control {

class View {
 public:
  void apply(const bus::Message& message);

  // The body of GET /v1/status: who this is, the services as configured, then an array per kind of message, and "Event" with
  // the newest events, oldest first.
  std::string status() const;

  const config::Site& site() const { return site_; }
  // The last messages of one kind by key, for metrics. REQUIRES: M::kRetained.
  template <class M, class F>
  void each(F&& visit) const {
    const auto of_kind = retained_.find(M::kKind);
    if (of_kind == retained_.end()) return;
    for (const auto& [key, message] : of_kind->second) visit(std::get<M>(message));
  }

 private:
  static constexpr size_t kMostEvents = 200;

  void forget(const bus::Forget& forget);
  void read_site(const bus::SiteText& text);

  std::map<std::string_view, std::map<std::string, bus::Message>> retained_;
  std::deque<bus::Event> events_;
  bus::SiteText text_;
  config::Site site_;
};

}  // namespace tandem::control
