#include "daemon/config/site.hpp"

#include "daemon/base/assert.hpp"

namespace tandem::config {
namespace {

template <class Things>
auto* find_named(const Things& things, const std::string& name) {
  for (const auto& thing : things)
    if (thing.name == name) return &thing;
  return static_cast<decltype(things.data())>(nullptr);
}

}  // namespace

std::string text_of(const Amount& amount) {
  return std::to_string(amount.value) + (amount.percent ? "%" : "");
}

std::string text_of(const PortRange& range) {
  if (range.is_any()) return "any";
  return std::to_string(range.first) + (range.first == range.last ? "" : "-" + std::to_string(range.last));
}

std::string text_of(const std::vector<PortRange>& ranges) {
  std::string text;
  for (const PortRange& range : ranges) text += (text.empty() ? "" : ",") + text_of(range);
  return text;
}

const Director* Site::director(const std::string& director_name) const {
  return find_named(directors, director_name);
}

const VirtualRouter* Site::virtual_router(const std::string& router_name) const {
  return find_named(virtual_routers, router_name);
}

const Service* Site::service(const std::string& service_name) const {
  return find_named(services, service_name);
}

uint8_t Site::priority_of(const std::string& router_name, const std::string& director_name) const {
  const VirtualRouter* const its_router = virtual_router(router_name);
  const Director* const its_director = director(director_name);
  TANDEM_ASSERT(its_router && its_director);
  for (const DirectorPriority& own : its_router->priorities)
    if (own.director == director_name) return own.priority;
  return its_director->priority;
}

}  // namespace tandem::config
