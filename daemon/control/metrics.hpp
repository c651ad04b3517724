// GET /metrics: the view as Prometheus' text exposition format 0.0.4.
#pragma once

#include <string>

#include "daemon/control/view.hpp"

namespace tandem::control {

std::string metrics_text(const View& view);

}  // namespace tandem::control
