// The two modes of nacre-launch.
#pragma once

namespace nacre::launch {

[[noreturn]] void run_launcher();
[[noreturn]] void run_holder(const char* name); // `name`: argv[0] of the guest's process

} // namespace nacre::launch
