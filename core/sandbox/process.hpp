// One process of the guest as the host sees it: its state, its holder, its stdio. The whole state machine is
// here:
//
//   created --started()--> running --exited()/lost()--> stopped
//
// The end goes in a fixed order: streams drained, state written, holder told the code, callers told.
#pragma once

#include "agent_client/agent_client.hpp"
#include "agent_client/stdio_pump.hpp"
#include "launch/holder.hpp"
#include "sandbox/sandbox.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace nacre::sandbox {

class GuestProcess : public std::enable_shared_from_this<GuestProcess> {
public:
  // All called on the loop's thread.
  struct Callbacks {
    std::function<void(GuestProcess&)> stopping;                     // the state is to be written now
    std::function<void(GuestProcess&, const ProcessState&)> stopped; // everything has ended
    std::function<void(GuestProcess&)> holder_died;
  };
  using Agent = std::function<std::shared_ptr<agent_client::AgentClient>()>; // null: there is none (any more)

  static std::shared_ptr<GuestProcess> create(agent_client::IoLoop& loop, Agent agent,
                                              std::string container_id, std::string exec_id,
                                              std::string bundle, ProcessIo io, Callbacks callbacks);
  ~GuestProcess();

  const std::string& container_id() const noexcept { return container_id_; }
  const std::string& exec_id() const noexcept { return exec_id_; }
  bool has_stdin() const noexcept { return has_stdin_; }
  bool terminal() const noexcept { return terminal_; }
  // The terminal's size now; zeros when it has none.
  std::pair<std::uint16_t, std::uint16_t> rows_and_columns() const noexcept { return size_; }
  // Of the descriptors above 2, for the agent's calls.
  void
  describe_descriptors(google::protobuf::RepeatedPtrField<agent_client::v1::PassedDescriptor>& out) const;

  // From any thread.

  // From now on the holder's signals go to the guest, and its death is SIGKILL there.
  void take_holder(std::unique_ptr<launch::Holder> holder);
  int pid() const; // the holder's; 0: none
  std::uint64_t holder_start_ticks() const;
  ProcessState state() const;
  bool stopped() const;
  bool ever_started() const;
  // Throws Error when the holder has died without our doing: what it stood for is ended too.
  void require_holder() const;
  void connect_stdio(std::shared_ptr<agent_client::AgentClient> client);
  void close_stdin();
  void started(); // does nothing when it has stopped already
  void set_paused(bool paused);
  // It ended in the guest; finishes when the streams have drained, or when their readers do not move.
  void exited(std::uint32_t status);
  // It is gone with the VM, or never came to life: finishes at once.
  void lost(std::uint32_t status);
  // Calls back once, when stopped; at once when it is.
  void on_exit(std::function<void(const ProcessState&)> callback);
  void wait_stopped();
  // Drops stdio that still waits for its readers. When the process is forgotten.
  void abandon_stdio();

private:
  GuestProcess(agent_client::IoLoop& loop, Agent agent, std::string container_id, std::string exec_id,
               std::string bundle, bool has_stdin, bool terminal, Callbacks callbacks);
  void watch_holder(); // the rest on the loop's thread
  void forget_holder_watch();
  void forward_signal(int number);
  void forward_resize(std::uint16_t rows, std::uint16_t columns);
  using Notice = std::function<void(agent_client::AgentClient&, agent_client::AgentClient::Done)>;
  void forward(Notice notice); // after those before it are done
  void forward_next();
  void holder_died();
  void finish_if_drained();
  void watch_readers();
  void finish();

  agent_client::IoLoop& loop_;
  Agent agent_;
  const std::string container_id_, exec_id_, bundle_;
  const bool has_stdin_, terminal_;
  std::pair<std::uint16_t, std::uint16_t> size_{};
  std::vector<agent_client::PassedDescriptor::Kind> descriptors_;
  Callbacks callbacks_;
  std::shared_ptr<agent_client::StdioPump> pump_;
  bool drained_ = false, exit_seen_ = false, finished_ = false; // on the loop's thread
  std::uint64_t delivered_before_ = 0;
  agent_client::IoLoop::Id holder_watch_ = 0;
  std::unique_ptr<launch::Holder> holder_;
  std::deque<Notice> notices_; // on the loop's thread, for the guest
  bool forwarding_ = false;    // on the loop's thread: one is under way

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  ProcessState state_;                                            // under mutex_
  std::uint64_t holder_start_ticks_ = 0;                          // under mutex_
  bool ever_started_ = false;                                     // under mutex_
  bool done_ = false;                                             // under mutex_: the holder has been told
  std::vector<std::function<void(const ProcessState&)>> waiting_; // under mutex_
};

} // namespace nacre::sandbox
