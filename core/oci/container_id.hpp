// Names of containers and execs.
#pragma once

#include <string>
#include <string_view>

namespace nacre::oci {

// A file name at most, since an id is the name of its state folder.
inline constexpr std::size_t max_id_length = 255;

// runc's rule, ^[\w+\-.]+$ and neither "." nor "..": throws Error(invalid_argument) otherwise. `what` is the
// noun of the message, "container id" or "exec id".
void check_id(std::string_view id, std::string_view what = "container id");

} // namespace nacre::oci
