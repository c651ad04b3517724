// Picks compared with those of Linux 6.1's schedulers, recorded from its own code (testing/cases).
#include <gtest/gtest.h>

#include <map>
#include <regex>

#include "forwarding/schedulers/kinds.hpp"
#include "forwarding/schedulers/testing.hpp"
#include "forwarding/testing/json_reader.hpp"

namespace tandem::forwarding {
namespace {

using testing::address;
using testing::Json;
using testing::Pool;

SchedulerKind kind_of(const std::string& name) {
  for (uint8_t i = 0; i <= static_cast<uint8_t>(SchedulerKind::kLeastLatency); ++i)
    if (name_of(static_cast<SchedulerKind>(i)) == name) return static_cast<SchedulerKind>(i);
  ADD_FAILURE() << "no scheduler " << name;
  return {};
}

SchedulerSetting setting_of(const Json& one) {
  SchedulerSetting setting{.kind = kind_of(one["scheduler"].text), .keep_slots = true};
  if (const Json* flags = one.find("flags")) {
    setting.port = (*flags)["port"].truth;
    setting.fallback = (*flags)["fallback"].truth;
  }
  if (const Json* size = one.find("mh_table_size")) setting.table_size = static_cast<uint32_t>(size->number);
  return setting;
}

void add_servers(Pool& pool, const Json& one) {
  for (const Json& dest : one["dests_in_add_order"].elements) {
    const IpAddress where = address(dest["addr"].text);
    const auto weight = static_cast<uint32_t>(dest["weight"].number);
    const auto port = static_cast<uint16_t>(dest["port"].number);
    pool.add(weight, where, port);
  }
}

// What happens before pick `i` of the cases that edit the service while it is used.
void edit(Pool& pool, const std::string& id, size_t i) {
  if (id == "rr-edit") {
    if (i == 5) pool.set_weight(2, 0);
    if (i == 10) pool[0].overloaded = true;
    if (i == 15) pool.remove(pool.last);
  } else if (id == "wrr-edit") {
    if (i == 10) pool.set_weight(2, 6);
    if (i == 20) pool[0].overloaded = true;
    if (i == 30) pool.remove(pool.servers[1].get());
  } else if (id.ends_with("-overload")) {
    if (i == 0) pool[0].overloaded = true;
    if (i == 6) pool[1].overloaded = true;
    if (i == 9)
      for (auto& server : pool.servers) server->overloaded = true;
  }
}

// The connections that come and go in the cases of schedulers that count them.
void live(Pool& pool, const std::string& id, size_t i) {
  if (id.ends_with("-overload")) {
    if (pool.last != nullptr) ++pool.last->active;
    return;
  }
  if (pool.last != nullptr) ++pool.last->active;
  Server& other = pool[(i / 4) % pool.servers.size()];
  if (i % 4 == 3 && other.active > 0) --other.active, ++other.inactive;
  if (i % 8 == 7 && other.inactive > 0) --other.inactive;
}

bool counts_connections(SchedulerKind kind) {
  return kind != SchedulerKind::kRoundRobin && kind != SchedulerKind::kWeightedRoundRobin;
}

void compare_picks(const Json& one) {
  const std::string id = one["id"].text;
  const SchedulerSetting setting = setting_of(one);
  Pool pool(setting);
  add_servers(pool, one);
  std::vector<int64_t> expected, picked;
  for (const Json& pick : one["picks"].elements) expected.push_back(pick.number);
  for (size_t i = 0; i < expected.size(); ++i) {
    edit(pool, id, i);
    picked.push_back(pool.pick());
    if (counts_connections(setting.kind)) live(pool, id, i);
  }
  EXPECT_EQ(picked, expected) << id;
  const Json* final = one.find("final");
  for (size_t i = 0; final != nullptr && i < pool.servers.size(); ++i) {
    EXPECT_EQ(pool[i].active, final->elements[i]["active"].number) << id;
    EXPECT_EQ(pool[i].total_connections(), final->elements[i]["total"].number) << id;
  }
}

// "dest 1 OVERLOAD", "weight[2]=0", "dest 0 deleted": how the words of a case say what happens before its lookups.
void edit_by_words(Pool& pool, const std::string& words) {
  const std::regex overload(R"(dest (\d+) (?:is )?OVERLOAD)"),
      weight(R"((?:weight\[(\d+)\]\s*=\s*|dest (\d+) weight (?:set to )?)(\d+))"),
      deleted(R"(dest (\d+) (?:is )?deleted)");
  const auto each = [&](const std::regex& pattern, auto&& act) {
    for (std::sregex_iterator at(words.begin(), words.end(), pattern), end; at != end; ++at) act(*at);
  };
  each(overload, [&](const std::smatch& m) { pool[std::stoul(m[1])].overloaded = true; });
  each(weight, [&](const std::smatch& m) {
    pool.set_weight(std::stoul(m[1].matched ? m[1] : m[2]), static_cast<uint32_t>(std::stoul(m[3])));
  });
  each(deleted, [&](const std::smatch& m) { pool.remove(pool.servers[std::stoul(m[1])].get()); });
}

// What tests write as 2001:db8:0::1 is not RFC 5952's way, but an address.
void compare_lookups(const Json& one) {
  const std::string id = one["id"].text;
  const SchedulerSetting setting = setting_of(one);
  Pool pool(setting);
  add_servers(pool, one);
  edit_by_words(pool, one["what"].text);
  std::vector<int64_t> expected, picked;
  for (const Json& lookup : one["lookups"].elements) {
    expected.push_back(lookup.elements[3].number);
    picked.push_back(pool.pick({.client = address(lookup.elements[0].text),
                                .client_port = static_cast<uint16_t>(lookup.elements[1].number),
                                .destination = address(lookup.elements[2].text),
                                .now = TimePoint(1000s)}));
  }
  EXPECT_EQ(picked, expected) << id;
  if (const Json* table = one.find("mh_table")) {
    expected.clear(), picked.clear();
    for (const Json& slot : table->elements) expected.push_back(slot.number);
    for (const Server* server : maglev_slots(*pool.scheduler)) picked.push_back(pool.place_of(server));
    EXPECT_EQ(picked, expected) << id;
  }
}

class IpvsPicks : public ::testing::TestWithParam<const char*> {};

TEST_P(IpvsPicks, AreOurs) {
  size_t seen = 0;
  bool known = false;
  for (const Json& one : testing::read_all_cases("ipvs_scheduler_picks.json").elements) {
    known = known || one["scheduler"].text == "sh";
    if (one["scheduler"].text != GetParam()) continue;
    ++seen;
    if (one.find("picks") != nullptr) compare_picks(one);
    if (one.find("lookups") != nullptr) compare_lookups(one);
  }
  if (seen == 0 && !known) GTEST_SKIP() << "../shared/cases is not here, and the project's own cases have none";
  EXPECT_GE(seen, 1u);
}

INSTANTIATE_TEST_SUITE_P(Of, IpvsPicks,
                         ::testing::Values("rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "sh", "mh", "dh"),
                         [](const auto& one) { return std::string(one.param); });

TEST(IpvsMaglev, MovesAsFewOtherSlotsWhenAServerGoes) {
  for (const Json& one : testing::read_all_cases("ipvs_scheduler_picks.json").elements) {
    if (one["id"].text != "mh-disruption") continue;
    // The case does not say which servers it had; with these it is reproduced to the slot.
    const auto slots = static_cast<uint32_t>(one["table"].number);
    Pool pool({.kind = SchedulerKind::kMaglev, .keep_slots = true, .table_size = slots});
    for (uint32_t i = 0; i < 6; ++i) pool.add(1, Ipv4Address{0x0a020001 + i}, 80);
    const std::vector<Server*> before = maglev_slots(*pool.scheduler);
    Server* gone = pool.servers[2].get();
    pool.remove(gone);
    const std::vector<Server*> after = maglev_slots(*pool.scheduler);
    int64_t owned = 0, moved = 0;
    for (size_t i = 0; i < before.size(); ++i) before[i] == gone ? ++owned : moved += before[i] != after[i];
    EXPECT_EQ(owned, one["owned_by_removed"].number);
    EXPECT_EQ(moved, one["other_slots_moved"].number);
    return;
  }
  GTEST_SKIP() << "../shared/cases is not here";
}

}  // namespace
}  // namespace tandem::forwarding
