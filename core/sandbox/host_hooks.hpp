// OCI hooks that run on the host: prestart, createRuntime, poststart, poststop. createContainer and
// startContainer run in the guest.
#pragma once

#include "launch/spawner.hpp"
#include "oci/spec.hpp"

#include <string>
#include <vector>

namespace nacre::sandbox {

// Runs them in order, each as a process of role "hook" in the sandbox process's own namespaces, with
// `state_json` on its stdin and the bundle as its folder (runc's rule). Throws a Refusal with the hook's
// path, how it ended and what it wrote last. `kind`: "prestart" and so on, for messages. `cancel_fd`:
// readable when the result is not wanted any more; -1: never.
void run_hooks(launch::Spawner& spawner, const std::vector<oci::Hook>& hooks, const std::string& kind,
               const std::string& bundle, const std::string& state_json, int cancel_fd = -1);

} // namespace nacre::sandbox
