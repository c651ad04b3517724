// For the tests of this folder: a small valid site with one thing changed, and what reading it said.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "daemon/config/reader.hpp"

namespace tandem::config {

// Line by line, so that a test's line numbers can be counted here.
constexpr std::string_view kSmallSite =
    "site: ams1\n"                                                      // 1
    "directors:\n"                                                      // 2
    "  dir-a: { priority: 150, peer_address: 192.0.2.11 }\n"            // 3
    "  dir-b: { priority: 100, peer_address: 192.0.2.12 }\n"            // 4
    "peer_link: { key_file: /etc/tandem/peer.key }\n"                   // 5
    "virtual_routers:\n"                                                // 6
    "  web:\n"                                                          // 7
    "    interface: eth0\n"                                             // 8
    "    id: 51\n"                                                      // 9
    "    advert_interval: 1s\n"                                         // 10
    "    preempt: true\n"                                               // 11
    "    addresses: [198.51.100.10/24]\n"                               // 12
    "    track: { interfaces: [eth1] }\n"                               // 13
    "services:\n"                                                       // 14
    "  web:\n"                                                          // 15
    "    address: 198.51.100.10\n"                                      // 16
    "    port: 80\n"                                                    // 17
    "    forward: nat\n"                                                // 18
    "    scheduler: wlc\n"                                              // 19
    "    check: { http: { path: /healthz }, interval: 2s, rise: 2 }\n"  // 20
    "    servers:\n"                                                    // 21
    "      web1: { address: 10.0.1.11, port: 8080, weight: 10 }\n"      // 22
    "      web2: { address: 10.0.1.12, port: 8080, weight: 10 }\n";     // 23

// kSmallSite with the only place of `before` replaced.
inline std::string site_with(std::string_view before, std::string_view after) {
  std::string text(kSmallSite);
  const size_t at = text.find(before);
  EXPECT_NE(at, text.npos) << before;
  EXPECT_EQ(text.find(before, at + 1), text.npos) << before << " stands there more than once";
  return at == text.npos ? text : text.replace(at, before.size(), after);
}

inline std::vector<std::string> rendered(const std::vector<Diagnostic>& diagnostics) {
  std::vector<std::string> lines;
  lines.reserve(diagnostics.size());
  for (const Diagnostic& diagnostic : diagnostics) lines.push_back(diagnostic.render());
  return lines;
}

// Every error, as it is shown: "s:9:9: id: ...". A file with an error gives no site.
inline std::vector<std::string> errors_of(std::string_view text) {
  const Reading reading = read_site(text, "s");
  EXPECT_EQ(reading.site.has_value(), reading.errors.empty());
  return rendered(reading.errors);
}

inline std::vector<std::string> warnings_of(std::string_view text) {
  const Reading reading = read_site(text, "s");
  EXPECT_THAT(rendered(reading.errors), testing::IsEmpty());
  return rendered(reading.warnings);
}

// The site of a text without errors.
inline Site site_of(std::string_view text) {
  Reading reading = read_site(text, "s");
  EXPECT_THAT(rendered(reading.errors), testing::IsEmpty());
  return reading.site.value_or(Site{});
}

}  // namespace tandem::config
