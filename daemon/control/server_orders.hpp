// `tandemctl server set`: what an operator asks of a server, and the words that the other rooms hear of it.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/bus/messages.hpp"
#include "daemon/config/site.hpp"
#include "daemon/control/query.hpp"

namespace tandem::control {

struct ServerOrders {
  std::vector<bus::Message> words;  // an Override, or the Forget of one, for each server meant
  std::vector<std::string> lines;   // what becomes of each, for the operator
};

// POST /v1/server?server=web1&set=weight&weight=5, or set=drain, disable, enable. `service` narrows it down; without it every
// service that has a server of this name is meant: one box serves in many.
// Errors: 405 another method, 400 what is wrong with the question, 404 nobody has that name.
std::expected<ServerOrders, QueryRefusal> orders_of(const Query& query, std::string_view method,
                                                    const config::Site& site, uint64_t unix_ms);

}  // namespace tandem::control
