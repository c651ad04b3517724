// `tandemctl stats`: what the services forward, how fast, and what they drop.
#pragma once

#include <string>

#include <boost/json/value.hpp>

#include "daemon/tandemctl/status_text.hpp"

namespace tandem::ctl {

std::string stats_text(const boost::json::value& status, const StatusStyle& style);

// "999", "1.2k", "34M", "5.6G": a number for a narrow column.
std::string short_number(unsigned long long number);

}  // namespace tandem::ctl
