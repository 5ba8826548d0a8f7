// The holder: the real host process that stands for one process of the guest. Its pid is what engines see,
// signal and wait for (docs/architecture.md "The holder").
#pragma once

#include "base/paths.hpp"
#include "base/process_identity.hpp"
#include "base/unique_fd.hpp"
#include "launch/holder_protocol.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nacre::launch {

class HolderPlan;

// An object is used by one thread at a time. It starts no thread: its owner polls fd() and calls
// handle_readable().
class Holder {
public:
  struct Callbacks { // called by handle_readable() and start() only; each may be empty
    std::function<void(int number)> on_signal; // forward it to the guest's process
    std::function<void(std::uint16_t rows, std::uint16_t columns)> on_resize; // the terminal's new size
    std::function<void()> on_hangup;                                          // the terminal hung up
    std::function<void()>
        on_death; // it was killed: SIGKILL for the guest's process. At most once; nothing follows
  };

  // Starts a holder as a child of this process and waits until it has done its plan. `argv` is what `ps`
  // shows: the guest process's, at least one string. `fds` are the descriptors that the plan names by index
  // (0: the terminal's slave when uses_terminal); closed here in any case. Throws LaunchError
  // (launch_error.hpp).
  static std::unique_ptr<Holder> spawn(const HolderPlan& plan, const std::vector<std::string>& argv,
                                       std::vector<UniqueFd> fds = {},
                                       const std::string& launch_path = paths::launch);

  // The other end of a holder that somebody else spawned; its pid is the kernel's word, not the sender's.
  // Throws Error when there is no living holder behind `control`.
  static std::unique_ptr<Holder> adopt(UniqueFd control);

  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  // A holder whose control is still ours ends: by exit(137) if exit() was not called. A child is reaped.
  ~Holder();

  int pid() const noexcept { return identity_.pid; }
  std::uint64_t start_ticks() const noexcept { return identity_.start_ticks; }
  int pidfd() const noexcept { return pidfd_.get(); } // owned by this object

  // To pass to the sandbox process; a borrowed descriptor. What the holder said meanwhile waits in the
  // socket.
  int control_fd() const noexcept { return control_.get(); }
  // Gives the control away: destruction then does nothing to the holder.
  UniqueFd release_control() noexcept;

  // From now on its messages are taken; those that came before are delivered at once.
  void start(Callbacks callbacks);
  int fd() const noexcept { return control_.get(); } // poll for reading; -1 after exit(), death or release
  void handle_readable();

  // Ends the holder with this code and returns when it has ended (and, if it is our child, was reaped). Does
  // nothing when it has ended already. Call it when the output streams have been closed.
  void exit(int code) noexcept;

private:
  Holder(UniqueFd control, bool is_child) noexcept : control_(std::move(control)), is_child_(is_child) {}
  void dispatch(const HolderMessage& message);
  void ended(bool tell);
  void reap() noexcept;

  UniqueFd control_;
  UniqueFd pidfd_;
  ProcessIdentity identity_;
  bool is_child_ = false; // ours to reap
  bool started_ = false;
  Callbacks callbacks_;
  std::vector<HolderMessage> early_; // came while we waited for `identity`
};

} // namespace nacre::launch
