// Starts every VMM and helper, through nacre-launch, from a process plan (proto/plan.proto).
//
// All forks happen on one thread that lives as long as the Spawner, because the kernel sends the parent-death
// signal when the forking *thread* ends. So a Spawner lives as long as the process; ending it early ends what
// it started with a parent-death signal in the plan.
#pragma once

#include "base/paths.hpp"
#include "base/unique_fd.hpp"
#include "launch/process.hpp"

#include <memory>
#include <string>
#include <vector>

namespace nacre::launch {

class LaunchReply;
class ProcessPlan;

class Spawner {
public:
  // `launch_path`: the nacre-launch program; tests name the one just built.
  explicit Spawner(std::string launch_path = paths::launch);
  Spawner(const Spawner&) = delete;
  Spawner& operator=(const Spawner&) = delete;
  ~Spawner();

  // Returns when the exec has succeeded. `fds` are what FdUse, enter_namespaces and MOVE_FD name by index;
  // they are closed here in any case. Nothing else is inherited. From any thread, several at once. Throws
  // LaunchError (launch_error.hpp) with the failed step, its object and errno.
  Process spawn(const ProcessPlan& plan, std::vector<UniqueFd> fds = {});

  // Carries out a plan with an empty argv and waits for it. Returns the descriptors of
  // plan.return_namespaces, lowest CLONE_NEW* bit first. Throws as spawn() does.
  std::vector<UniqueFd> run(const ProcessPlan& plan, std::vector<UniqueFd> fds = {});

private:
  class ForkThread;
  struct Launch;
  Launch begin(const ProcessPlan& plan, std::vector<UniqueFd> fds);
  void follow(const ProcessPlan& plan, Launch& launch);

  std::string launch_path_;
  std::unique_ptr<ForkThread> thread_;
};

} // namespace nacre::launch
