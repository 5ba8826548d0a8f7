// Signals as readable events, so that a verb which waits for something can undo its work before it dies of
// one.
#pragma once

#include "base/unique_fd.hpp"

#include <array>
#include <csignal>
#include <optional>

namespace nacre::cli {

// Blocks the signals while it lives and collects them; restores the mask when destroyed. One at a time.
class SignalWatch {
public:
  SignalWatch(); // those that end a command: `deadly`
  explicit SignalWatch(const sigset_t& signals);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch();

  int fd() const noexcept { return fd_.get(); } // poll for reading
  std::optional<int> take();                    // the next signal, without waiting

  static constexpr std::array<int, 4> deadly = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

private:
  sigset_t before_{};
  UniqueFd fd_;
};

// Thrown where a deadly signal interrupts a verb: undo everything, then die of it.
struct Interrupted {
  int signal;
};

// Ends this process as the signal would have.
[[noreturn]] void die_of(int signal);

} // namespace nacre::cli
