#include "sandbox/failure_report.hpp"

namespace nacre::sandbox {

Error report_failure(const Error& error, const FailureFacts& facts) {
  std::string text = error.what();
  text += " (phase \"" + facts.phase + "\", plugin " + facts.plugin + " " + facts.plugin_version;
  if (!facts.vmm_ending.empty()) text += ", its virtual machine monitor " + facts.vmm_ending;
  if (!facts.vmm_words.empty()) text += ", which wrote last: " + facts.vmm_words;
  if (!facts.console_words.empty()) text += "; the guest's console ends with: " + facts.console_words;
  text += ")";
  return Error(error.code(), "start the virtual machine").because(text);
}

} // namespace nacre::sandbox
