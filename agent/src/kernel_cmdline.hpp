// The kernel command line's words that are for the agent: `nacre.NAME=VALUE`, or `nacre.NAME` for the
// value 1.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace nacre::agent {

class KernelCmdline {
public:
  explicit KernelCmdline(std::string_view text);
  static KernelCmdline of_running_kernel(); // /proc must be mounted

  // The value of the last `name=value`; empty when absent.
  std::string value(std::string_view name) const;

private:
  std::map<std::string, std::string, std::less<>> values_;
};

} // namespace nacre::agent
