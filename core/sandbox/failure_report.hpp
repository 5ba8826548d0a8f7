// Why a pod did not start, in one sentence: what failed and what to do, in which phase, what the VMM and the
// guest said last, and which plugin it was.
#pragma once

#include "base/error.hpp"
#include "sandbox/boot_trouble.hpp"

#include <string>
#include <vector>

namespace nacre::sandbox {

struct FailureFacts {
  std::string phase;  // of the timeline
  std::string plugin; // "hypervisor/qemu"
  std::string plugin_version;
  bool vmm_started = false; // it has built the machine
  bool agent_answered = false;
  std::string vmm_ending; // "exited with status 1"; "": it runs, or never did
  std::string vmm_words;  // tail of its stderr
  std::string helper;     // "virtiofsd exited with status 1, which wrote last: ..."; "": none has ended
  std::vector<std::string> console; // lines of the guest's console, cleaned
  BootFiles files;
};

Error report_failure(const Error& error, const FailureFacts& facts);

} // namespace nacre::sandbox
