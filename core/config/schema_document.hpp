// `nacre config schema --json`: every table and key, as a document for programs.
#pragma once

#include "config/option_schema.hpp"

#include <boost/json/value.hpp>

#include <string>
#include <vector>

namespace nacre::config {

struct PluginSchema {
  std::string kind, name;
  Schema schema;
};

// {"tables": [{"name", "plugin"?, "keys": [{"key", "type", "default"?, "min"?, "max"?, "values"?, "unit"?,
// "help"}]}], "kata": [{"table", "key", "type", "disposition", "nothing", "words", "annotation"}]}
boost::json::value schema_document(const std::vector<PluginSchema>& plugins);

} // namespace nacre::config
