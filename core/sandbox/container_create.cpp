// Create of containers: what is admitted, and its way into the pod.
#include "sandbox/sandbox_impl.hpp"

#include "base/error.hpp"
#include "sandbox/device_rules.hpp"
#include "sandbox/guest_sysctls.hpp"
#include "sandbox/host_hooks.hpp"
#include "sandbox/refusal.hpp"

#include <boost/json.hpp>
#include <fcntl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

oci::State first_state(const CreateRequest& request, const oci::Spec& spec) {
  oci::State state;
  if (!request.state_dir.empty() && ::access((request.state_dir + "/state.json").c_str(), F_OK) == 0)
    state = oci::read_state(request.state_dir); // `nacre create` has begun it
  if (state.created.empty()) state.created = oci::timestamp();
  state.id = request.container_id;
  state.bundle = request.bundle;
  state.rootfs = spec.root.path;
  state.annotations = spec.annotations;
  return state;
}

UniqueFd open_netns(int pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/net";
  return UniqueFd(check_errno(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open network namespace", path));
}

unsigned host_cpus() {
  return static_cast<unsigned>(::get_nprocs_conf());
}

} // namespace

std::shared_ptr<Container> Sandbox::Impl::create_container(CreateRequest request) {
  const std::lock_guard structural(structure);
  const bool is_first = !vm;
  if (is_first) sandbox_id = request.container_id;
  const oci::Spec spec = oci::load_spec(request.bundle);
  oci::require_rootfs(spec);
  refuse_host_namespaces(spec);
  require_new_name(request.container_id);
  auto container = make_container(request, spec);
  starting = true;
  try {
    auto holder = request.holder ? std::move(request.holder) : spawn_holder(spec);
    if (is_first) {
      load_plugins(spec);
      make_journal();
    }
    auto admission = admit(*container, request, spec); // what is refused here costs no virtual machine
    enter_pod(container, request, spec, std::move(holder), is_first);
    create_admitted(*container, spec, std::move(admission), is_first);
    container->first->require_holder();
    write_state(*container, oci::Status::created);
  } catch (const std::exception& failure) {
    throw undo_create(*container, failure, is_first);
  }
  end_start();
  if (is_first && network_watch) network_watch->arm();
  return container;
}

void Sandbox::Impl::require_new_name(const std::string& id) const {
  const std::lock_guard lock(mutex);
  if (!death.empty()) throw Error(ErrorCode::unavailable, "create container", id).because(death);
  if (containers.contains(id))
    throw Error(ErrorCode::already_exists, "create container", id).because("it exists already");
}

std::shared_ptr<Container> Sandbox::Impl::make_container(CreateRequest& request, const oci::Spec& spec) {
  auto container = std::make_shared<Container>();
  container->id = request.container_id;
  container->bundle = request.bundle;
  container->state_dir = request.state_dir;
  container->pod = oci::pod_membership(spec.annotations);
  container->hooks = spec.hooks;
  container->listen_fds = request.listen_fds;
  container->state = first_state(request, spec);
  container->first = GuestProcess::create(
      loop, [this] { return agent(); }, request.container_id, "", request.bundle, std::move(request.io),
      process_callbacks());
  return container;
}

Sandbox::Impl::Admission Sandbox::Impl::admit(Container& container, CreateRequest& request,
                                              const oci::Spec& spec) {
  Admission admission;
  auto& choices = admission.choices =
      choose_mounts(spec, request.bundle, config->runtime().guest_empty_dirs());
  admission.document = admit_process(container, spec, choices);
  admission.devices = admit_devices(spec, choices);
  admission.made.sockets = choose_sockets(choices, config->runtime().relayed_sockets);
  admit_spaces(container.id, choices);
  auto root_device = std::move(request.root_device);
  if (root_device &&
      spec.root.path != request.bundle + "/rootfs") { // the file system is a part of its root only
    root_device->mount();
    root_device.reset();
  }
  admission.offers = make_offers(plugins->storages, container.id, spec, choices, root_device,
                                 [&](const auto& mount) { return storage && storage->has_volume(mount); });
  return admission;
}

// An emptyDir that may be the host's folder as well is that where nobody makes a disk.
void Sandbox::Impl::admit_spaces(const std::string& container_id, std::vector<GuestMountChoice>& choices) {
  for (auto& choice : choices) {
    if (choice.how != GuestMountChoice::How::space) continue;
    auto request = request_of_space(choice.space, container_id);
    if (config->runtime().empty_dirs_on_disks()) {
      claim_storage(plugins->storages, request);
    } else if (std::string reasons; !find_taker(plugins->storages, request, reasons)) {
      choice.how = GuestMountChoice::How::share;
      log(LogLevel::info, "container " + container_id + ": emptyDir \"" + choice.host_source +
                              "\" is the host's folder, since no plugin of [runtime] storage makes a disk "
                              "of the guest's for it (" +
                              reasons + ")");
    }
  }
}

void Sandbox::Impl::enter_pod(const std::shared_ptr<Container>& container, const CreateRequest& request,
                              const oci::Spec& spec, std::unique_ptr<launch::Holder> holder, bool is_first) {
  if (is_first) {
    prepare_pod(request, spec, *holder);
  } else {
    tell_late_settings(container->id, spec);
    require_same_network(*holder);
    cgroup->join(holder->pid());
  }
  limit_block_io(spec);
  container->first->take_holder(std::move(holder));
  add_mirrors(*container);
  const std::lock_guard lock(mutex);
  containers[container->id] = container;
}

// Most of it happens while the guest boots, unless NICs (hooks make links) or disks cannot be added to it
// then.
void Sandbox::Impl::create_admitted(Container& container, const oci::Spec& spec, Admission admission,
                                    bool is_first) {
  const bool boots_at_once = plan.nics_hot_add && plan.disks_hot_add;
  if (is_first && boots_at_once) start_vm(spec);
  copy_folders(container, admission.choices, admission.made);
  auto attached = attach_storage(container, spec, admission);
  run_create_hooks(container);
  if (is_first && !boots_at_once) start_vm(spec);
  if (!plan.runs_guest) return;
  {
    const auto phase = timeline.phase("network");
    // The first container's guest does not answer yet: CreateSandbox carries it.
    network->follow(plan.nics_hot_add, is_first ? PodNetwork::Tell() : tell_network());
  }
  if (is_first) {
    connect_agent();
    container.first->require_holder();
    create_guest_sandbox(spec);
  }
  serve_dns(spec);
  serve_ports();
  create_in_guest(container, spec, std::move(admission), std::move(attached));
}

PodStorage::Attached Sandbox::Impl::attach_storage(Container& container, const oci::Spec& spec,
                                                   Admission& admission) {
  const auto phase = timeline.phase("rootfs", container.id);
  auto attached = storage->attach(container.id, spec, admission.choices, std::move(admission.offers));
  attach_devices(container.id, admission.devices);
  for (const auto& notice : attached.notices)
    log(LogLevel::warning, "container " + container.id + ": " + notice);
  return attached;
}

void Sandbox::Impl::run_create_hooks(Container& container) {
  const auto phase = timeline.phase("hooks", container.id);
  const std::string state = hook_state(container, oci::Status::creating);
  const auto& hooks = container.hooks;
  run_hooks(spawner, hooks.prestart, "prestart", container.bundle, state, vm->ended_fd());
  run_hooks(spawner, hooks.create_runtime, "createRuntime", container.bundle, state, vm->ended_fd());
  container.first->require_holder();
}

// Returns what to tell the caller.
Error Sandbox::Impl::undo_create(Container& container, const std::exception& failure, bool is_first) {
  const auto& id = container.id;
  const Error* known = dynamic_cast<const Error*>(&failure);
  const Error error = known ? *known : Error(ErrorCode::internal, "create container", id).because(failure);
  const bool may_be_the_vm =
      is_first && vm && vm->tried() && dynamic_cast<const Refusal*>(&failure) == nullptr;
  const Error reported = may_be_the_vm ? with_report(error) : error;
  {
    const std::lock_guard lock(mutex);
    containers.erase(id);
  }
  container.first->lost(255);
  if (is_first) remove_pod();
  forget_volumes(container);
  if (sockets) sockets->drop(id);
  if (folders) folders->drop(id);
  if (storage) storage->detach(id);
  run_poststop(container);
  end_start();
  return reported;
}

// The containers of a pod share its cgroup: of two that name the same limit, the later one's is in force.
void Sandbox::Impl::limit_block_io(const oci::Spec& spec) {
  if (const auto* resources = oci::linux_resources(spec.document)) cgroup->limit(BlockIo(*resources));
}

// Whoever starts a container takes the end of the VM meanwhile upon himself: the others are told now.
void Sandbox::Impl::end_start() {
  starting = false;
  std::string gone;
  {
    const std::lock_guard lock(mutex);
    gone = death;
  }
  if (!gone.empty()) lose_processes();
}

// The containers of one VM have one network. One that joined for another of its namespaces would silently get
// that.
void Sandbox::Impl::require_same_network(const launch::Holder& holder) const {
  const UniqueFd theirs = open_netns(holder.pid());
  const UniqueFd host = network->netns_fd() < 0 ? open_netns(::getpid()) : UniqueFd();
  if (same_namespace(theirs.get(), host ? host.get() : network->netns_fd())) return;
  throw Error(ErrorCode::failed_precondition, "join the virtual machine of container", sandbox_id)
      .because("containers of one virtual machine share its network, and this one has a network of its own")
      .hint("give it the network namespace of container " + sandbox_id +
            " too (--net=container:" + sandbox_id + ")");
}

std::vector<NamespaceOwner> Sandbox::Impl::namespace_owners() const {
  std::vector<NamespaceOwner> owners;
  const std::lock_guard lock(mutex);
  for (const auto& [id, container] : containers)
    if (container->guest_pid != 0) owners.push_back({container->first->pid(), container->guest_pid});
  return owners;
}

boost::json::object Sandbox::Impl::admit_process(Container& container, const oci::Spec& spec,
                                                 const std::vector<GuestMountChoice>& choices) {
  GuestSpecOptions spec_options;
  spec_options.container_id = container.id;
  spec_options.seccomp = !config->runtime().disable_guest_seccomp;
  spec_options.guest_labels = plugins->has_guest_labels();
  // CRI-O makes a pod's namespaces itself and names them by path from the first container on, which has new
  // ones.
  const bool begins_pod = container.pod.role == oci::PodMembership::Role::sandbox;
  spec_options.guest_namespace = [this, begins_pod](const std::string& type, const std::string& path) {
    return begins_pod ? std::string() : guest_namespace_path(type, path, namespace_owners());
  };
  spec_options.listen_fds = container.listen_fds;
  spec_options.create_hooks = !spec.hooks.create_container.empty();
  for (const auto& limit : limits_without_effect(spec, has_huge_pages(choices)))
    log(LogLevel::warning, "container " + container.id + ": linux.resources." + limit + "; it has no effect");
  require_promised_label(spec);
  auto document = make_guest_spec(spec, spec_options);
  if (auto* process = document["process"].if_object())
    confinement->guest_process(false, *process, document["linux"].as_object());
  if (const auto& cpus = spec.linux.resources.cpuset_cpus; !cpus.empty())
    guest_cpus(cpus, {host_cpus(), 1}); // how many the guest has is known later
  guest_sysctls = take_guest_sysctls(document["linux"].as_object(), config->runtime().guest_sysctls, !vm);
  container.device_rules = device_rules(spec.document);
  container.linux_section = boost::json::serialize(document["linux"]);
  if (const auto* limits = document["linux"].as_object().if_contains("resources");
      limits && limits->is_object())
    container.resources = limits->get_object();
  return document;
}

} // namespace nacre::sandbox
