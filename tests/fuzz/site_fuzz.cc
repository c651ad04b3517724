// Any text is either a site or a list of errors, within bounds; and what the reader says of a site holds.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "daemon/base/assert.hpp"
#include "daemon/config/diff.hpp"
#include "daemon/config/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tandem::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Reading reading = read_site(text, "fuzz");
  TANDEM_ASSERT(reading.site.has_value() == reading.errors.empty());
  for (const auto* list : {&reading.errors, &reading.warnings}) {
    for (const Diagnostic& diagnostic : *list) {
      TANDEM_ASSERT(diagnostic.line >= 1 && diagnostic.column >= 1 && !diagnostic.text.empty());
      for (const char c : diagnostic.render()) TANDEM_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    }
  }
  if (!reading.site) return 0;
  TANDEM_ASSERT(describe_difference(*reading.site, *reading.site).empty());
  // Reading again gives the same.
  TANDEM_ASSERT(read_site(text, "fuzz").site == reading.site);
  for (const Service& service : reading.site->services) {
    TANDEM_ASSERT(service.port != 0);
    for (const tandem::IpAddress& address : service.other_addresses)
      TANDEM_ASSERT(address.family == service.address.family);
    for (const Server& server : service.servers) {
      TANDEM_ASSERT(server.port != 0 && server.weight <= 65535);
      TANDEM_ASSERT(service.forward == ForwardMethod::kTun || server.address.family == service.address.family);
    }
  }
  for (const VirtualRouter& router : reading.site->virtual_routers) {
    TANDEM_ASSERT(router.id != 0 && !router.addresses.empty() && !router.interface.empty());
    for (const Director& director : reading.site->directors)
      TANDEM_ASSERT(reading.site->priority_of(router.name, director.name) != 0);
  }
  return 0;
}
