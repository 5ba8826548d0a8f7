// `nacre spec`: a config.json to start from, equal to what runc writes but for the names.
#pragma once

#include <string>

namespace nacre::oci {

std::string default_spec();

} // namespace nacre::oci
