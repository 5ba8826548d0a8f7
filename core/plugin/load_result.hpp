// How loading a plugin can end. Each result has one sentence and one remedy.
#pragma once

#include "base/error.hpp"
#include "plugin/identity.hpp"

#include <string>
#include <string_view>

namespace nacre::plugin {

enum class LoadStatus {
  ok,
  not_found,        // there is no such file
  unsafe_owner,     // it, or a folder above it, belongs to somebody who is not trusted
  unsafe_mode,      // it, or a folder above it, can be written by others
  not_elf,          // no 64-bit ELF shared object, or a damaged one
  wrong_machine,    // built for another processor
  not_a_plugin,     // it carries no note of ours, or a note that cannot be read
  kind_mismatch,    // it is a plugin of another kind
  name_mismatch,    // its name is not its file's
  abi_too_old,      // older major, or a kind version that is no longer taken
  abi_too_new,      // newer major, or a kind version that is not known yet
  needs_newer_host, // its lowest host minor is above ours
  link_failed,      // the dynamic loader refuses it; its words are in the sentence
  identity_changed, // the descriptor is not what the note said, or is damaged
  crashed,          // verify only: it ended the process
  probe_skip,       // verify and check only: this host lacks something
  probe_failed,     // verify and check only
};

// "unsafe-owner"
std::string_view to_string(LoadStatus status);

class LoadError : public Error {
public:
  LoadError(LoadStatus status, Kind kind, const std::string& name, const std::string& cause);
  LoadStatus status() const noexcept { return status_; }

private:
  LoadStatus status_;
};

} // namespace nacre::plugin
