#include "daemon/control/view.hpp"

#include <type_traits>
#include <variant>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "daemon/bus/codec.hpp"
#include "daemon/config/reader.hpp"
#include "daemon/config/words.hpp"

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

std::string View::status() const {
  json::object head;
  head["director"] = text_.director;
  head["site"] = site_.name;
  head["version"] = TANDEM_VERSION;
  head["generation"] = text_.generation;
  head["digest"] = text_.digest;
  json::array services;
  for (const auto& service : site_.services) {
    json::array addresses{service.address.text()};
    for (const IpAddress& address : service.other_addresses) addresses.push_back(json::string(address.text()));
    services.push_back(json::object{{"name", service.name},
                                    {"address", service.address.text()},
                                    {"addresses", std::move(addresses)},
                                    {"port", service.port},
                                    {"ports", text_of(service.ports)},
                                    {"protocol", config::word(service.protocol)},
                                    {"forward", config::word(service.forward)},
                                    {"scheduler", config::word(service.scheduler)},
                                    {"router", service.router}});
  }
  head["services"] = std::move(services);
  std::string out = json::serialize(head);
  out.pop_back();  // the messages follow within the same object, each as the bus writes it
  const auto list = [&out](std::string_view kind, const auto& messages, auto&& message_of) {
    out.append(",\"").append(kind).append("\":[");
    bool first = true;
    for (const auto& entry : messages) {
      if (!first) out.push_back(',');
      first = false;
      out.append(bus::encode_body(message_of(entry)));
    }
    out.push_back(']');
  };
  for (const auto& [kind, messages] : retained_) {
    list(kind, messages, [](const auto& entry) -> const bus::Message& { return entry.second; });
  }
  list(bus::Event::kKind, events_, [](const bus::Event& event) { return bus::Message(event); });
  out.append("}\n");
  return out;
}

}  // namespace tandem::control
