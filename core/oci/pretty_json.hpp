// JSON for people: two blanks a level, as runc prints it.
#pragma once

#include <boost/json/value.hpp>

#include <string>

namespace nacre::oci {

std::string pretty(const boost::json::value& value);

} // namespace nacre::oci
