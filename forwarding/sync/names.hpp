// What the numbers in a flow table stand for, read from the table itself.
#pragma once

#include "forwarding/flow_table.hpp"
#include "forwarding/sync/protocol.hpp"

namespace tandem::forwarding::sync {

// The services and servers that are in use. Numbers that are only waiting for their last flow to end are left out: nobody
// is to take up a flow to a server that is gone.
Names names_in(const FlowTable& table);

}  // namespace tandem::forwarding::sync
