// One virtual machine: the QEMU process, its QMP connection, its devices and its events.
#pragma once

#include "accelerator.hpp"
#include "command_line.hpp"
#include "device.hpp"
#include "nvdimm.hpp"
#include "options.hpp"
#include "qmp.hpp"
#include "scsi_controller.hpp"
#include "topology.hpp"
#include "vmm_process.hpp"

#include <nacre/sdk/hypervisor.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

namespace nacre::qemu {

class Machine {
public:
  Machine(sdk::Host host, Options options);
  ~Machine(); // kills QEMU if it still runs

  // NACRE_DEV_* bits for a kind of device.
  std::uint64_t device_capabilities(std::uint32_t kind) const;

  void start(const sdk::Call& call, sdk::VmDescription vm);
  bool reaches_agent_by_vsock() const { return by_vsock_; }
  sdk::Fd take_agent_channel();                          // once, when not by vsock
  std::uint32_t agent_cid() const { return agent_cid_; } // when by vsock; 0: not started
  void stop(const sdk::Call& call, bool graceful);
  void pause(const sdk::Call& call);
  void resume(const sdk::Call& call);

  std::string add_device(const sdk::Call& call, sdk::Device device);         // the guest address
  std::uint64_t remove_device(const sdk::Call& call, const std::string& id); // the operation's id
  void grow_device(const sdk::Call& call, const std::string& id, std::uint64_t bytes);
  std::vector<sdk::GuestDevice> describe() const;

  sdk::VmProcesses processes();
  int events_fd() const { return events_.fd(); }

private:
  struct Attached {
    sdk::GuestDevice guest;
    Place place;
    bool removable = false;
    std::vector<QmpStep> back; // when the front end has gone
    std::uint64_t removal = 0; // operation that is under way
  };

  Place place_at_boot(Arguments& arguments, const sdk::GuestDevice& guest, const sdk::HostEnd& host);
  Place place_while_running(const sdk::Call& call, Qmp& qmp, const sdk::GuestDevice& guest,
                            const sdk::HostEnd& host);
  void release(const Place& place);
  void add_boot_devices(Arguments& arguments, sdk::VmDescription& vm);
  void await_greeting(const sdk::Call& call);
  Qmp& running(const char* operation);
  void take_back(std::vector<QmpStep>& steps, std::function<void()> done = nullptr) noexcept;

  // On the thread that reads QMP.
  void on_event(std::string_view name, const boost::json::object& data);
  void on_device_deleted(const std::string& id);
  void on_unplug_refused(const std::string& id);
  void on_closed(std::string_view reason);

  sdk::Host host_;
  Options options_;
  Accelerator accelerator_;
  sdk::EventSender events_;  // used by the thread that reads QMP only
  mutable std::mutex mutex_; // guards the six below
  std::unique_ptr<Topology> topology_;
  ScsiController scsi_;
  NvdimmRoom nvdimms_;
  std::vector<std::string> order_; // ids, as added
  std::map<std::string, Attached> devices_;
  std::uint64_t next_operation_ = 1;

  std::uint32_t next_fdset_ = 1u << 16; // above those of the command line
  bool started_ = false;
  std::optional<VmmProcess> process_;
  bool by_vsock_;
  sdk::Fd agent_;
  std::uint32_t agent_cid_ = 0;
  std::vector<std::int32_t> vcpu_threads_;
  std::atomic<bool> closing_ = false;
  std::unique_ptr<Qmp> qmp_; // last: its thread ends before what it uses
};

} // namespace nacre::qemu
