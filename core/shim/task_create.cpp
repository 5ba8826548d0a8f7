// Task.Create: what is prepared before the sandbox is asked, and taken back when it fails.
#include "base/error.hpp"
#include "base/paths.hpp"
#include "base/process_identity.hpp"
#include "journal/journal.hpp"
#include "launch/holder.hpp"
#include "oci/container_id.hpp"
#include "oci/state.hpp"
#include "shim/rootfs_mounts.hpp"
#include "shim/task_options.hpp"
#include "shim/task_service.hpp"
#include "ttrpc/proto/events.pb.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

namespace nacre::shim {
namespace {

std::uint64_t monotonic_ns() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

// False: it exists. The last container of a namespace removes the folders above its own, which may be between
// any two steps here: then they are made again.
bool make_folder_in(const std::string& parent, const std::string& path) {
  for (int attempt = 1;; ++attempt) {
    std::error_code error;
    std::filesystem::create_directories(parent, error);
    const bool gone_again = error == std::errc::no_such_file_or_directory;
    if (error && !gone_again) throw Error::from_errno(error.value(), "make folder", parent);
    if (!error && ::mkdir(path.c_str(), 0700) == 0) return true;
    if (!error && errno == EEXIST) return false;
    if ((!gone_again && errno != ENOENT) || attempt == 100) throw_errno("make state folder", path);
  }
}

std::vector<RootfsMount> rootfs_mounts(const ttrpc::task::CreateTaskRequest& request) {
  std::vector<RootfsMount> mounts;
  for (const auto& mount : request.rootfs())
    mounts.push_back(
        {mount.type(), mount.source(), mount.target(), {mount.options().begin(), mount.options().end()}});
  return mounts;
}

Event create_event(const ttrpc::task::CreateTaskRequest& request, int pid) {
  containerd::events::TaskCreate event;
  event.set_container_id(request.id());
  event.set_bundle(request.bundle());
  *event.mutable_rootfs() = request.rootfs();
  event.mutable_io()->set_stdin(request.stdin());
  event.mutable_io()->set_stdout(request.stdout());
  event.mutable_io()->set_stderr(request.stderr());
  event.mutable_io()->set_terminal(request.terminal());
  event.set_checkpoint(request.checkpoint());
  event.set_pid(static_cast<std::uint32_t>(pid));
  return make_event("/tasks/create", event);
}

} // namespace

struct TaskService::Creation {
  const ttrpc::task::CreateTaskRequest& request;
  nacre::task::v1::CreateOptions options;
  DescriptorBundle bundle;
  OpenedStdio stdio;
  OwnedPath state_dir;
  std::string rootfs;                             // mounted by us
  std::optional<sandbox::RootDevice> root_device; // not mounted yet
  SandboxPointer sandbox;
};

ttrpc::task::CreateTaskResponse TaskService::create(const ttrpc::task::CreateTaskRequest& request,
                                                    ttrpc::ConnectionId connection) {
  oci::check_id(request.id());
  if (!request.checkpoint().empty())
    throw Error(ErrorCode::unimplemented, "create container from checkpoint", request.checkpoint())
        .because("not yet");
  Creation creation{request, read_create_options(request.options()), {}, {}, {}, {}, {}, {}};
  TaskRecord record;
  record.bundle = request.bundle();
  record.creator = connection;
  if (creation.options.end_with_connection()) record.ends_with = connection;
  tasks_.reserve(request.id(), std::move(record));

  const EventOrder::Key key{request.id(), ""};
  events_.hold(key);
  try {
    prepare_creation(creation);
    const int pid = create_in_sandbox(creation);
    events_.release(key, create_event(request, pid));
    ttrpc::task::CreateTaskResponse response;
    response.set_pid(static_cast<std::uint32_t>(pid));
    return response;
  } catch (...) {
    events_.release_failed(key, true);
    undo_creation(creation);
    changed_();
    throw;
  }
}

void TaskService::prepare_creation(Creation& creation) {
  const auto& request = creation.request;
  const StdioUris uris{request.stdin(), request.stdout(), request.stderr(), request.terminal()};
  creation.bundle = take_bundle(uris, creation.options.fd_token());
  creation.state_dir = creation.options.state_dir().empty() ? make_state_dir(request.id(), request.bundle())
                                                            : OwnedPath(creation.options.state_dir());
  if (request.rootfs_size() > 0) {
    creation.rootfs = request.bundle() + "/rootfs";
    auto mounts = rootfs_mounts(request);
    if (is_one_device(mounts))
      creation.root_device = {mounts[0].source, mounts[0].type, mounts[0].options,
                              [rootfs = creation.rootfs, mounts] { mount_rootfs(rootfs, mounts); }};
    else
      mount_rootfs(creation.rootfs, mounts);
  }
  tasks_.set_places(request.id(), creation.state_dir, creation.rootfs);
  creation.stdio = open_stdio(uris, creation.bundle, {request.id(), options_.namespace_name});
  creation.stdio.io.descriptors = take_descriptors(creation.bundle, creation.options.preserve_fds());
  ProcessRecord process;
  process.uris = uris;
  process.stdin_keeper = std::move(creation.stdio.stdin_keeper);
  process.output_keepers = std::move(creation.stdio.output_keepers);
  process.log_process = std::move(creation.stdio.log_process);
  tasks_.add_process(request.id(), "", std::move(process));
}

int TaskService::create_in_sandbox(Creation& creation) {
  const auto& id = creation.request.id();
  creation.sandbox = make_sandbox(creation);
  auto& timeline = creation.sandbox->timeline();
  sandbox::Phase last;
  for (const auto& phase : creation.options.phases()) {
    sandbox::Phase copy{phase.name(), id, phase.start_ns(), phase.end_ns()};
    if (phase.end_ns() != 0)
      timeline.add(std::move(copy));
    else
      last = std::move(copy);
  }

  sandbox::CreateRequest request;
  request.container_id = id;
  request.bundle = creation.request.bundle();
  request.state_dir = creation.state_dir.path();
  request.io = std::move(creation.stdio.io);
  request.root_device = std::move(creation.root_device);
  request.no_new_keyring = creation.options.no_new_keyring();
  request.no_pivot = creation.options.no_pivot();
  request.listen_fds = std::min(creation.options.listen_fds(), creation.options.preserve_fds());
  if (const auto control = creation.bundle.find(ttrpc::slot_holder); control != creation.bundle.end())
    request.holder = launch::Holder::adopt(std::move(control->second));
  creation.bundle.clear();

  const Error cancelled = Error(ErrorCode::aborted, "create container", id).because("its creator has gone");
  if (tasks_.cancelled(id)) throw cancelled;
  const int pid = creation.sandbox->create_container(std::move(request));
  if (!last.name.empty()) {
    last.end_ns = monotonic_ns();
    timeline.add(std::move(last));
  }
  ever_created_ = true;
  if (tasks_.finish_create(id)) return pid;
  end_container(id);
  throw cancelled;
}

// Descriptors of a failed call are closed by then; the sandbox has undone its own part before it threw.
void TaskService::undo_creation(Creation& creation) noexcept {
  const auto record = tasks_.take(creation.request.id());
  if (!creation.rootfs.empty()) {
    try {
      unmount_rootfs(creation.rootfs);
    } catch (const Error&) { // containerd unmounts what is left with the bundle
    }
  }
  // At the command line `nacre` removes the folder, or nobody can: then it goes with this process.
  if (options_.door == Door::containerd || (record && record->cancelled)) creation.state_dir.remove_tree();
  SandboxPointer unused; // the next container may bring another configuration
  const std::lock_guard lock(mutex_);
  // Under the lock: a create that has reserved its id since would take this sandbox.
  if (tasks_.empty()) unused.swap(sandbox_);
}

TaskService::SandboxPointer TaskService::make_sandbox(const Creation& creation) {
  const std::lock_guard lock(mutex_);
  if (ending_)
    throw Error(ErrorCode::unavailable, "create container", creation.request.id())
        .because("the sandbox ends");
  if (sandbox_) return sandbox_;
  sandbox::SandboxOptions options;
  options.namespace_name = options_.namespace_name;
  options.state_dir = creation.state_dir.path();
  options.config_file =
      creation.options.config_path().empty() ? options_.config_file : creation.options.config_path();
  options.systemd_cgroup = options_.systemd_cgroup || creation.options.systemd_cgroup();
  sandbox_ = std::make_shared<sandbox::Sandbox>(std::move(options), sandbox_events());
  sandbox_state_dir_ = creation.state_dir;
  return sandbox_;
}

DescriptorBundle TaskService::take_bundle(const StdioUris& uris, const std::string& token) {
  const auto named = stdio_token(uris);
  if (!named.empty() && !token.empty() && named != token)
    throw Error(ErrorCode::invalid_argument, "take the descriptors of token", token)
        .because("the stdio URIs name another one");
  const auto& wanted = token.empty() ? named : token;
  return wanted.empty() ? DescriptorBundle() : descriptors_.take(wanted);
}

// At containerd's door: <root>/<id>, with a state.json as `nacre create` writes it.
OwnedPath TaskService::make_state_dir(const std::string& id, const std::string& bundle) {
  const auto path = options_.root + "/" + id;
  if (!make_folder_in(options_.root, path)) {
    std::optional<oci::State> old;
    try {
      old = oci::read_state(path);
    } catch (const Error&) { // cut short while it was made: nobody's
    }
    if (old && ProcessIdentity{old->sandbox_pid, old->sandbox_start_ticks}.alive())
      throw Error(ErrorCode::already_exists, "make state folder", path)
          .because("process " + std::to_string(old->sandbox_pid) + " runs a container of this name");
    sandbox::clean_up_dead_sandbox(path);
    if (!make_folder_in(options_.root, path))
      throw Error(ErrorCode::already_exists, "make state folder", path)
          .because("another process has just made it");
  }
  OwnedPath made(path);
  oci::State state;
  state.id = id;
  state.bundle = bundle;
  state.rootfs = bundle + "/rootfs";
  state.created = oci::timestamp();
  state.version = paths::version;
  state.protocols.task = ttrpc::task_protocol_version;
  state.protocols.fd = ttrpc::descriptor_protocol_version;
  state.protocols.holder = launch::holder_protocol_version;
  state.protocols.journal = journal::format_version; // the agent's is known when the guest has answered
  state.sandbox_id = options_.sandbox_id;
  if (const auto self = ProcessIdentity::of(::getpid())) {
    state.sandbox_pid = self->pid;
    state.sandbox_start_ticks = self->start_ticks;
  }
  state.socket = options_.socket;
  try {
    oci::write_state(path, state);
  } catch (const Error&) {
    made.remove_tree();
    throw;
  }
  return made;
}

sandbox::SandboxEvents TaskService::sandbox_events() {
  sandbox::SandboxEvents events;
  events.exited = [this](const sandbox::ProcessState& state) {
    tasks_.drop_keepers(state.container_id, state.exec_id);
    if (state.exec_id.empty()) ooms_.ended(state.container_id);
    events_.exited({state.container_id, state.exec_id}, exit_event(state));
  };
  events.oom = [this](const std::string& id) {
    ooms_.happened(id);
    containerd::events::TaskOOM event;
    event.set_container_id(id);
    events_.tell(make_event("/tasks/oom", event));
  };
  events.sandbox_died = [](const std::string& reason) {
    spdlog::error("the virtual machine is gone: {}", reason);
  };
  events.log = [](sandbox::LogLevel level, const std::string& text) {
    constexpr std::array levels = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                   spdlog::level::err};
    spdlog::log(levels.at(static_cast<std::size_t>(level)), "{}", text);
  };
  events.debug_wanted = [] { spdlog::set_level(spdlog::level::debug); };
  return events;
}

} // namespace nacre::shim
