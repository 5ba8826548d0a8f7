// One function for each verb: parses its arguments and does it. Returns the exit code; throws Error.
#pragma once

#include "cli/global_options.hpp"

namespace nacre::cli {

int verb_checkpoint(const GlobalOptions& options);
int verb_config(const GlobalOptions& options);
int verb_create(const GlobalOptions& options);
int verb_debug_console(const GlobalOptions& options);
int verb_delete(const GlobalOptions& options);
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
int verb_update(const GlobalOptions& options);

// Parses everything, runs the verb, reports errors. The whole program but for main().
int run_program(const Arguments& arguments);

} // namespace nacre::cli
