// The sandbox process's log. Library code below throws or returns; what is worth a line is logged through
// spdlog's default logger, which this sets up.
#pragma once

#include <string>

namespace nacre::shim {

enum class LogForm {
  text,   // one line: time, level, message
  logrus, // time="..." level=... msg="...": what containerd copies into its own log
};

// Appends to `path`. A fifo is opened without waiting for its reader and never waited for later: lines that
// it cannot take are lost. When it cannot be opened at all nothing is logged; that is no reason not to run
// containers. Returns the descriptor that lines go to, for whoever cannot log (a signal handler): alive as
// long as the process; -1: nothing is logged.
int log_to(const std::string& path, LogForm form, bool debug);

// For the short actions: lines go to standard error.
void log_to_stderr(bool debug);

} // namespace nacre::shim
