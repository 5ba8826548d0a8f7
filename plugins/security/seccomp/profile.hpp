// The seccomp section of an OCI configuration (runtime-spec, config-linux.md#seccomp). It is enforced in the
// guest, by crun; here it is checked before anything starts, so that what cannot work is refused in one
// sentence.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

namespace nacre::seccomp {

struct ProfileCheck {
  std::vector<std::string> unknown_calls; // left out by crun as by runc: the guest's kernel may not have them
};

// Throws NACRE_E_INVALID_ARGUMENT for what the specification does not allow, NACRE_E_UNSUPPORTED for what
// cannot work in a virtual machine.
ProfileCheck check_profile(const boost::json::object& seccomp);

} // namespace nacre::seccomp
