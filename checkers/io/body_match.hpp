// Whether the body of an http answer is what the check wants.
#pragma once

#include <string>
#include <string_view>

#include "checkers/settings.hpp"

namespace tandem::checkers {

// Of a body more is not looked at.
constexpr size_t kMostBody = size_t{1} << 20;

// Empty when it matches, else how it does not: "does not contain 'ready'". Bounded in time whatever the expression is
// (PCRE2's match limit).
std::string mismatch_of(const BodyMatch& match, std::string_view body);

}  // namespace tandem::checkers
