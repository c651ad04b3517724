// What every socket of an attempt has in common: where it goes out, and what its errors mean.
#pragma once

#include <boost/system/error_code.hpp>

#include "checkers/outcome.hpp"
#include "checkers/settings.hpp"

namespace tandem::checkers {

// Sets the check's source address, interface (SO_BINDTODEVICE) and mark (SO_MARK, which needs CAP_NET_RAW or CAP_NET_ADMIN).
boost::system::error_code choose_way(int descriptor, const Check& check);

// An error of the operating system as the reason of an outcome.
Outcome::Reason reason_of(const boost::system::error_code& error);

}  // namespace tandem::checkers
