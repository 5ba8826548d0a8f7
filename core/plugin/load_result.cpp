#include "plugin/load_result.hpp"

#include <nacre/plugin/descriptor.h>

namespace nacre::plugin {
namespace {

ErrorCode code_of(LoadStatus status) {
  switch (status) {
  case LoadStatus::not_found:
    return ErrorCode::not_found;
  case LoadStatus::unsafe_owner:
  case LoadStatus::unsafe_mode:
    return ErrorCode::permission_denied;
  default:
    return ErrorCode::failed_precondition;
  }
}

std::string remedy(LoadStatus status) {
  switch (status) {
  case LoadStatus::ok:
    return {};
  case LoadStatus::not_found:
    return "install it, or name another one (`nacre plugin list` shows what is there)";
  case LoadStatus::unsafe_owner:
    return "give it back to root: chown root:root";
  case LoadStatus::unsafe_mode:
    return "take the others' right away: chmod go-w";
  case LoadStatus::not_elf:
    return "install it again";
  case LoadStatus::wrong_machine:
    return "install the one that is built for this machine";
  case LoadStatus::not_a_plugin:
    return "build it with NACRE_PLUGIN_DEFINE and do not remove its notes";
  case LoadStatus::kind_mismatch:
    return "put it into its own kind's folder";
  case LoadStatus::name_mismatch:
    return "name the file after the plugin, or the plugin after the file";
  case LoadStatus::abi_too_old:
    return "build it again with the headers of this release, or install a newer one";
  case LoadStatus::abi_too_new:
    return "install an older one, or a newer Nacre";
  case LoadStatus::needs_newer_host:
    return "install a newer Nacre";
  case LoadStatus::link_failed:
    return "install what it needs; `nacre plugin verify` tells more";
  case LoadStatus::identity_changed:
    return "build it again with NACRE_PLUGIN_DEFINE";
  case LoadStatus::crashed:
  case LoadStatus::probe_skip:
  case LoadStatus::probe_failed:
    return {};
  }
  return {};
}

} // namespace

std::string_view to_string(LoadStatus status) {
  switch (status) {
  case LoadStatus::ok:
    return "ok";
  case LoadStatus::not_found:
    return "not-found";
  case LoadStatus::unsafe_owner:
    return "unsafe-owner";
  case LoadStatus::unsafe_mode:
    return "unsafe-mode";
  case LoadStatus::not_elf:
    return "not-elf";
  case LoadStatus::wrong_machine:
    return "wrong-machine";
  case LoadStatus::not_a_plugin:
    return "not-a-plugin";
  case LoadStatus::kind_mismatch:
    return "kind-mismatch";
  case LoadStatus::name_mismatch:
    return "name-mismatch";
  case LoadStatus::abi_too_old:
    return "abi-too-old";
  case LoadStatus::abi_too_new:
    return "abi-too-new";
  case LoadStatus::needs_newer_host:
    return "needs-newer-host";
  case LoadStatus::link_failed:
    return "link-failed";
  case LoadStatus::identity_changed:
    return "identity-changed";
  case LoadStatus::crashed:
    return "crashed";
  case LoadStatus::probe_skip:
    return "probe-skip";
  case LoadStatus::probe_failed:
    return "probe-failed";
  }
  return "unknown";
}

LoadError::LoadError(LoadStatus status, Kind kind, const std::string& name, const std::string& cause)
    : Error(Error(code_of(status), "load the " + std::string(to_string(kind)) + " plugin", name)
                .because(cause)
                .hint(remedy(status))),
      status_(status) {}

} // namespace nacre::plugin
