#include "cli/container_creation.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "cli/holder_plan.hpp"
#include "cli/interruptible.hpp"
#include "cli/output.hpp"
#include "cli/passed_stdio.hpp"
#include "cli/state_folder.hpp"
#include "oci/container_id.hpp"
#include "oci/file_io.hpp"
#include "oci/namespace_owner.hpp"
#include "oci/pod.hpp"
#include "ttrpc/address.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::cli {
namespace {

constexpr std::chrono::seconds end_of_sandbox{30}; // more than any clean-up takes, the guest's sync included

std::string user_name() {
  const auto uid = ::geteuid();
  if (uid == 0) return "root"; // without the name service's libraries
  const auto* entry = ::getpwuid(uid);
  return entry ? entry->pw_name : "";
}

} // namespace

ContainerCreation::ContainerCreation(const GlobalOptions& options, CreatePlan plan)
    : options_(options), plan_(std::move(plan)) {
  oci::check_id(plan_.id);
  state_dir_ = options_.state_dir(plan_.id);
  spec_ = oci::load_spec(plan_.bundle);
  check();
  if (!plan_.console_socket.empty()) console_ = ConsoleSocket::connect(plan_.console_socket);
}

ContainerCreation::~ContainerCreation() {
  if (!done_) undo();
}

bool ContainerCreation::wants_terminal() const {
  return plan_.terminal.value_or(spec_.process->terminal);
}

void ContainerCreation::check() const {
  if (::geteuid() != 0)
    throw Error(ErrorCode::permission_denied, "create container", plan_.id).hint("run nacre as root");
  if (!spec_.process)
    throw Error(ErrorCode::invalid_argument, plan_.bundle + "/config.json")
        .because("process is missing")
        .hint("say what to run");
  oci::require_rootfs(spec_);
  oci::require_mount_sources(spec_, plan_.bundle);
  require_preserved_fds(plan_.preserve_fds, plan_.listen_fds);
  if (wants_terminal() && plan_.console_socket.empty() && !plan_.own_terminal)
    throw Error(ErrorCode::invalid_argument,
                "cannot make a terminal for a container that outlives this command")
        .hint("name a --console-socket, or set process.terminal to false in config.json");
  if (!wants_terminal() && !plan_.console_socket.empty())
    throw Error(ErrorCode::invalid_argument,
                "--console-socket is given, but process.terminal in config.json is false");
}

SandboxPlan ContainerCreation::sandbox_plan() const {
  return {plan_.id, options_.root, state_dir_, options_.config, options_.systemd_cgroup, state_.socket};
}

void ContainerCreation::run(SignalWatch& signals) {
  clock_.enter("create.state");
  make_state_folder(options_.root, plan_.id);
  has_folder_ = true;
  const auto self = ProcessIdentity::of(::getpid()).value_or(ProcessIdentity{});
  state_.id = plan_.id;
  state_.bundle = plan_.bundle;
  state_.rootfs = spec_.root.path;
  state_.annotations = spec_.annotations;
  state_.created = oci::timestamp();
  state_.owner = user_name();
  state_.version = paths::version;
  state_.creator_pid = self.pid;
  state_.creator_start_ticks = self.start_ticks;
  find_sandbox();
  save();

  clock_.enter("create.sandbox");
  if (!joins_) start_sandbox();

  clock_.enter("create.holder");
  start_holder();

  clock_.enter("create.task");
  create_task(signals);
  holder_->release_control();
  descriptors_.reset();
  if (sockets_) sockets_->keep();
  done_ = true;
}

// A container that is served by the sandbox to join: the pod's by the engine's annotations, or the one whose
// namespaces are to be shared.
std::optional<oci::State> ContainerCreation::joined_sandbox() const {
  const auto membership = oci::pod_membership(spec_.annotations);
  if (membership.role != oci::PodMembership::Role::container)
    return oci::namespace_owner(options_.root, spec_);
  const auto& pod = membership.sandbox_id;
  oci::check_id(pod, "sandbox id");
  auto sandbox = oci::read_state(options_.state_dir(pod));
  if (oci::current_status(sandbox) == oci::Status::stopped)
    throw Error(ErrorCode::failed_precondition, "join the sandbox", pod).because("it has stopped");
  return sandbox;
}

void ContainerCreation::find_sandbox() {
  const auto sandbox = joined_sandbox();
  joins_ = sandbox.has_value();
  if (!joins_) {
    state_.sandbox_id = plan_.id;
    state_.socket = free_socket_path(options_.root, plan_.id);
    return;
  }
  state_.sandbox_id = sandbox->sandbox_id;
  state_.sandbox_dir = sandbox->sandbox_dir;
  state_.socket = sandbox->socket;
  state_.sandbox_pid = sandbox->sandbox_pid;
  state_.sandbox_start_ticks = sandbox->sandbox_start_ticks;
  task_ = ttrpc::TaskClient::connect(state_.socket);
  descriptors_ = ttrpc::DescriptorConnection::connect(ttrpc::descriptor_socket_path(state_.socket));
}

void ContainerCreation::start_sandbox() {
  sockets_ = std::make_unique<SandboxSockets>(state_.socket);
  // Connected before the sandbox process exists: however early we die, it sees the end of these connections.
  task_ = ttrpc::TaskClient::connect(state_.socket);
  descriptors_ = ttrpc::DescriptorConnection::connect(ttrpc::descriptor_socket_path(state_.socket));
  sandbox_ = spawn_sandbox(sandbox_plan(), *sockets_);
  sockets_->close();
  state_.sandbox_pid = sandbox_.pid;
  state_.sandbox_start_ticks = sandbox_.start_ticks;
  save();
}

void ContainerCreation::start_holder() {
  if (wants_terminal()) {
    auto size = spec_.process->console_size;
    if (!size && plan_.own_terminal) size = terminal_size(STDIN_FILENO);
    pty_ = Pty::open(size);
  }
  holder_ = spawn_container_holder(spec_, pty_.slave);
  state_.pid = holder_->pid();
  state_.holder_start_ticks = holder_->start_ticks();
  save();
  if (console_) {
    console_->send_master(pty_.master);
    pty_.master.reset();
  }
  write_pid_file();
}

void ContainerCreation::create_task(SignalWatch& signals) {
  auto passed = passed_stdio(pty_.slave.get(), plan_.preserve_fds);
  passed.push_back({ttrpc::slot_holder, holder_->control_fd()});
  const auto token = descriptors_->send(passed);
  close_preserved_fds(plan_.preserve_fds);
  pty_.slave.reset();

  nacre::task::v1::CreateOptions own;
  own.set_config_path(options_.config);
  own.set_state_dir(state_dir_);
  own.set_root(options_.root);
  own.set_systemd_cgroup(options_.systemd_cgroup);
  own.set_no_new_keyring(plan_.no_new_keyring);
  own.set_no_pivot(plan_.no_pivot);
  own.set_fd_token(token);
  own.set_end_with_connection(plan_.foreground);
  own.set_preserve_fds(static_cast<std::uint32_t>(plan_.preserve_fds));
  own.set_listen_fds(static_cast<std::uint32_t>(plan_.listen_fds));
  for (const auto& phase : clock_.phases()) {
    auto& time = *own.add_phases();
    time.set_name(phase.name);
    time.set_start_ns(phase.start_ns);
    time.set_end_ns(phase.end_ns);
  }

  ttrpc::task::CreateTaskRequest request;
  request.set_id(plan_.id);
  request.set_bundle(plan_.bundle);
  request.set_terminal(wants_terminal());
  request.set_stdin(ttrpc::descriptor_uri(token, ttrpc::slot_stdin));
  request.set_stdout(ttrpc::descriptor_uri(token, ttrpc::slot_stdout));
  if (!wants_terminal()) request.set_stderr(ttrpc::descriptor_uri(token, ttrpc::slot_stderr));
  ttrpc::pack_any(*request.mutable_options(), own);
  try {
    call_interruptibly(*task_, "Create", request.SerializeAsString(), signals);
  } catch (const ttrpc::ConnectionLost&) {
    const auto log = tail_of_log(state_dir_);
    throw Error(ErrorCode::unavailable, "create container", plan_.id)
        .because("the sandbox process ended" +
                 (log.empty() ? std::string() : ", its log ends with:\n" + log));
  }
}

void ContainerCreation::write_pid_file() {
  if (plan_.pid_file.empty()) return;
  oci::replace_file(plan_.pid_file, std::to_string(holder_->pid()), 0644, "write pid file");
  has_pid_file_ = true;
}

void ContainerCreation::save() const {
  oci::write_state(state_dir_, state_);
}

// The sandbox process undoes its part when it sees the connection close; a failed Create has done so already.
void ContainerCreation::end_sandbox() {
  task_.reset();
  descriptors_.reset();
  if (joins_ || sandbox_.pid == 0) return;
  if (wait_for_end(sandbox_, end_of_sandbox)) return;
  log_error("the sandbox process of \"" + plan_.id + "\" does not end, it is killed");
  kill_process(sandbox_);
}

void ContainerCreation::undo() noexcept {
  try {
    if (has_pid_file_) ::unlink(plan_.pid_file.c_str());
    pty_ = {};
    if (holder_) holder_->exit(137);
    holder_.reset();
    end_sandbox();
    // Idempotent, and nothing to do for one that has ended in order: what a killed one left is in its
    // journal.
    struct stat status {};
    if (has_folder_ && !joins_ && sandbox_.pid != 0 &&
        ::stat((state_dir_ + "/journal").c_str(), &status) == 0)
      clean_up_dead_sandbox(sandbox_plan());
    sockets_.reset();
    if (has_folder_) remove_state_folder(state_dir_);
  } catch (const std::exception& error) {
    log_error(std::string("undo: ") + error.what());
  }
}

} // namespace nacre::cli
