// What is to be taken away after processes were killed: quick, and harmless when there is nothing.
#pragma once

namespace tandem {

// Removes the addresses that carry our tag and the packet filter, in this network namespace. Returns whether all of it
// worked; stderr says what did not.
// REQUIRES: no tandemd runs in this network namespace.
bool clean_up_after_crash();

}  // namespace tandem
