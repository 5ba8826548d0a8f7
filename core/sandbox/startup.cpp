// From a bundle to a virtual machine whose agent has answered.
#include "sandbox/refusal.hpp"
#include "sandbox/sandbox_impl.hpp"

#include "agent_client/rpc_library.hpp"
#include "base/error.hpp"
#include "base/paths.hpp"
#include "launch/proto/plan.pb.h"
#include "oci/file_io.hpp"
#include "sandbox/failure_report.hpp"
#include "sandbox/guest_initrd.hpp"
#include "sandbox/guest_sizing.hpp"
#include "sandbox/host_hooks.hpp"
#include "sandbox/network_owner.hpp"

#include <algorithm>
#include <fcntl.h>
#include <future>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
constexpr auto quiet_limit = 20000ms;       // of a boot that shows no sign of life
constexpr auto guest_setup_deadline = 120s; // CreateSandbox: modules, network, mounts
constexpr auto end_patience = 1000ms;       // from the end of the agent's channel to that of the VMM
constexpr std::size_t words_limit = 800;
constexpr std::size_t resolv_conf_limit = 64 * 1024;

std::uint64_t host_memory() {
  struct sysinfo info;
  if (::sysinfo(&info) < 0) throw_errno("ask for the host's memory");
  return std::uint64_t{info.totalram} * info.mem_unit;
}

UniqueFd open_netns(int pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/net";
  return UniqueFd(check_errno(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open network namespace", path));
}

// The text of what the container will see as /etc/resolv.conf, for the guest's own.
std::string resolv_conf_of(const oci::Spec& spec) {
  for (const auto& mount : spec.mounts)
    if (mount.destination == "/etc/resolv.conf" && mount.source.starts_with("/"))
      return oci::read_file(mount.source, resolv_conf_limit, "read").value_or(std::string());
  return {};
}

std::string guest_hostname(const oci::Spec& spec) {
  return spec.hostname.substr(0, 64);
}

std::future<const agent_client::RpcLibrary*> load_rpc_library() {
  return std::async(std::launch::async, [] { return &agent_client::RpcLibrary::load(); });
}

LogLevel level_of(plugin::LogLevel level) {
  switch (level) {
  case plugin::LogLevel::debug:
    return LogLevel::debug;
  case plugin::LogLevel::info:
    return LogLevel::info;
  case plugin::LogLevel::warning:
    return LogLevel::warning;
  default:
    return LogLevel::error;
  }
}

} // namespace

Sandbox::Impl::Impl(SandboxOptions sandbox_options, SandboxEvents sandbox_events)
    : options(std::move(sandbox_options)), events(std::move(sandbox_events)) {}

// The annotations that count are those of the pod, which its first container carries.
void Sandbox::Impl::load_plugins(const oci::Spec& spec) {
  {
    const auto phase = timeline.phase("config");
    config.emplace(config::load({options.config_file, spec.annotations}));
    settings = config::setting_annotations(spec.annotations);
    if (config->runtime().enable_debug && events.debug_wanted) events.debug_wanted();
    for (const auto& notice : config->notices())
      log(LogLevel::info, notice.origin.text() + ": " + notice.text);
    require_guest_files();
  }
  {
    const auto phase = timeline.phase("plugins");
    lend_host();
    registry = std::make_unique<plugin::Registry>(config->runtime().extra_plugin_dir);
    plugins = std::make_unique<PluginSet>(*config, *registry, environment);
    const auto owner = network_owner(spec);
    shares_network = is_of_others(owner);
    if (shares_network && !shares_namespaces(plugins->networks)) refuse_network_of_others(spec, owner);
  }
  const auto phase = timeline.phase("plan");
  plan = plugins->plan(config->runtime());
}

void Sandbox::Impl::require_guest_files() const {
  const auto& guest = config->guest();
  guest.require_files();
  if (guest.initrd.empty()) return;
  check_initrd(guest.initrd, guest.kernel_params,
               guest.initrd_origin.is_default() ? "install the guest image again"
                                                : "correct \"initrd\" at " + guest.initrd_origin.text());
}

// The virtual machine is there: what a container that joins it asks for otherwise than the pod comes too
// late.
void Sandbox::Impl::tell_late_settings(const std::string& container_id, const oci::Spec& spec) const {
  for (const auto& [name, value] : config::setting_annotations(spec.annotations))
    if (const auto found = settings.find(name); found == settings.end() || found->second != value)
      log(LogLevel::warning, "container " + container_id + ": annotation \"" + name +
                                 "\" has no effect; those of the pod's first container count");
}

// Who writes "disable_selinux = false" relies on labels: without a plugin for them the VMM would have none.
void Sandbox::Impl::require_promised_label(const oci::Spec& spec) const {
  const auto& guest = config->guest();
  if (!guest.label_is_promised || !spec.process || spec.process->selinux_label.empty() ||
      plugins->has_vmm_labels())
    return;
  throw Error(ErrorCode::failed_precondition, "label the virtual machine", spec.process->selinux_label)
      .because(
          "no plugin in [runtime] security applies SELinux labels, and \"disable_selinux\" is false at " +
          guest.label_origin.text())
      .hint("set it to true, or give the container no label (--security-opt label=disable)");
}

void Sandbox::Impl::lend_host() {
  environment.log = [this](plugin::LogLevel level, const std::string& plugin, std::string_view text) {
    log(level_of(level), plugin + ": " + std::string(text));
  };
  environment.spawn = [this](const plugin::Limits& limits, plugin::SpawnRequest request) {
    timeline.note_cpu_before_vmm();
    return processes->spawn(limits, std::move(request));
  };
  environment.run = [this](const plugin::Limits& limits, plugin::SpawnRequest request) {
    const auto phase = timeline.phase("helper", request.role);
    return processes->run(limits, std::move(request));
  };
  environment.signal_process = [this](int pid, int signal) { processes->signal(pid, signal); };
}

void Sandbox::Impl::make_journal() {
  const auto phase = timeline.phase("journal");
  journal = std::make_unique<journal::Journal>(options.state_dir + "/journal");
  folder = std::make_unique<PodFolder>(*journal);
  environment.journal = journal.get();
  environment.pod_folder = folder->plugins();
  processes = std::make_unique<HostProcesses>(spawner, loop, *journal);
  processes->set_ended([this](const std::string& role, const std::string& how) { process_ended(role, how); });
  confinement = std::make_unique<Confinement>(plugins->securities, sandbox_id);
  processes->set_confine([this](const plugin::SpawnRequest& request, launch::ProcessPlan& process_plan) {
    confinement->confine(request, process_plan);
  });
}

void Sandbox::Impl::make_cgroup(const oci::Spec& spec, const std::string& container_id, int holder_pid) {
  const auto phase = timeline.phase("cgroup");
  if (options.systemd_cgroup) {
    cgroup = std::make_unique<PodCgroup>(
        *journal, systemd::ScopeName::parse(spec.linux.cgroups_path, container_id), container_id, holder_pid);
  } else {
    auto path = cgroup_path(spec.linux.cgroups_path, container_id);
    // That of an earlier sandbox of this name, which serves others yet: theirs must not end with ours.
    if (spec.linux.cgroups_path.empty() && cgroup_exists(path)) path += "-" + std::to_string(::getpid());
    cgroup = std::make_unique<PodCgroup>(*journal, path);
  }
  cgroup->join(holder_pid);
  cgroup->join(::getpid());
  processes->set_cgroup(cgroup->procs_files());
}

void Sandbox::Impl::make_mounts() {
  const auto phase = timeline.phase("pod-mounts");
  launch::PodMountsOptions mount_options;
  mount_options.staging_folder = folder->staging();
  for (const auto& file : {config->guest().kernel, config->guest().initrd, config->guest().image})
    if (!file.empty()) mount_options.read_only.push_back(file);
  mount_options.writable.push_back(folder->plugins());
  mounts = std::make_unique<launch::PodMounts>(spawner, mount_options);
  processes->set_pod_mounts(mounts->namespace_fd());
}

plugin::VmDescription Sandbox::Impl::describe_vm(const oci::Spec& spec) {
  const auto& guest = config->guest();
  const GuestSize size =
      size_guest(guest, sizing_resources(spec), static_cast<unsigned>(::get_nprocs()), host_memory());
  plugin::VmDescription description;
  description.id = sandbox_id;
  description.ram_backing = plan.ram_backing;
  description.memory_bytes = description.memory_max_bytes = size.memory_bytes;
  description.vcpus = description.vcpus_max = size.vcpus;
  description.kernel = guest.kernel;
  description.initrd = guest.initrd;
  description.image = guest.image;
  description.kernel_params = plugins->vm->channel().kernel_params;
  const auto& agent_options = config->agent();
  if (agent_options.enable_debug) description.kernel_params += " nacre.debug";
  if (agent_options.debug_console_enabled) description.kernel_params += " nacre.debug_console";
  if (!guest.kernel_params.empty()) description.kernel_params += " " + guest.kernel_params;
  description.debug = config->runtime().enable_debug || agent_options.enable_debug;
  return description;
}

// Everything that must be there before the virtual machine.
void Sandbox::Impl::prepare_pod(const CreateRequest& request, const oci::Spec& spec, launch::Holder& holder) {
  if (spec.process) confinement->set_label(spec.process->selinux_label);
  make_cgroup(spec, request.container_id, holder.pid());
  UniqueFd netns;
  {
    const auto phase = timeline.phase("netns");
    const UniqueFd own = open_netns(::getpid());
    netns = open_netns(holder.pid());
    // network_owner() has looked at config.json; this is where the holder really is.
    if (!shares_network && same_namespace(own.get(), netns.get()))
      throw Error(ErrorCode::internal, "find the container's network namespace")
          .because("its holder is in the host's");
  }
  make_mounts();
  auto made = std::make_shared<PodVm>(*plugins->vm, loop, [this](const std::string& how) { vm_died(how); });
  bool given_up;
  {
    const std::lock_guard lock(mutex);
    vm = std::move(made);
    given_up = unwanted;
  }
  if (given_up) vm->give_up();
  storage = std::make_unique<PodStorage>(plugins->storages, *mounts, *vm);
  watch_network(netns.get()); // before the first look at it
  network =
      std::make_unique<PodNetwork>(plugins->networks, std::move(netns), *vm,
                                   shares_network ? PodNetwork::Scope::whole : PodNetwork::Scope::links);
  const auto phase = timeline.phase("storage");
  storage->prepare(sandbox_id);
}

void Sandbox::Impl::start_vm(const oci::Spec& spec) {
  auto description = describe_vm(spec);
  description.devices = storage->take_boot_devices();
  {
    const auto phase = timeline.phase("endpoints");
    for (auto& device : network->open_present())
      description.devices.push_back(std::move(device));
    if (plan.runs_guest && !plan.nics_hot_add && !network->has_nics()) add_spare_nic(description);
  }
  const auto phase = timeline.phase("vmm", plugins->vm->plugin().name());
  vm->start(std::move(description));
}

// For a link that comes later. Where none can be made, a container that needs no network runs all the same.
void Sandbox::Impl::add_spare_nic(plugin::VmDescription& description) {
  try {
    for (auto& device : network->open_spare())
      description.devices.push_back(std::move(device));
  } catch (const Error& error) {
    log(LogLevel::warning, std::string("no network can be connected later: ") + error.what());
  }
}

void Sandbox::Impl::connect_agent() {
  const auto phase = timeline.phase("agent");
  auto library = load_rpc_library(); // while the guest boots
  agent_client::HelloResult hello;
  UniqueFd fd = vm->connect(quiet_limit, hello);
  boot_id = hello.boot_id;
  auto connected = agent_client::AgentClient::connect(loop, std::move(fd), std::move(hello), *library.get());
  {
    const std::lock_guard lock(mutex);
    client = connected;
  }
  loop.run([&] {
    event_stream = agent_client::EventStream::open(
        connected, 0,
        {[this](const auto& event) { handle_event(event); },
         [this](const std::optional<Error>& error) {
           vm_died(error ? "the agent's connection ended: " + std::string(error->what())
                         : std::string("the agent ended its connection"));
         }});
  });
}

void Sandbox::Impl::create_guest_sandbox(const oci::Spec& spec) {
  const auto phase = timeline.phase("guest-sandbox");
  agent_client::v1::CreateSandboxRequest request;
  request.set_sandbox_id(sandbox_id);
  request.set_hostname(guest_hostname(spec));
  request.set_resolv_conf(resolv_conf_of(spec));
  *request.mutable_network() = network->for_guest();
  request.mutable_sysctls()->insert(guest_sysctls.begin(), guest_sysctls.end());
  for (auto& mount : storage->guest_mounts())
    *request.add_storages() = std::move(mount);
  try {
    need_agent()->create_sandbox(request, guest_setup_deadline);
  } catch (const Error& error) {
    throw_if_refused(error, {}, {}); // a sysctl
    throw;
  }
}

std::unique_ptr<launch::Holder> Sandbox::Impl::spawn_holder(const oci::Spec& spec) {
  const auto phase = timeline.phase("holder");
  launch::HolderPlan holder_plan;
  if (const auto* ns = spec.linux.find("network")) {
    holder_plan.set_new_netns(ns->path.empty());
    holder_plan.set_netns_path(ns->path);
  }
  const auto* uts = spec.linux.find("uts");
  if (uts && uts->path.empty()) holder_plan.set_hostname(spec.hostname);
  const auto argv = spec.process ? spec.process->args : std::vector<std::string>{"nacre"};
  return launch::Holder::spawn(holder_plan, argv);
}

Error Sandbox::Impl::with_report(const Error& error) {
  std::string phase;
  for (const auto& item : timeline.phases())
    phase = item.name; // the last one entered
  FailureFacts facts;
  facts.phase = phase;
  facts.plugin = vm->plugin().label();
  facts.plugin_version = vm->plugin().identity().version;
  if (error.code() == ErrorCode::unavailable) vm->wait_for_end(end_patience);
  facts.vmm_started = vm->built();
  facts.agent_answered = agent() != nullptr;
  facts.vmm_ending = processes->ending("vmm");
  facts.vmm_words = processes->last_words("vmm", words_limit);
  facts.helper = processes->ended_helper("vmm", words_limit);
  vm->catch_up();
  facts.console = vm->console().lines();
  const auto& guest = config->guest();
  facts.files = {guest.kernel, guest.initrd, guest.kernel_params, guest.memory_mib};
  return report_failure(error, facts);
}

} // namespace nacre::sandbox
