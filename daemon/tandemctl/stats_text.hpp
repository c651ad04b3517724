// `tandemctl stats`: what the services forward, how fast, and what they drop.
#pragma once

#include <string>

#include <boost/json/value.hpp>

#include "daemon/tandemctl/status_text.hpp"

namespace tandem::ctl {

struct StatsWish {
  bool totals = false;  // packets and bytes ever, in place of those of a second
  std::string service;  // only this one; empty: all, and what the director dropped as a whole
};

std::string stats_text(const boost::json::value& status, const StatsWish& wish, const StatusStyle& style);
// The same as numbers: of /v1/status the members ServiceStats, ServerStats and EngineStats.
boost::json::value stats_json(const boost::json::value& status, const StatsWish& wish);

// "999", "1.2k", "34M", "5.6G": a number for a narrow column.
std::string short_number(unsigned long long number);

}  // namespace tandem::ctl
