// Reads how a service treats its flows: how long they last, which are taken, what is changed in them.
#pragma once

#include "daemon/config/fields.hpp"
#include "daemon/config/site.hpp"

namespace tandem::config {

// REQUIRES: the service's protocol has been read.
void read_flow_rules(Fields& fields, Service& service);

}  // namespace tandem::config
