// One finding of `nacre check`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nacre::cli {

enum class CheckLevel {
  ok,
  skip,    // this host lacks something that containers can do without
  warning, // containers run, but something is not as it should be
  error,   // no container can run
};
std::string_view to_string(CheckLevel level);

struct CheckLine {
  CheckLevel level = CheckLevel::ok;
  std::string subject;  // "kernel/tun", "plugin/network/NAME", "configuration"
  std::string sentence; // what was found
  std::string remedy;   // what to do; "" when there is nothing
};

// Whether containers can run: no error.
bool good(const std::vector<CheckLine>& lines);
// One line each, and a last one with the result.
std::string check_text(const std::vector<CheckLine>& lines);
// {"good", "checks": [{"level", "subject", "sentence", "remedy"}]}
std::string check_json(const std::vector<CheckLine>& lines);

} // namespace nacre::cli
