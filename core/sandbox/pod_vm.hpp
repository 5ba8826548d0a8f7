// The pod's virtual machine: started, reached, watched and ended.
#pragma once

#include "agent_client/hello.hpp"
#include "agent_client/io_loop.hpp"
#include "base/unique_fd.hpp"
#include "plugin/hypervisor.hpp"
#include "sandbox/tail_reader.hpp"

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace nacre::sandbox {

class PodVm {
public:
  // `died` is called once, on the loop's thread, when the VM ends without stop(); the text says how.
  PodVm(plugin::Vm& vm, agent_client::IoLoop& loop, std::function<void(const std::string& how)> died);
  ~PodVm();
  PodVm(const PodVm&) = delete;
  PodVm& operator=(const PodVm&) = delete;

  // Spawns the VMM; returns when the vCPUs run. The console is filled in. From any thread, as all of these.
  void start(plugin::VmDescription description);
  // Connects to the agent and exchanges the hello; gives up when the VM dies or shows no life for
  // `quiet_limit`.
  UniqueFd connect(std::chrono::milliseconds quiet_limit, agent_client::HelloResult& hello);
  // The guest's address of a device added: PCI path, or "".
  std::string add_device(plugin::Device device);
  void remove_device(const std::string& id);
  // The same, and waits until the guest and the VMM have let it go. Not on the loop's thread.
  void remove_device_wholly(const std::string& id);
  void grow_device(const std::string& id, std::uint64_t bytes);
  // Of devices that were there from the start: id -> guest address.
  std::map<std::string, std::string> addresses();
  // Idempotent; never throws. `died` is not called any more.
  void stop() noexcept;
  // The VMM dies now, or is never started: whoever waits for it gives up. For a start that nobody wants any
  // more.
  void give_up() noexcept;

  // Readable once the VMM has ended; -1 before start() or where the plugin runs none. Borrowed.
  int ended_fd() const noexcept { return vmm_pidfd_.get(); }
  bool tried() const noexcept { return tried_; } // start() was called
  bool built() const noexcept { return built_; } // and has returned
  // Waits for the VMM's end, which its closed channel may announce; false: it lives on.
  bool wait_for_end(std::chrono::milliseconds limit) const;
  // The tail of the guest's console.
  const TextTail& console() const noexcept { return console_.tail(); }
  void catch_up() { console_.catch_up(); }
  const plugin::Plugin& plugin() const noexcept { return vm_.plugin(); }

private:
  void watch();
  void handle_events();
  void report_death(const std::string& how);
  void note_operations(const plugin::Events& events);
  void end_operations();
  void await(std::uint64_t operation, const std::string& what, const std::string& object);
  std::function<std::uint64_t()> signs_of_life(std::chrono::milliseconds quiet_limit) const;

  plugin::Vm& vm_;
  agent_client::IoLoop& loop_;
  std::function<void(const std::string&)> died_;
  TailReader console_;
  std::mutex mutex_; // calls on the handle must not be concurrent
  std::mutex operations_mutex_;
  std::condition_variable operations_changed_;
  std::map<std::uint64_t, plugin::Event> ended_operations_; // that nobody has asked for yet
  bool events_ended_ = false;                               // no operation ends any more
  UniqueFd vmm_pidfd_;
  int vmm_pid_ = 0;
  bool tried_ = false, built_ = false, started_ = false, given_up_ = false;
  agent_client::IoLoop::Id events_watch_ = 0, end_watch_ = 0;
};

} // namespace nacre::sandbox
