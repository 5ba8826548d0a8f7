// Why a pod did not start, in one sentence: what failed, in which phase, what the VMM and the guest said
// last, and which plugin it was.
#pragma once

#include "base/error.hpp"

#include <string>

namespace nacre::sandbox {

struct FailureFacts {
  std::string phase;  // of the timeline
  std::string plugin; // "hypervisor/qemu"
  std::string plugin_version;
  std::string vmm_ending;    // "exited with status 1"; "": it runs, or never did
  std::string vmm_words;     // tail of its stderr
  std::string console_words; // tail of the guest's console
};

Error report_failure(const Error& error, const FailureFacts& facts);

} // namespace nacre::sandbox
