#include "cli/verb_table.hpp"

#include "cli/verbs.hpp"

#include <algorithm>

namespace nacre::cli {
namespace {

constexpr Verb verbs[] = {
    {"create", "make one; it waits", create_grammar, verb_create},
    {"start", "let it run", start_grammar, verb_start},
    {"run", "create, start, wait", run_grammar, verb_run},
    {"exec", "another process in it", exec_grammar, verb_exec},
    {"kill", "send a signal", kill_grammar, verb_kill},
    {"delete", "remove it", delete_grammar, verb_delete},
    {"pause", "stop its processes", pause_grammar, verb_pause},
    {"resume", "let them go on", resume_grammar, verb_resume},
    {"ps", "show its processes", ps_grammar, verb_ps},
    {"events", "statistics, OOM kills", events_grammar, verb_events},
    {"update", "change its limits", update_grammar, verb_update},
    {"checkpoint", "not available yet", checkpoint_grammar, verb_checkpoint},
    {"restore", "not available yet", restore_grammar, verb_restore},
    {"state", "its state as JSON", state_grammar, verb_state},
    {"list", "all below --root", list_grammar, verb_list},
    {"spec", "write a config.json", spec_grammar, verb_spec},
    {"features", "what the runtime knows", features_grammar, verb_features},
    {"check", "is this host fit?", check_grammar, verb_check},
    {"collect", "pack up for a bug report", collect_grammar, verb_collect},
    {"config", "show or check it", config_grammar, verb_config},
    {"debug-console", "a shell in the guest", debug_console_grammar, verb_debug_console},
    {"env", "facts for a bug report", env_grammar, verb_env},
    {"plugin", "list, show, verify", plugin_grammar, verb_plugin},
    {"volume", "hand a disk over", volume_grammar, verb_volume},
    {"timeline", "where a start's time went", timeline_grammar, verb_timeline},
};

} // namespace

std::span<const Verb> all_verbs() {
  return verbs;
}

const Verb* find_verb(std::string_view name) {
  const auto found =
      std::find_if(std::begin(verbs), std::end(verbs), [&](const Verb& verb) { return verb.name == name; });
  return found == std::end(verbs) ? nullptr : found;
}

} // namespace nacre::cli
