// Create and start of containers.
#include "sandbox/sandbox_impl.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "base/process_identity.hpp"
#include "launch/holder_protocol.hpp"
#include "oci/file_io.hpp"
#include "sandbox/device_rules.hpp"
#include "sandbox/guest_sysctls.hpp"
#include "sandbox/hook_places.hpp"
#include "sandbox/host_hooks.hpp"
#include "sandbox/refusal.hpp"

#include <boost/json.hpp>
#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
constexpr auto create_deadline = 120s;
constexpr auto start_deadline = 60s;
constexpr auto short_deadline = 20s;

std::uint64_t monotonic_ns() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

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

void set_cpus(boost::json::object& document, const std::string& list) {
  document["linux"].as_object()["resources"].as_object()["cpu"].as_object()["cpus"] = list;
}

// The file for the container, which it finds at `path`.
agent_client::v1::CopiedFile show_annotations(boost::json::object& document, const oci::Spec& spec,
                                              const std::string& container_id, const std::string& path) {
  agent_client::v1::CopiedFile file;
  file.set_path("/run/nacre/bundle/" + container_id + "/annotations.json");
  file.set_content(boost::json::serialize(boost::json::value_from(spec.annotations)) + "\n");
  file.set_mode(0444);
  auto& mounts = document["mounts"];
  if (!mounts.is_array()) mounts = boost::json::array();
  mounts.as_array().push_back({{"destination", path},
                               {"type", "bind"},
                               {"source", file.path()},
                               {"options", {"bind", "ro", "nosuid", "nodev", "noexec"}}});
  return file;
}

AskedProcess asked_process(const oci::Spec& spec, const GuestPaths& paths,
                           const std::vector<GuestMountChoice>& choices) {
  AskedProcess asked;
  if (spec.process && !spec.process->args.empty()) asked.program = spec.process->args.front();
  if (spec.process) asked.cwd = spec.process->cwd;
  asked.paths.emplace_back(paths.rootfs, spec.root.path);
  for (std::size_t i = 0; i < choices.size() && i < paths.mount_sources.size(); ++i)
    asked.paths.emplace_back(paths.mount_sources[i], choices[i].host_source);
  return asked;
}

} // namespace

std::shared_ptr<Container> Sandbox::Impl::create_container(CreateRequest request) {
  const std::lock_guard structural(structure);
  const bool is_first = !vm;
  if (is_first) sandbox_id = request.container_id;
  const oci::Spec spec = oci::load_spec(request.bundle);
  oci::require_rootfs(spec);
  refuse_host_namespaces(spec);
  {
    const std::lock_guard lock(mutex);
    if (!death.empty())
      throw Error(ErrorCode::unavailable, "create container", request.container_id).because(death);
    if (containers.contains(request.container_id))
      throw Error(ErrorCode::already_exists, "create container", request.container_id)
          .because("it exists already");
  }

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
  starting = true;
  try {
    auto holder = request.holder ? std::move(request.holder) : spawn_holder(spec);
    if (is_first) {
      load_plugins(spec);
      make_journal();
    }
    // What is refused here costs no virtual machine.
    auto choices = choose_mounts(spec, request.bundle);
    auto document = admit(*container, spec, choices);
    const auto devices = admit_devices(spec, choices);
    MadeInGuest made;
    made.sockets = choose_sockets(choices, config->runtime().relayed_sockets);
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
    {
      const std::lock_guard lock(mutex);
      containers[container->id] = container;
    }
    // The rest happens while the guest boots, unless NICs (hooks make links) or disks cannot be added to it
    // then.
    const bool boots_at_once = plan.nics_hot_add && plan.disks_hot_add;
    if (is_first && boots_at_once) start_vm(spec);
    copy_folders(*container, choices, made);
    auto root_device = std::move(request.root_device);
    if (root_device &&
        spec.root.path != request.bundle + "/rootfs") { // the file system is a part of its root only
      root_device->mount();
      root_device.reset();
    }
    const auto attached = [&] {
      const auto phase = timeline.phase("rootfs", container->id);
      auto paths = storage->attach(container->id, spec, choices, root_device);
      attach_devices(container->id, devices);
      return paths;
    }();
    for (const auto& notice : attached.notices)
      log(LogLevel::warning, "container " + container->id + ": " + notice);
    {
      const auto phase = timeline.phase("hooks", container->id);
      const std::string state = hook_state(*container, oci::Status::creating);
      run_hooks(spawner, container->hooks.prestart, "prestart", container->bundle, state, vm->ended_fd());
      run_hooks(spawner, container->hooks.create_runtime, "createRuntime", container->bundle, state,
                vm->ended_fd());
    }
    container->first->require_holder();
    if (is_first && !boots_at_once) start_vm(spec);
    if (plan.runs_guest) {
      {
        const auto phase = timeline.phase("network");
        // The first container's guest does not answer yet: CreateSandbox carries it.
        network->follow(plan.nics_hot_add, is_first ? PodNetwork::Tell() : tell_network());
      }
      if (is_first) {
        connect_agent();
        container->first->require_holder();
        create_guest_sandbox(spec);
      }
      serve_dns(spec);
      serve_ports();
      create_in_guest(*container, spec, std::move(document), attached, choices, devices, std::move(made));
    }
    container->first->require_holder();
    write_state(*container, oci::Status::created);
  } catch (const std::exception& failure) {
    const Error* known = dynamic_cast<const Error*>(&failure);
    const Error error =
        known ? *known
              : Error(ErrorCode::internal, "create container", request.container_id).because(failure);
    const bool may_be_the_vm =
        is_first && vm && vm->tried() && dynamic_cast<const Refusal*>(&failure) == nullptr;
    const Error reported = may_be_the_vm ? with_report(error) : error;
    {
      const std::lock_guard lock(mutex);
      containers.erase(request.container_id);
    }
    container->first->lost(255);
    if (is_first) remove_pod();
    forget_volumes(*container);
    if (sockets) sockets->drop(request.container_id);
    if (folders) folders->drop(request.container_id);
    if (storage) storage->detach(request.container_id);
    run_poststop(*container);
    end_start();
    throw reported;
  }
  end_start();
  if (is_first && network_watch) network_watch->arm();
  return container;
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

boost::json::object Sandbox::Impl::admit(Container& container, const oci::Spec& spec,
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

void Sandbox::Impl::create_in_guest(Container& container, const oci::Spec& spec, boost::json::object document,
                                    PodStorage::Attached attached,
                                    const std::vector<GuestMountChoice>& choices,
                                    const std::vector<DeviceChoice>& devices, MadeInGuest made) {
  const auto phase = timeline.phase("container", container.id);
  agent_client::v1::CreateContainerRequest request;
  if (!spec.hooks.create_container.empty())
    *request.mutable_create_hooks() = lend_to_hooks(container, spec, attached);
  describe(made, request, attached.paths);
  note_volumes(container, choices, attached.paths);
  set_guest_paths(document, spec, choices, attached.paths);
  if (const auto& path = config->runtime().annotations_file; !path.empty())
    *request.add_files() = show_annotations(document, spec, container.id, path);
  describe_devices(container.id, devices, document, request);
  const auto connected = need_agent();
  if (const auto& cpus = spec.linux.resources.cpuset_cpus; !cpus.empty())
    set_cpus(document, guest_cpus(cpus, count_cpus(*connected)));
  request.set_container_id(container.id);
  request.set_spec(boost::json::serialize(document));
  storage->name_devices(attached.storages);
  for (const auto& mount : attached.storages)
    *request.add_storages() = mount;
  for (const auto& file : attached.files)
    *request.add_files() = file;
  request.set_terminal(container.first->terminal());
  request.set_has_stdin(container.first->has_stdin());
  auto [rows, columns] = container.first->rows_and_columns();
  if (rows == 0 && spec.process && spec.process->console_size) {
    rows = spec.process->console_size->rows;
    columns = spec.process->console_size->columns;
  }
  request.set_rows(rows);
  request.set_columns(columns);
  container.first->describe_descriptors(*request.mutable_descriptors());
  try {
    container.guest_pid = connected->create_container(request, create_deadline).guest_pid();
  } catch (const Error& error) {
    throw_if_refused(error, "nacre create failed: unable to start container process",
                     asked_process(spec, attached.paths, choices));
    throw;
  }
  container.first->connect_stdio(connected);
  serve(container, std::move(made));
  storage->detach_lent(container.id);
}

CpuCounts Sandbox::Impl::count_cpus(agent_client::AgentClient& connected) const {
  return {host_cpus(), connected.guest_details(short_deadline).vcpus_online()};
}

agent_client::v1::CreateHooks Sandbox::Impl::lend_to_hooks(Container& container, const oci::Spec& spec,
                                                           PodStorage::Attached& attached) {
  auto hooks =
      describe_create_hooks(spec.hooks.create_container, hook_state(container, oci::Status::creating));
  hooks.set_rootfs(attached.paths.rootfs);
  hooks.set_rootfs_path(spec.root.path);
  std::vector<std::string> sources;
  for (const auto& place : hook_places(spec.hooks.create_container, container.bundle)) {
    auto& out = *hooks.add_places();
    out.set_path(place.path);
    out.set_link(place.link);
    if (place.link.empty()) sources.push_back(place.path);
  }
  auto lent = storage->lend(container.id, sources, attached);
  auto next = lent.begin();
  for (auto& place : *hooks.mutable_places())
    if (place.link().empty()) place.set_source(std::move(*next++));
  return hooks;
}

void Sandbox::Impl::start_container(const std::string& id) {
  const std::lock_guard structural(structure);
  const auto container = find(id);
  switch (container->first->state().status) {
  case ProcessStatus::created:
    break;
  case ProcessStatus::paused:
    throw Error(ErrorCode::failed_precondition, "cannot start a container in the paused state");
  case ProcessStatus::stopped:
    throw Error(ErrorCode::failed_precondition, "cannot start a container that has stopped");
  default:
    throw Error(ErrorCode::failed_precondition, "cannot start an already running container");
  }
  if (!plan.runs_guest) {
    container->first->started();
    write_state(*container, oci::Status::running);
    return;
  }
  {
    const auto phase = timeline.phase("start-network", id);
    container->first->require_holder();
    network->follow(plan.nics_hot_add, tell_network());
  }
  {
    const auto phase = timeline.phase("start", id);
    if (dns) dns->wait_listening(short_deadline);
    container->first->require_holder();
    need_agent()->start_container(id, start_deadline);
  }
  container->first->started();
  if (!container->first->stopped()) write_state(*container, oci::Status::running);
  try {
    run_hooks(spawner, container->hooks.poststart, "poststart", container->bundle,
              hook_state(*container, oci::Status::running), vm->ended_fd());
  } catch (const Error&) { // runc ends the container; so does runtime-spec 1.2
    kill_all_of(*container);
    throw;
  }
  record_timeline();
}

void Sandbox::Impl::kill_all_of(Container& container) noexcept {
  agent_client::v1::SignalProcessRequest request;
  request.set_container_id(container.id);
  request.set_signal(SIGKILL);
  request.set_all(true);
  try {
    need_agent()->signal_process(request, short_deadline);
    container.first->wait_stopped();
  } catch (const Error&) { // it has ended already, or the guest has
  }
}

void Sandbox::Impl::write_state(Container& container, oci::Status status) {
  const std::lock_guard lock(container.state_mutex);
  auto& state = container.state;
  // A late "running" must not cover a "stopped" that the loop's thread has written.
  if (state.status == oci::Status::stopped) return;
  state.status = status;
  state.pid = container.first->pid();
  state.holder_start_ticks = container.first->holder_start_ticks();
  state.version = paths::version;
  state.sandbox_id = sandbox_id;
  state.sandbox_pid = ::getpid();
  state.sandbox_dir = own_folder;
  if (const auto identity = ProcessIdentity::of(::getpid()))
    state.sandbox_start_ticks = identity->start_ticks;
  state.protocols.holder = launch::holder_protocol_version;
  state.protocols.journal = journal::format_version;
  if (const auto connected = agent()) state.protocols.agent = connected->hello().version;
  if (!container.state_dir.empty()) oci::write_state(container.state_dir, state);
}

std::string Sandbox::Impl::hook_state(Container& container, oci::Status status) {
  const std::lock_guard lock(container.state_mutex);
  oci::State state = container.state;
  state.pid = container.first->pid();
  // The specification's members and no others, as runc does it: a container that has stopped has no pid.
  auto object = boost::json::parse(oci::to_oci_json(state, status)).as_object();
  for (const char* name : {"rootfs", "created", "owner"})
    object.erase(name);
  if (status == oci::Status::stopped) object.erase("pid");
  return boost::json::serialize(object);
}

// The guest's clock starts with the guest; one question tells how far it is behind the host's.
void Sandbox::Impl::record_timeline() {
  try {
    const auto connected = need_agent();
    const std::uint64_t before = monotonic_ns();
    const std::uint64_t guest_now = connected->check(short_deadline).boottime_ns();
    const std::uint64_t offset = before + (monotonic_ns() - before) / 2 - guest_now;
    const auto reply = connected->timeline(short_deadline);
    int count = 0;
    for (const auto& phase : reply.phases()) {
      if (++count > 100) break; // the guest is not trusted
      timeline.add({"guest." + phase.name().substr(0, 64), phase.object().substr(0, 256),
                    phase.start_ns() + offset, phase.end_ns() + offset});
    }
  } catch (const Error&) {
    // a container that has ended already has taken the guest with it; the host's phases are there all the
    // same
  }
  oci::replace_file(options.state_dir + "/timeline.json", timeline.to_json(), 0600, "write timeline");
}

} // namespace nacre::sandbox
