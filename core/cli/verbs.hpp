// One function for each verb: parses its arguments and does it. Returns the exit code; throws Error.
#pragma once

#include "cli/global_options.hpp"

namespace nacre::cli {

int verb_check(const GlobalOptions& options);
int verb_checkpoint(const GlobalOptions& options);
int verb_collect(const GlobalOptions& options);
int verb_config(const GlobalOptions& options);
int verb_create(const GlobalOptions& options);
int verb_debug_console(const GlobalOptions& options);
int verb_delete(const GlobalOptions& options);
int verb_env(const GlobalOptions& options);
int verb_events(const GlobalOptions& options);
int verb_exec(const GlobalOptions& options);
int verb_features(const GlobalOptions& options);
int verb_kill(const GlobalOptions& options);
int verb_list(const GlobalOptions& options);
int verb_pause(const GlobalOptions& options);
int verb_plugin(const GlobalOptions& options);
int verb_ps(const GlobalOptions& options);
int verb_restore(const GlobalOptions& options);
int verb_resume(const GlobalOptions& options);
int verb_run(const GlobalOptions& options);
int verb_spec(const GlobalOptions& options);
int verb_start(const GlobalOptions& options);
int verb_state(const GlobalOptions& options);
int verb_timeline(const GlobalOptions& options);
int verb_volume(const GlobalOptions& options);
int verb_update(const GlobalOptions& options);

// What each understands.
CommandLine check_grammar();
CommandLine checkpoint_grammar();
CommandLine collect_grammar();
CommandLine config_grammar();
CommandLine create_grammar();
CommandLine debug_console_grammar();
CommandLine delete_grammar();
CommandLine env_grammar();
CommandLine events_grammar();
CommandLine exec_grammar();
CommandLine features_grammar();
CommandLine kill_grammar();
CommandLine list_grammar();
CommandLine pause_grammar();
CommandLine plugin_grammar();
CommandLine ps_grammar();
CommandLine restore_grammar();
CommandLine resume_grammar();
CommandLine run_grammar();
CommandLine spec_grammar();
CommandLine start_grammar();
CommandLine state_grammar();
CommandLine timeline_grammar();
CommandLine volume_grammar();
CommandLine update_grammar();

// Parses everything, runs the verb, reports errors. The whole program but for main().
int run_program(const Arguments& arguments);

} // namespace nacre::cli
