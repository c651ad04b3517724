// What becomes of a server when several checks speak about it.
//
// Checks that count: the server is up while at least `need` of them pass (0: all). A check with `weight_when_down` does
// not count: while it fails, the server keeps that part of its weight. A server without checks is up.
//
// Before the first answers. A check that was not answered yet is what `initial` says. The server is known once the checks
// that are left could not change the verdict: `any` is known with the first success, `all` with the first failure.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "checkers/health.hpp"
#include "checkers/settings.hpp"

namespace tandem::checkers {

struct Verdict {
  bool up = false;
  bool known = false;
  uint32_t share = 100;  // per cent of the weight, by the checks that do not count
  bool operator==(const Verdict&) const = default;
};

// REQUIRES: healths[i] is of set.checks[i].
Verdict verdict_of(const CheckSet& set, std::span<const Health* const> healths);

// Why the server stands so: the check's own words where there is one that counts, else which ones made it so.
std::string words_of(const CheckSet& set, std::span<const Health* const> healths, const Verdict& verdict);

}  // namespace tandem::checkers
