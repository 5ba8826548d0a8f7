// Waiting in the foreground for a process of a container: signals are forwarded, the caller's terminal is
// relayed.
#pragma once

#include "base/unique_fd.hpp"
#include "cli/signal_watch.hpp"
#include "launch/holder.hpp"

namespace nacre::cli {

// Every signal that a process can catch and that is not about this process alone.
sigset_t forwarded_signals();

// Returns the exit code of the holder, our child: the process's own, 128+n when signal n ended it. `signals`
// watches forwarded_signals(). `master` is the terminal to relay to our stdio, or empty. Orphans that we get
// as a subreaper are reaped.
int wait_in_foreground(const launch::Holder& holder, SignalWatch& signals, UniqueFd master);

// Orphans of our children come to us from now on.
void become_subreaper();

} // namespace nacre::cli
