// Sysctls of linux.sysctl that no namespace has: they are the guest kernel's, which is the pod's own.
#pragma once

#include <boost/json/object.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::sandbox {

// True for those that crun writes itself, since the container's namespaces have them (crun(1), sysctl.c of it
// has the list). `name` has dots.
bool is_namespaced_sysctl(std::string_view name);

// Takes the others out of `linux_section` and returns them, name to value. `allowed`: names, or beginnings
// that end in "*". `own_guest`: false for a container that joins others, whose kernel it is too. Throws Error
// (permission_denied) for one that is not allowed, in words that say what to write where.
std::map<std::string, std::string> take_guest_sysctls(boost::json::object& linux_section,
                                                      const std::vector<std::string>& allowed,
                                                      bool own_guest);

} // namespace nacre::sandbox
