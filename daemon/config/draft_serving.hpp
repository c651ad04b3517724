// Reads what a service says of its servers' checks, and of who of them gets new connections.
#pragma once

#include <vector>

#include "daemon/config/diagnostic.hpp"
#include "daemon/config/fields.hpp"
#include "daemon/config/site.hpp"

namespace tandem::config {

// `check`, or `checks` and `need`, of a service. REQUIRES: its protocol has been read.
void read_checks(Fields& fields, Service& service, std::vector<NamedFile>& files);

// The same of one of its servers, where it differs. REQUIRES: the service's have been read.
void read_own_checks(Fields& fields, const Service& service, Server& server, std::vector<NamedFile>& files);

void read_serving(Fields& fields, ServingRules& rules);

// What the rules and the servers contradict each other in, said at the service's keys. REQUIRES: its servers have been read.
void examine_serving(Fields& fields, const Service& service);

}  // namespace tandem::config
