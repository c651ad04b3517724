// What a DNS answer means to the check that asked (RFC 1035, section 4). Bytes in, a verdict out; the resolver library reads the
// message.
#pragma once

#include <span>
#include <string_view>

#include "checkers/outcome.hpp"

namespace tandem::checkers {

// The number of a type of record that the site file knows ("A", "SRV").
int dns_record_type(std::string_view word);

// Of an answer to the check's question: it passes with the first record of the wanted type whose data are the wanted ones.
Outcome judge_dns(const Check& check, std::span<const char> answer);

}  // namespace tandem::checkers
