// From the site, as validated, to what the core and the probes are told. Reads files (certificates): off the loop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "checkers/events.hpp"
#include "checkers/io/trust_store.hpp"
#include "daemon/bus/messages.hpp"
#include "daemon/config/site.hpp"

namespace tandem::checkers {

Configure settings_of(const config::Site& site);

// Everything a SiteText means to this room.
struct Prepared {
  uint64_t generation = 0;
  std::string error;  // not empty: the text could not be read, nothing else is set
  Configure settings;
  std::shared_ptr<const TrustStore> trust;
};
Prepared prepare(const bus::SiteText& text);

}  // namespace tandem::checkers
