// One process that the host knows: a container's first, or an exec.
#pragma once

#include "process_stdio.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <sys/types.h>

namespace nacre::agent {

// Thread-safe.
class Process {
public:
  Process(std::string container_id, std::string exec_id, std::shared_ptr<ProcessStdio> stdio)
      : container_id_(std::move(container_id)), exec_id_(std::move(exec_id)), stdio_(std::move(stdio)) {}

  const std::string& container_id() const noexcept { return container_id_; }
  const std::string& exec_id() const noexcept { return exec_id_; } // empty: the first process
  const std::shared_ptr<ProcessStdio>& stdio() const noexcept { return stdio_; }

  // crun has told the pid. 0 before.
  void set_pid(pid_t pid);
  pid_t pid() const;
  // It has been waited for; its pid may belong to another from now on.
  void set_ended();
  bool ended() const;
  bool wait_ended(unsigned milliseconds);

  // Throws Error not_found when it has ended.
  void signal(int number);

private:
  const std::string container_id_;
  const std::string exec_id_;
  const std::shared_ptr<ProcessStdio> stdio_;
  mutable std::mutex mutex_;
  std::condition_variable ended_changed_;
  pid_t pid_ = 0;
  UniqueFd pidfd_;
  bool ended_ = false;
};

} // namespace nacre::agent
