// `update`: what an engine asks to change of a container's limits, as the guest's crun is to apply it.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace nacre::sandbox {

struct CpuCounts {
  unsigned host = 1; // CPU numbers below this exist there
  unsigned guest = 1;
};

// The guest's CPUs have numbers of their own: a set of n CPUs of the host ("0-2,4") becomes the guest's first
// n. Throws Error (invalid_argument) for what is no list, or names a CPU that the host has not.
std::string guest_cpus(std::string_view host_cpus, const CpuCounts& counts);

// An OCI linux.resources object as an engine sends it. Throws Error (invalid_argument).
boost::json::object parse_resources(const std::string& text);

// Merges an OCI linux.resources object into `current`, the limits in force, and returns what is to be
// applied: what was named and is not 0 or empty (engines write that for "as it is"), together with the values
// that the kernel takes in the same file (quota and period, memory and memory with swap). A set of CPUs is
// translated by guest_cpus(); `count_cpus` is asked when there is one. Throws Error (invalid_argument);
// `current` is unchanged then.
boost::json::object merge_resources(boost::json::object& current, const std::string& update_json,
                                    const std::function<CpuCounts()>& count_cpus);

// Whether such an update names device rules, and others than those of the container, which are settled when
// it is created. (containerd's CRI repeats them with each update.)
bool changes_device_rules(const std::string& update_json, const boost::json::array& rules);

} // namespace nacre::sandbox
