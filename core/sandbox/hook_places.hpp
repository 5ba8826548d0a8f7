// What createContainer hooks find in the guest. The specification has their paths resolved on the host and
// their processes run in the container's namespaces, which are the guest's: so the host's programs and
// libraries, the hooks' own programs and the bundle are lent to the guest, read-only, while the hooks run.
#pragma once

#include "agent_client/agent_client.hpp"
#include "oci/spec.hpp"

#include <string>
#include <vector>

namespace nacre::sandbox {

struct HookPlace {
  std::string path; // absolute, where hooks find it; on the host, too
  std::string link; // not empty: it is a symbolic link to this
};

// No folder with secrets is among them: /etc is not, and of a hook's program outside the system's folders
// only the file itself.
std::vector<HookPlace> hook_places(const std::vector<oci::Hook>& hooks, const std::string& bundle);

// All but the places. `state_json` is the container's state; its pid is filled in in the guest.
agent_client::v1::CreateHooks describe_create_hooks(const std::vector<oci::Hook>& hooks,
                                                    const std::string& state_json);

} // namespace nacre::sandbox
