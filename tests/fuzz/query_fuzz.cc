// The target of an operator's request, and the question made of it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>

#include "daemon/control/query.hpp"
#include "daemon/control/server_orders.hpp"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto query = control::parse_query({reinterpret_cast<const char*>(data), size});
  if (query && query->path == "/v1/server") {
    config::Site site;
    site.services.emplace_back().name = "web";
    site.services[0].servers.emplace_back().name = "web1";
    const auto orders = control::orders_of(*query, "POST", site, 1);
    if (orders && orders->words.size() != 1) std::abort();
  }
  if (!query || (query->path != "/v1/flows" && query->path != "/v1/trace")) return 0;
  for (const char* method : {"GET", "POST", "PUT"}) {
    const auto question = control::question_of(*query, method);
    const auto* flows = question ? std::get_if<bus::FlowQuestion>(&*question) : nullptr;
    if (flows != nullptr && flows->limit > 1500) std::abort();
    // Nothing is killed without a condition unless that is said.
    if (flows != nullptr && flows->kill && query->values.empty()) std::abort();
  }
  return 0;
}
