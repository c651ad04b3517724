#include "daemon/config/diagnostic.hpp"

#include "daemon/config/values.hpp"

namespace tandem::config {

std::string Diagnostic::render() const {
  return printable(file) + ':' + std::to_string(line) + ':' + std::to_string(column) + ": " + printable(text);
}

}  // namespace tandem::config
