// When a fatal signal comes inside a plugin, one line on standard error says which plugin and operation it
// was; then the signal takes its ordinary course (core dump kept).
#pragma once

namespace nacre::plugin {

// Names what this thread is doing while it lives. The strings must outlive it. Two stores; nests.
class CurrentOperation {
public:
  CurrentOperation(const char* plugin, const char* operation) noexcept;
  ~CurrentOperation();
  CurrentOperation(const CurrentOperation&) = delete;
  CurrentOperation& operator=(const CurrentOperation&) = delete;

private:
  const char* plugin_before_;
  const char* operation_before_;
};

// Installs handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT and SIGTRAP; for programs, once, before
// threads. `fd` gets the line (standard error; the sandbox process gives its log).
void install_crash_line(int fd = 2);

} // namespace nacre::plugin
