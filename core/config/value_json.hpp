// A setting's value as JSON.
#pragma once

#include "config/value.hpp"

#include <boost/json/value.hpp>

namespace nacre::config {

boost::json::value json_of(const Value& value);

} // namespace nacre::config
