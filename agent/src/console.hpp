// The agent's log: few lines on the kernel console, which the host keeps the tail of.
#pragma once

#include <string_view>

namespace nacre::agent::console {

// One line, prefixed with the program's name and written with one write(2), so that lines of threads do not
// mix.
void say(std::string_view line);

// The last words of a guest that cannot go on: says why, then resets the machine, which the host sees as the
// end of the VM. A plain exit of pid 1 would be a kernel panic that hides the reason.
[[noreturn]] void give_up(std::string_view reason);

} // namespace nacre::agent::console
