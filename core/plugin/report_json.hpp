// What `nacre plugin list|show|verify|pairs --json` print; docs/plugin-authors.md describes the shape, which
// only grows.
#pragma once

#include "plugin/report_text.hpp"

#include <boost/json/value.hpp>

namespace nacre::plugin {

boost::json::value list_json(const std::vector<Registry::Entry>& entries);
boost::json::value report_json(const Target& target, const Report& report); // of show and of verify
boost::json::value pairs_json(const std::vector<Pair>& pairs);

} // namespace nacre::plugin
