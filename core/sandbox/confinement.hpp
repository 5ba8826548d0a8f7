// What the security plugins say, merged: the stricter side wins.
#pragma once

#include "launch/proto/plan.pb.h"
#include "plugin/host_environment.hpp"
#include "plugin/security.hpp"

#include <boost/json/object.hpp>

#include <list>
#include <mutex>
#include <string>

namespace nacre::sandbox {

class Confinement {
public:
  Confinement(std::list<plugin::Security>& securities, std::string sandbox_id)
      : securities_(securities), sandbox_id_(std::move(sandbox_id)) {}

  // The pod's label for host processes: process.selinuxLabel of its first container.
  void set_label(std::string label) { label_ = std::move(label); }

  // Adds the rules for one host process to its plan. From any thread. Throws Error.
  void confine(const plugin::SpawnRequest& request, launch::ProcessPlan& plan);
  // Lets the plugins change, or refuse, what runs in the guest. `linux_section` is the container's; for an
  // exec it stays as it is. From any thread. Throws Error.
  void guest_process(bool is_exec, boost::json::object& process, boost::json::object& linux_section);

private:
  std::list<plugin::Security>& securities_;
  std::string sandbox_id_, label_;
  std::mutex mutex_;
};

// Adds one plugin's rules to a plan.
void merge_rules(const plugin::ProcessRules& rules, launch::ProcessPlan& plan);

} // namespace nacre::sandbox
