// The host's ps(1), whose output `nacre ps` shows a part of.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::cli {

// What `ps` with these arguments prints. Throws Error with its words when it fails.
std::string run_ps(const std::vector<std::string>& arguments);

// The header and the lines of these processes, found by the column PID. Throws Error when there is none.
std::string lines_of(std::string_view ps_output, const std::set<int>& pids);

} // namespace nacre::cli
