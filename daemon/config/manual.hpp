// The manual and the JSON schema, made from the key table.
#pragma once

#include <string>

namespace tandem::config {

// docs/configuration.md, Markdown.
std::string configuration_manual();

// etc/tandem.schema.json, JSON Schema 2020-12: what an editor needs to complete and check a site file. It is as strict as
// a schema can be; contradictions between values are found by reading alone.
std::string configuration_schema();

}  // namespace tandem::config
