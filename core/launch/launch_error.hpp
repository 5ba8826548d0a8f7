// A start through nacre-launch that failed: which step, of which process.
#pragma once

#include "base/error.hpp"

#include <string>

namespace nacre::launch {

class LaunchError : public Error {
public:
  LaunchError(Error error, std::string role, std::string step)
      : Error(std::move(error)), role_(std::move(role)), step_(std::move(step)) {}

  const std::string& role() const noexcept { return role_; } // ProcessPlan.role; "holder"
  // LaunchReply.step: "exec", "mount", "seccomp", ...; "died" when nacre-launch itself was ended from outside
  const std::string& step() const noexcept { return step_; }

private:
  std::string role_, step_;
};

} // namespace nacre::launch
