// The serving process: one event loop for both sockets, signals and time, and the Task service above it. Ends
// when its last container is deleted and Shutdown is called, or when nobody needs it any more.
#pragma once

#include "base/unique_fd.hpp"
#include "shim/descriptor_socket.hpp"
#include "shim/owned_path.hpp"
#include "shim/publisher.hpp"
#include "shim/task_service.hpp"
#include "ttrpc/event_loop.hpp"
#include "ttrpc/server.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace nacre::shim {

struct SandboxProcessOptions {
  TaskServiceOptions service;
  UniqueFd listener;              // bound and listening
  UniqueFd descriptor_listener;   // empty at containerd's door
  std::string state_dir;          // the folder that `nacre create` made; empty at containerd's door
  std::string events_address;     // TTRPC_ADDRESS; empty: events are not told
  std::chrono::seconds grace{10}; // without containers and connections; then it ends
};

// To be called before any thread is made: blocks the signals that the process takes by descriptor, becomes
// the subreaper of what its children leave behind, ignores SIGPIPE.
void prepare_sandbox_process();

// Serves until the end and leaves nothing behind.
void run_sandbox_process(SandboxProcessOptions options);

} // namespace nacre::shim
