// What a room that hears strangers may not ask of the kernel, whatever becomes of it: a seccomp filter.
#pragma once

#include <string>

#include "daemon/base/result.hpp"

namespace tandem::supervisor {

// From now on, for this thread, those it starts and every program it executes: what no check, script or page needs is
// refused with EPERM (ENOSYS for clone3, whose flags a filter cannot see; EAFNOSUPPORT for sockets of other families than local,
// IPv4, IPv6 and netlink, so that CAP_NET_RAW cannot be used to hear or forge frames). The refused ones are listed, and not
// those allowed, because operators' scripts live under it, too. The error is in words.
// REQUIRES: no_new_privs is set, and no other thread was started.
Result<void, std::string> refuse_powerful_calls();

}  // namespace tandem::supervisor
