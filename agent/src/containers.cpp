#include "containers.hpp"

#include "create_hooks.hpp"
#include "device_nodes.hpp"
#include "error.hpp"
#include "file.hpp"
#include "folder_copy.hpp"
#include "process_list.hpp"
#include "stdio_pipes.hpp"

#include <csignal>
#include <fcntl.h>
#include <sys/stat.h>

namespace nacre::agent {

namespace {

constexpr unsigned kill_timeout_ms = 30'000;

void make_copied_file(const v1::CopiedFile& file) {
  if (!file.path().starts_with('/')) {
    throw Error(Code::invalid_argument, "file " + quoted(file.path()) + " is not an absolute path");
  }
  make_folders(parent_of(file.path()));
  make_file(file.path(), file.content(), file.mode());
  set_owner_and_mode(file.path(), file.uid(), file.gid(), file.mode());
}

// The container's process waits in open(2) of crun's FIFO; a byte in it is all that `crun start` does apart
// from hooks, and a start of crun costs a quarter of a second where the guest's CPU is emulated. False: there
// is none.
bool release_waiting_process(const std::string& id) {
  const auto path = Crun::state_folder(id) + "/exec.fifo";
  const UniqueFd fifo(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fifo || ::write(fifo.get(), "0", 1) != 1) return false;
  ::unlink(path.c_str());
  return true;
}

} // namespace

Containers::Containers(EventLoop& loop, EventLog& events, Reaper& reaper, Storages& storages,
                       ListenedSockets& sockets, Timeline& timeline,
                       const std::atomic<std::size_t>& stdio_window)
    : loop_(loop), events_(events), reaper_(reaper), storages_(storages), sockets_(sockets),
      timeline_(timeline), crun_(reaper), oom_watch_(loop, events), process_watch_(loop, events),
      stdio_window_(stdio_window) {}

std::shared_ptr<Container> Containers::find(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = containers_.find(id);
  if (found == containers_.end()) throw Error(Code::not_found, "container " + quoted(id) + " does not exist");
  return found->second;
}

std::shared_ptr<Container> Containers::add(const std::string& id) {
  check_name("container id", id);
  const std::lock_guard lock(mutex_);
  const auto [place, inserted] = containers_.try_emplace(id, nullptr);
  if (!inserted) throw Error(Code::already_exists, "container " + quoted(id) + " already exists");
  return place->second = std::make_shared<Container>(id);
}

void Containers::erase(const std::string& id) {
  const std::lock_guard lock(mutex_);
  containers_.erase(id);
}

pid_t Containers::create(const v1::CreateContainerRequest& request) {
  const auto container = add(request.container_id());
  const std::lock_guard lock(container->lifecycle);
  try {
    prepare(*container, request);
    return run_crun_create(*container, request);
  } catch (...) {
    release(*container);
    erase(container->id);
    throw;
  }
}

void Containers::prepare(Container& container, const v1::CreateContainerRequest& request) {
  const auto phase = timeline_.phase("mounts", container.id);
  for (const auto& storage : request.storages()) {
    storages_.mount(storage);
    container.mount_points.push_back(storage.mount_point());
  }
  for (const auto& file : request.files())
    make_copied_file(file);
  for (const auto& node : request.device_nodes())
    make_device_node(node);
  for (const auto& folder : request.folders()) {
    container.folders.insert(folder.path());
    update_folder_copy(folder);
  }
  for (const auto& socket : request.sockets()) {
    sockets_.listen(socket);
    container.sockets.push_back(socket.path());
  }
  make_folders(container.bundle());
  make_file(container.bundle() + "/config.json", request.spec(), 0600);
  if (request.has_create_hooks())
    make_file(create_hooks_file(container.bundle()), request.create_hooks().SerializeAsString(), 0600);
  // Not parsed: a spec without the word cannot have the member.
  container.has_start_hooks = request.spec().find("poststart") != std::string::npos;
}

pid_t Containers::run_crun_create(Container& container, const v1::CreateContainerRequest& request) {
  StdioPipes pipes({request.terminal(), request.has_stdin(), request.rows(), request.columns(),
                    descriptor_kinds(request.descriptors())});
  const auto process = add_process(container, "");
  const Reaper::Births births(reaper_);
  pid_t pid = 0;
  {
    const auto phase = timeline_.phase("crun-create", container.id);
    try {
      pid = crun_.create(container.id, container.bundle(),
                         {pipes.for_process(), pipes.console_socket(), pipes.descriptors_for_process()});
    } catch (const Error&) {
      // crun knows only that its one hook has failed.
      if (const auto words = try_read_file(create_hooks_failure_file(container.bundle())))
        throw Error(Code::failed_precondition, *words);
      throw;
    }
  }
  auto cgroup = Cgroup::of_process(pid);
  oom_watch_.add(container.id, cgroup);
  {
    const std::lock_guard lock(container.mutex);
    container.cgroup = std::move(cgroup);
  }
  follow(process, pid, pipes);
  return pid;
}

std::shared_ptr<Process> Containers::add_process(Container& container, const std::string& exec_id) {
  auto process =
      std::make_shared<Process>(container.id, exec_id, std::make_shared<ProcessStdio>(loop_, stdio_window_));
  const std::lock_guard lock(container.mutex);
  if (!container.processes.try_emplace(exec_id, process).second) {
    throw Error(Code::already_exists,
                "process " + quoted(exec_id) + " already exists in container " + quoted(container.id));
  }
  return process;
}

// From here on the reaper tells about the process's end, once its output has been read.
void Containers::follow(const std::shared_ptr<Process>& process, pid_t pid, StdioPipes& pipes) {
  process->stdio()->start(pipes.take_own_ends());
  process->set_pid(pid);
  reaper_.watch(pid, [this, process](std::uint32_t status) {
    process->set_ended();
    process->stdio()->process_ended([this, process, status] {
      oom_watch_.check(process->container_id());
      events_.add_exit(process->container_id(), process->exec_id(), status);
    });
  });
}

void Containers::start(const std::string& id) {
  const auto container = find(id);
  const std::lock_guard lock(container->lifecycle);
  if (container->process("")->ended()) {
    throw Error(Code::failed_precondition,
                "container " + quoted(id) + " cannot start: its process has ended");
  }
  const auto phase = timeline_.phase("crun-start", id);
  if (container->has_start_hooks || !release_waiting_process(id)) crun_.start(id);
}

void Containers::remove(const std::string& id, bool force) {
  const auto container = find(id);
  const std::lock_guard lock(container->lifecycle);
  const auto first = container->process("");
  if (!first->ended()) {
    if (!force) throw Error(Code::failed_precondition, "container " + quoted(id) + " is still running");
    container->own_cgroup().signal_all(SIGKILL);
    if (!first->wait_ended(kill_timeout_ms)) {
      throw Error(Code::unavailable, "container " + quoted(id) + " did not die of SIGKILL within 30 s");
    }
  }
  release(*container);
  erase(id);
}

// Undoes what create() did, as far as it got. Nothing here fails the call: there is nobody who could do it
// better.
void Containers::release(Container& container) {
  oom_watch_.remove(container.id);
  process_watch_.forget(container.id);
  struct stat info {};
  if (::stat(Crun::state_folder(container.id).c_str(), &info) == 0) {
    const auto phase = timeline_.phase("crun-delete", container.id);
    try {
      crun_.remove(container.id, true);
    } catch (const Error&) { // the storages below are released all the same
    }
  }
  {
    const std::lock_guard lock(container.mutex);
    for (const auto& [exec_id, process] : container.processes)
      process->stdio()->close();
  }
  for (const auto& path : container.sockets)
    sockets_.close(path);
  for (const auto& path : container.folders)
    remove_folder_copy(path);
  for (auto point = container.mount_points.rbegin(); point != container.mount_points.rend(); ++point) {
    storages_.unmount(*point);
  }
  remove_device_nodes(container.id);
  remove_flat_folder(container.bundle()); // config.json, pid files, the files of execs
}

void Containers::remove_all() {
  std::vector<std::string> ids;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, container] : containers_)
      ids.push_back(id);
  }
  for (const auto& id : ids) {
    try {
      remove(id, true);
    } catch (const Error&) { // gone meanwhile, or stuck: the VM ends anyway
    }
  }
}

void Containers::update(const std::string& id, const std::string& resources) {
  const auto container = find(id);
  const auto file = container->bundle() + "/resources." + std::to_string(++last_file_);
  make_file(file, resources, 0600);
  try {
    crun_.update(id, file);
  } catch (...) {
    ::unlink(file.c_str());
    throw;
  }
  ::unlink(file.c_str());
}

void Containers::update_folder(const v1::UpdateFolderRequest& request) {
  const auto container = find(request.container_id());
  const std::lock_guard lock(container->lifecycle);
  if (!container->folders.contains(request.folder().path())) {
    throw Error(Code::not_found, "folder " + quoted(request.folder().path()) + " does not exist");
  }
  update_folder_copy(request.folder());
}

void Containers::freeze(const std::string& id, bool frozen) {
  find(id)->own_cgroup().freeze(frozen);
}

pid_t Containers::exec(const v1::ExecProcessRequest& request) {
  check_name("exec id", request.exec_id());
  const auto container = find(request.container_id());
  if (container->process("")->ended()) {
    throw Error(Code::failed_precondition, "container " + quoted(container->id) + " is not running");
  }
  StdioPipes pipes({request.terminal(), request.has_stdin(), request.rows(), request.columns(),
                    descriptor_kinds(request.descriptors())});
  const auto process = add_process(*container, request.exec_id());
  const auto base = container->bundle() + "/exec." + std::to_string(++last_file_);
  const Reaper::Births births(reaper_);
  const auto phase = timeline_.phase("crun-exec", container->id);
  try {
    make_file(base + ".json", request.process(), 0600);
    const auto pid =
        crun_.exec(container->id, base + ".json", base + ".pid",
                   {pipes.for_process(), pipes.console_socket(), pipes.descriptors_for_process()});
    follow(process, pid, pipes);
    ::unlink((base + ".json").c_str());
    ::unlink((base + ".pid").c_str());
    return pid;
  } catch (...) {
    ::unlink((base + ".json").c_str());
    ::unlink((base + ".pid").c_str());
    const std::lock_guard lock(container->mutex);
    container->processes.erase(request.exec_id());
    throw;
  }
}

void Containers::remove_process(const std::string& id, const std::string& exec_id) {
  const auto container = find(id);
  const auto process = container->process(exec_id);
  if (exec_id.empty()) throw Error(Code::invalid_argument, "the first process is removed with its container");
  if (!process->ended()) {
    throw Error(Code::failed_precondition, "process " + quoted(exec_id) + " is still running");
  }
  process->stdio()->close();
  const std::lock_guard lock(container->mutex);
  container->processes.erase(exec_id);
}

void Containers::signal(const v1::SignalProcessRequest& request) {
  const auto container = find(request.container_id());
  if (request.guest_pid() != 0) {
    if (request.all() || !request.exec_id().empty())
      throw Error(Code::invalid_argument, "a signal by process number must name no exec, nor all processes");
    return signal_listed_process(container->own_cgroup(), static_cast<pid_t>(request.guest_pid()),
                                 request.start_time_ticks(), static_cast<int>(request.signal()));
  }
  const auto process = container->process(request.exec_id());
  if (!request.all()) {
    process->signal(static_cast<int>(request.signal()));
    return;
  }
  if (!request.exec_id().empty()) {
    throw Error(Code::invalid_argument, "a signal to all processes must not name an exec");
  }
  const auto cgroup = container->own_cgroup();
  if (cgroup.processes().empty()) {
    throw Error(Code::not_found, "container " + quoted(container->id) + " is not running");
  }
  cgroup.signal_all(static_cast<int>(request.signal()));
}

void Containers::resize(const v1::ResizePtyRequest& request) {
  find(request.container_id())
      ->process(request.exec_id())
      ->stdio()
      ->resize(request.rows(), request.columns());
}

std::shared_ptr<ProcessStdio> Containers::stdio(const std::string& id, const std::string& exec_id) {
  return find(id)->process(exec_id)->stdio();
}

std::map<std::string, std::string> Containers::counters(const std::string& id) {
  return find(id)->own_cgroup().counters();
}

void Containers::list_processes(const v1::ListProcessesRequest& request, v1::ListProcessesReply& reply) {
  constexpr int most_listed = 8192; // more would not fit into a message
  std::size_t argv_budget = 1 << 20;
  const auto container = find(request.container_id());
  std::map<pid_t, std::string> started;
  {
    const std::lock_guard lock(container->mutex);
    for (const auto& [exec_id, process] : container->processes) {
      if (!process->ended()) started[process->pid()] = exec_id;
    }
  }
  for (const auto pid : container->own_cgroup().processes()) {
    if (reply.processes_size() == most_listed) break;
    auto pidfd = ProcessWatch::open(pid);
    auto& process = *reply.add_processes();
    const auto known = started.find(pid);
    if (known != started.end()) {
      process.set_host_started(true);
      process.set_exec_id(known->second);
    }
    if (!describe_process(pid, process, argv_budget) ||
        (request.watch() && known == started.end() &&
         !process_watch_.follow(container->id, std::move(pidfd), pid, process.start_time_ticks())))
      reply.mutable_processes()->RemoveLast(); // ended meanwhile
  }
}

} // namespace nacre::agent
