// A Task call that a deadly signal may interrupt.
#pragma once

#include "cli/signal_watch.hpp"
#include "ttrpc/task_client.hpp"

#include <string>

namespace nacre::cli {

// The response's bytes. Throws the peer's Error, or Interrupted when `signals` has one of SignalWatch::deadly
// first; other signals are dropped.
std::string call_interruptibly(ttrpc::TaskClient& task, const char* method, const std::string& request,
                               SignalWatch& signals);

} // namespace nacre::cli
