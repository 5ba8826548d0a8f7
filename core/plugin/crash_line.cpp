#include "plugin/crash_line.hpp"

#include <csignal>
#include <initializer_list>
#include <unistd.h>

namespace nacre::plugin {
namespace {

thread_local const char* current_plugin = nullptr;
thread_local const char* current_operation = nullptr;
int line_fd = 2;

struct Line {
  char text[256];
  std::size_t length = 0;
  void add(const char* part) noexcept {
    while (*part != '\0' && length < sizeof text)
      text[length++] = *part++;
  }
};

const char* signal_name(int number) {
  switch (number) {
  case SIGSEGV:
    return "SIGSEGV";
  case SIGBUS:
    return "SIGBUS";
  case SIGFPE:
    return "SIGFPE";
  case SIGILL:
    return "SIGILL";
  case SIGABRT:
    return "SIGABRT";
  case SIGTRAP:
    return "SIGTRAP";
  default:
    return "a signal";
  }
}

// Async-signal-safe: stores, write() and raise() only.
void on_fatal_signal(int number, siginfo_t* info, void*) {
  if (current_plugin != nullptr) {
    Line line;
    line.add("nacre: ");
    line.add(signal_name(number));
    line.add(" in plugin ");
    line.add(current_plugin);
    line.add(" (");
    line.add(current_operation);
    line.add(")\n");
    [[maybe_unused]] const auto written = ::write(line_fd, line.text, line.length);
  }
  // SA_RESETHAND has put the default action back. A fault happens again on return, with its own registers in
  // the core dump; a signal that somebody sent does not.
  if (info->si_code <= 0) ::raise(number);
}

} // namespace

CurrentOperation::CurrentOperation(const char* plugin, const char* operation) noexcept
    : plugin_before_(current_plugin), operation_before_(current_operation) {
  current_operation = operation;
  current_plugin = plugin;
}

CurrentOperation::~CurrentOperation() {
  current_plugin = plugin_before_;
  current_operation = operation_before_;
}

void install_crash_line(int fd) {
  line_fd = fd;
  struct sigaction action {};
  action.sa_sigaction = on_fatal_signal;
  action.sa_flags = SA_SIGINFO | SA_RESETHAND | SA_NODEFER | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP})
    ::sigaction(number, &action, nullptr);
}

} // namespace nacre::plugin
