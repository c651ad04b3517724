#include "daemon/control/view.hpp"

#include <type_traits>
#include <variant>

#include <boost/json/array.hpp>

#include "daemon/bus/codec.hpp"
#include "daemon/config/reader.hpp"
#include "daemon/control/words.hpp"

namespace tandem::control {

namespace json = boost::json;

void View::apply(const bus::Message& message) {
  std::visit(
      [this, &message]<class M>(const M& body) {
        if constexpr (std::is_same_v<M, bus::Forget>) {
          forget(body);
        } else if constexpr (std::is_same_v<M, bus::Event>) {
          events_.push_back(body);
          if (events_.size() > kMostEvents) events_.pop_front();
        } else if constexpr (std::is_same_v<M, bus::SiteText>) {
          read_site(body);
        } else if constexpr (M::kRetained) {
          retained_[M::kKind].insert_or_assign(body.key(), message);
        }
      },
      message);
}

void View::forget(const bus::Forget& forget) {
  if (const auto of_kind = retained_.find(forget.kind); of_kind != retained_.end())
    of_kind->second.erase(forget.of_key);
}

void View::read_site(const bus::SiteText& text) {
  text_ = text;
  text_.text.clear();  // the site is kept as read; its text may be a megabyte
  auto reading = config::read_site(text.text, text.path);
  if (reading.site) site_ = std::move(*reading.site);
}

json::object View::status() const {
  json::object status;
  status["director"] = text_.director;
  status["site"] = site_.name;
  status["version"] = TANDEM_VERSION;
  status["generation"] = text_.generation;
  status["digest"] = text_.digest;
  json::array services;
  for (const auto& service : site_.services) {
    services.push_back(json::object{{"name", service.name},
                                    {"address", service.address.text()},
                                    {"port", service.port},
                                    {"protocol", word(service.protocol)},
                                    {"forward", word(service.forward)},
                                    {"scheduler", word(service.scheduler)},
                                    {"router", service.router}});
  }
  status["services"] = std::move(services);
  for (const auto& [kind, messages] : retained_) {
    json::array& list = status[kind].emplace_array();
    list.reserve(messages.size());
    for (const auto& [key, message] : messages) list.push_back(bus::to_json(message));
  }
  json::array& events = status["Event"].emplace_array();
  for (const auto& event : events_) events.push_back(bus::to_json(event));
  return status;
}

}  // namespace tandem::control
