#include "console.hpp"

#include <string>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

namespace nacre::agent::console {

void say(std::string_view line) {
  std::string text = "nacre-agent: ";
  text += line;
  text += "\n";
  // The console is best effort: there is nobody to tell that it failed.
  [[maybe_unused]] auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

void give_up(std::string_view reason) {
  say(reason);
  ::tcdrain(STDERR_FILENO); // a serial console loses what is still in the UART's queue at reset
  ::sync();
  ::reboot(RB_AUTOBOOT);
  ::_exit(1); // not pid 1 (a test run of the program): just end
}

} // namespace nacre::agent::console
