// The inside of a Sandbox. One noun a file: startup.cpp brings the pod up, network_life.cpp
// follows what becomes of its network, container_create.cpp, container_life.cpp and exec_life.cpp do what the
// Task service asks, ending.cpp takes everything down.
//
// Locks, outer to inner: `structure` (what creates, starts and deletes; long), `mutex` (the tables; short).
// Callbacks on the loop's thread take `mutex` only.
#pragma once

#include "agent_client/agent_client.hpp"
#include "agent_client/event_stream.hpp"
#include "agent_client/io_loop.hpp"
#include "config/config.hpp"
#include "journal/journal.hpp"
#include "launch/pod_mounts.hpp"
#include "launch/spawner.hpp"
#include "plugin/host_environment.hpp"
#include "plugin/plan.hpp"
#include "plugin/registry.hpp"
#include "sandbox/confinement.hpp"
#include "sandbox/container.hpp"
#include "sandbox/device_choice.hpp"
#include "sandbox/host_process.hpp"
#include "sandbox/netns_watch.hpp"
#include "sandbox/on_demand_worker.hpp"
#include "sandbox/plugin_set.hpp"
#include "sandbox/pod_cgroup.hpp"
#include "sandbox/pod_dns.hpp"
#include "sandbox/pod_folder.hpp"
#include "sandbox/pod_namespaces.hpp"
#include "sandbox/pod_network.hpp"
#include "sandbox/pod_ports.hpp"
#include "sandbox/pod_sockets.hpp"
#include "sandbox/pod_storage.hpp"
#include "sandbox/pod_vm.hpp"
#include "sandbox/resource_update.hpp"
#include "sandbox/sandbox.hpp"
#include "sandbox/watched_folders.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace nacre::sandbox {

struct Sandbox::Impl {
  Impl(SandboxOptions sandbox_options, SandboxEvents sandbox_events);
  ~Impl();

  // startup.cpp
  void prepare_pod(const CreateRequest& request, const oci::Spec& spec, launch::Holder& holder);
  void require_guest_files() const;
  void load_plugins(const oci::Spec& spec);
  void tell_late_settings(const std::string& container_id, const oci::Spec& spec) const;
  void require_promised_label(const oci::Spec& spec) const;
  void lend_host();
  void make_journal();
  void make_cgroup(const oci::Spec& spec, const std::string& container_id, int holder_pid);
  void make_mounts();
  plugin::VmDescription describe_vm(const oci::Spec& spec);
  void start_vm(const oci::Spec& spec);
  void add_spare_nic(plugin::VmDescription& description);
  void connect_agent();
  void create_guest_sandbox(const oci::Spec& spec);
  std::unique_ptr<launch::Holder> spawn_holder(const oci::Spec& spec);
  Error with_report(const Error& error);

  // container_create.cpp
  std::shared_ptr<Container> create_container(CreateRequest request);
  // Mount sources that the guest makes itself, each by the mount's index.
  struct MadeInGuest {
    std::vector<RelayedSocket> sockets;
    std::map<std::size_t, agent_client::v1::FolderCopy> folders;
  };
  // Copies the folders that are chosen for it; one that is too large becomes a share.
  void copy_folders(const Container& container, std::vector<GuestMountChoice>& choices, MadeInGuest& made);
  // Says what is to be made, and where the container's mounts find it.
  static void describe(MadeInGuest& made, agent_client::v1::CreateContainerRequest& request,
                       GuestPaths& paths);
  void serve(const Container& container, MadeInGuest made); // the guest has made it
  // What becomes of a container, as far as it is known before anything runs for it.
  struct Admission {
    std::vector<GuestMountChoice> choices;
    boost::json::object document; // config.json for the guest; paths are still to come
    std::vector<DeviceChoice> devices;
    MadeInGuest made;
    Offers offers;
  };
  void require_new_name(const std::string& id) const;
  std::shared_ptr<Container> make_container(CreateRequest& request, const oci::Spec& spec);
  Admission admit(Container& container, CreateRequest& request, const oci::Spec& spec);
  // With what security plugins say to it.
  boost::json::object admit_process(Container& container, const oci::Spec& spec,
                                    const std::vector<GuestMountChoice>& choices);
  void admit_spaces(const std::string& container_id, std::vector<GuestMountChoice>& choices);
  void enter_pod(const std::shared_ptr<Container>& container, const CreateRequest& request,
                 const oci::Spec& spec, std::unique_ptr<launch::Holder> holder, bool is_first);
  void create_admitted(Container& container, const oci::Spec& spec, Admission admission, bool is_first);
  PodStorage::Attached attach_storage(Container& container, const oci::Spec& spec, Admission& admission);
  void run_create_hooks(Container& container);
  Error undo_create(Container& container, const std::exception& failure, bool is_first);
  void limit_block_io(const oci::Spec& spec);
  void end_start();
  void require_same_network(const launch::Holder& holder) const;
  std::vector<NamespaceOwner> namespace_owners() const;

  // container_in_guest.cpp
  CpuCounts count_cpus(agent_client::AgentClient& connected) const;
  void create_in_guest(Container& container, const oci::Spec& spec, Admission admission,
                       PodStorage::Attached attached);
  // Lends the guest what createContainer hooks need.
  agent_client::v1::CreateHooks lend_to_hooks(Container& container, const oci::Spec& spec,
                                              PodStorage::Attached& attached);

  // container_life.cpp
  void start_container(const std::string& id);
  void kill_all_of(Container& container) noexcept; // waits for their end
  void write_state(Container& container, oci::Status status);
  std::string hook_state(Container& container, oci::Status status);
  void record_timeline();

  // device_life.cpp
  std::vector<DeviceChoice> admit_devices(const oci::Spec& spec,
                                          const std::vector<GuestMountChoice>& mount_choices);
  void attach_devices(const std::string& container_id, const std::vector<DeviceChoice>& devices);
  // In the container's config.json, and what the agent has to make for it. The agent has answered.
  void describe_devices(const std::string& container_id, const std::vector<DeviceChoice>& devices,
                        boost::json::object& document, agent_client::v1::CreateContainerRequest& request);
  // volume_life.cpp
  void note_volumes(Container& container, const std::vector<GuestMountChoice>& choices,
                    const GuestPaths& paths);
  void forget_volumes(Container& container) noexcept;
  VolumeStats volume_stats(const std::string& container_id, const std::string& path) const;
  void grow_volume(const std::string& container_id, const std::string& path, std::uint64_t bytes);

  // network_life.cpp
  void watch_network(int netns_fd);
  void serve_dns(const oci::Spec& spec); // once for each container; the agent has answered
  void serve_ports();                    // of a namespace that is shared; the agent has answered
  PodNetwork::Tell tell_network();
  void follow_network() noexcept; // on the follower's thread

  // exec_life.cpp
  void add_exec(ExecRequest request);
  int start_exec(const std::string& container_id, const std::string& exec_id);
  void add_mirrors(Container& container);

  // ending.cpp
  ProcessState delete_container(const std::string& id);
  void stop_in_guest(const std::string& id, bool last);
  void forget_container(Container& container, bool last);
  void run_poststop(Container& container) noexcept;
  void leave_home_of(Container& container);
  ProcessState delete_exec(const std::string& container_id, const std::string& exec_id);
  void end_pod_with(const GuestProcess& process);                      // on the loop's thread
  void vm_died(const std::string& how);                                // on the loop's thread
  void process_ended(const std::string& role, const std::string& how); // the same; of a host process
  void lose_processes();
  void end_vm() noexcept;     // VM, helpers, mounts, NICs
  void remove_pod() noexcept; // and what is left on the host: cgroup, folder, journal

  // Any thread.
  void log(LogLevel level, const std::string& text) const; // never throws
  bool is_known(const std::string& container_id) const;
  std::shared_ptr<Container> find(const std::string& id) const; // throws not_found
  std::shared_ptr<GuestProcess> find_process(const std::string& container_id,
                                             const std::string& exec_id) const;
  std::shared_ptr<agent_client::AgentClient> agent() const;      // null: none
  std::shared_ptr<agent_client::AgentClient> need_agent() const; // throws unavailable
  GuestProcess::Callbacks process_callbacks();

  // guest_events.cpp
  void handle_event(const agent_client::v1::Event& event);

  SandboxOptions options;
  SandboxEvents events;
  std::string sandbox_id;
  std::string own_folder; // made when the container goes whose folder was the sandbox's; "": not yet
  Timeline timeline;

  mutable std::mutex structure;
  mutable std::mutex mutex;
  std::map<std::string, std::shared_ptr<Container>> containers; // under mutex
  std::shared_ptr<agent_client::AgentClient> client;            // under mutex
  bool unwanted = false;              // under mutex; shutdown has begun: a VM that starts is given up
  std::string death;                  // under mutex; why the VM is gone, "" while it is not
  std::atomic<bool> starting = false; // somebody waits for the VM and will take everything down if it dies

  // In the order of their making; they go in the reverse order. The journal outlives what writes to it.
  agent_client::IoLoop loop;
  std::optional<config::Config> config;
  config::Annotations settings; // of the pod, which `config` holds
  std::unique_ptr<journal::Journal> journal;
  std::unique_ptr<PodFolder> folder;
  launch::Spawner spawner;
  std::unique_ptr<PodCgroup> cgroup;
  plugin::HostEnvironment environment;
  std::unique_ptr<plugin::Registry> registry;
  std::unique_ptr<HostProcesses> processes;
  std::unique_ptr<PluginSet> plugins;
  std::unique_ptr<Confinement> confinement;
  plugin::Plan plan;
  std::unique_ptr<launch::PodMounts> mounts;
  std::shared_ptr<PodVm> vm; // set and reset under mutex, for a shutdown that comes during a start
  std::unique_ptr<PodStorage> storage;
  std::unique_ptr<PodNetwork> network;
  bool shares_network = false; // others live in the namespace
  std::unique_ptr<PodDns> dns;
  std::unique_ptr<PodPorts> ports;         // made when the network is shared
  std::unique_ptr<PodSockets> sockets;     // made when a container has one
  std::unique_ptr<WatchedFolders> folders; // the same
  std::unique_ptr<OnDemandWorker> network_follower;
  std::unique_ptr<NetnsWatch> network_watch; // wakes the follower
  std::shared_ptr<agent_client::EventStream> event_stream;
  std::string boot_id;
  std::map<std::string, std::string> guest_sysctls; // to be set with the guest's sandbox
  std::thread janitor;                              // takes the VM down after its death
};

} // namespace nacre::sandbox
