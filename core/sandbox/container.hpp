// One container of the pod, as far as the sandbox process must remember it.
#pragma once

#include "oci/pod.hpp"
#include "oci/spec.hpp"
#include "oci/state.hpp"
#include "sandbox/mirrors.hpp"
#include "sandbox/process.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace nacre::sandbox {

struct Container {
  std::string id;
  std::string bundle;
  std::string state_dir; // "": no state.json is kept
  oci::Hooks hooks;
  std::uint32_t listen_fds = 0;    // CreateRequest's
  boost::json::array device_rules; // as the engine wrote them, with the host's numbers
  std::string linux_section;       // of the guest's config.json: security plugins see it again at each exec
  std::shared_ptr<GuestProcess> first;
  oci::PodMembership pod;
  std::atomic<std::uint32_t> guest_pid = 0; // of its first process, as the guest says; 0: none yet
  std::unique_ptr<Mirrors> mirrors;         // set once the pod has its cgroup

  std::map<std::string, std::string>
      direct_volumes; // path on the host -> in the guest; set before it is created

  struct Exec {
    std::shared_ptr<GuestProcess> process;
    std::string process_json; // as the guest is to see it
    std::vector<std::string> argv;
    std::string cwd;                        // in the container
    std::unique_ptr<launch::Holder> holder; // until it is started
  };
  std::map<std::string, Exec> execs; // under the sandbox's mutex

  std::mutex resources_mutex;
  boost::json::object
      resources; // under resources_mutex: the limits in force in the guest, as in linux.resources

  std::mutex state_mutex;
  oci::State state; // under state_mutex
};

} // namespace nacre::sandbox
