// Signals as descriptors.
#pragma once

namespace nacre::launch {

struct ReceivedSignal {
  int number = 0;           // 0: none was there
  bool from_kernel = false; // not by kill(2) and its kin
};

// Blocks every signal, the two of the C library and SIGPIPE too, and returns a descriptor from which all but
// SIGCHLD are read. Faults of this program itself still end it: the kernel does not let them be blocked.
int catch_signals();
ReceivedSignal read_signal(int signals);

} // namespace nacre::launch
