// A process that the Spawner started.
#pragma once

#include "base/unique_fd.hpp"

#include <optional>
#include <sys/types.h>

namespace nacre::launch {

struct ExitStatus {
  int code = 0;   // exit code; 0 when signalled
  int signal = 0; // the signal that ended it, 0 when it exited

  int shell_code() const { return signal ? 128 + signal : code; }
  bool operator==(const ExitStatus&) const = default;
};

// Owner of the process: destruction kills and reaps it. One thread at a time uses an object, signal()
// excepted.
class Process {
public:
  Process() noexcept = default;
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  explicit operator bool() const noexcept { return static_cast<bool>(child_pidfd_); }

  // The plan's process itself, in our pid namespace. Where nacre-launch stays as its parent (labels,
  // CLONE_NEWPID), that parent is another process.
  pid_t pid() const noexcept { return pid_; }
  // Names pid(); readable when it has ended. Owned by this object.
  int pidfd() const noexcept { return program_pidfd_ ? program_pidfd_.get() : child_pidfd_.get(); }
  // Readable as soon as try_wait() has an answer. Poll this one. Owned by this object.
  int exit_fd() const noexcept { return child_pidfd_.get(); }

  // Throws Error; a process that has ended already is not an error.
  void signal(int number) const;

  // Blocks until the process has ended; later calls give the same answer.
  ExitStatus wait();
  // Empty while it lives.
  std::optional<ExitStatus> try_wait();

private:
  friend class Spawner;
  Process(pid_t child, UniqueFd child_pidfd) noexcept
      : pid_(child), child_(child), child_pidfd_(static_cast<UniqueFd&&>(child_pidfd)) {}
  std::optional<ExitStatus> reap(int wait_flags);
  void end() noexcept;

  pid_t pid_ = 0;
  pid_t child_ = 0; // ours to reap; equals pid_ but where nacre-launch stays as the parent
  UniqueFd child_pidfd_;
  UniqueFd program_pidfd_; // only where nacre-launch stays as the parent
  std::optional<ExitStatus> status_;
};

} // namespace nacre::launch
