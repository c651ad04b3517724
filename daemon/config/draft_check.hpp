// Reads one `check` of the site file.
#pragma once

#include <vector>

#include "daemon/config/diagnostic.hpp"
#include "daemon/config/findings.hpp"
#include "daemon/config/site.hpp"
#include "daemon/config/tree.hpp"

namespace tandem::config {

// Into `check`. `inherited`: the check that this one only changes, and that `check` is a copy of; null where it stands alone.
// The files it names are appended to `files`, to be looked at later.
void read_check(Findings& findings, const Entry& entry, const Check* inherited, Check& check,
                std::vector<NamedFile>& files);

}  // namespace tandem::config
