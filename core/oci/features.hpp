// `nacre features`: what this runtime knows, in the form of the runtime specification's features document.
#pragma once

#include <string>

namespace nacre::oci {

std::string features_json();

} // namespace nacre::oci
