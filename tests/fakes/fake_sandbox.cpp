// The Sandbox class without a virtual machine, for tests of what stands above it: a container's process runs
// on the host, in its rootfs when there is one. Annotations of the bundle steer it:
//   fake.create = "fail"    create_container throws
//   fake.create = "block"   create_container blocks until shutdown() is called
#include "sandbox/sandbox.hpp"

#include "base/error.hpp"
#include "oci/state.hpp"

#include <boost/json.hpp>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

namespace json = boost::json;

struct FakeProcess {
  ProcessState state;
  ProcessIo io;
  json::object document; // the OCI process object
  std::string rootfs;
  std::unique_ptr<launch::Holder> holder;
  UniqueFd go;           // a created process waits for its end
  pid_t real_pid = 0;    // the holder's pid is what callers see
  std::string state_dir; // of a container whose state.json is kept; else empty
  std::vector<std::function<void(const ProcessState&)>> waiting;
};

std::vector<std::string> strings(const json::object& object, const char* key) {
  std::vector<std::string> values;
  if (const auto* list = object.if_contains(key); list && list->is_array())
    for (const auto& value : list->as_array())
      values.emplace_back(value.as_string());
  return values;
}

void note(const FakeProcess& process, oci::Status status) {
  // The test that plays `nacre create` itself writes no state.json.
  if (process.state_dir.empty() || !std::filesystem::exists(process.state_dir + "/state.json")) return;
  auto state = oci::read_state(process.state_dir);
  state.status = status;
  oci::write_state(process.state_dir, state);
}

std::vector<char*> pointers(std::vector<std::string>& values) {
  std::vector<char*> out;
  for (auto& value : values)
    out.push_back(value.data());
  out.push_back(nullptr);
  return out;
}

[[noreturn]] void become(const FakeProcess& process, int go, std::vector<std::string> args,
                         std::vector<std::string> env, const std::string& cwd) {
  const auto argv = pointers(args), envp = pointers(env);
  ::setsid();
  const int null = ::open("/dev/null", O_RDWR);
  const int sources[]{process.io.in.get(), process.io.out.get(), process.io.err.get()};
  for (int i = 0; i < 3; ++i)
    ::dup2(sources[i] >= 0 ? sources[i] : null, i);
  ::dup2(go, 3);
  ::close_range(4, ~0u, 0);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  char byte;
  if (::read(3, &byte, 1) < 0) ::_exit(126);
  ::close(3);
  if (!process.rootfs.empty() && (::chroot(process.rootfs.c_str()) < 0 || ::chdir("/") < 0)) ::_exit(126);
  if (::chdir(cwd.c_str()) < 0) ::_exit(126);
  ::execvpe(argv[0], argv.data(), envp.data());
  ::_exit(127);
}

} // namespace

struct Sandbox::Impl {
  SandboxEvents events;
  Timeline timeline;
  mutable std::mutex mutex;
  std::mutex telling; // callbacks one after the other
  std::condition_variable changed;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<FakeProcess>> processes;
  std::vector<std::thread> threads;
  bool down = false;

  std::shared_ptr<FakeProcess> find(const std::string& id, const std::string& exec_id) const {
    const auto found = processes.find({id, exec_id});
    if (found == processes.end()) throw Error(ErrorCode::not_found, "find process", id + "/" + exec_id);
    return found->second;
  }
  int spawn(const std::shared_ptr<FakeProcess>& process);
  void ended(const std::shared_ptr<FakeProcess>& process, int status);
};

int Sandbox::Impl::spawn(const std::shared_ptr<FakeProcess>& process) {
  int go[2];
  check_errno(::pipe2(go, O_CLOEXEC), "make pipe");
  const UniqueFd waits(go[0]);
  process->go.reset(go[1]);
  auto args = strings(process->document, "args");
  auto env = strings(process->document, "env");
  const auto* cwd = process->document.if_contains("cwd");
  const std::string folder = cwd && !process->rootfs.empty() ? std::string(cwd->as_string()) : "/";
  const pid_t pid = check_errno(::fork(), "fork");
  if (pid == 0) become(*process, waits.get(), std::move(args), std::move(env), folder);
  process->io = {};
  process->real_pid = pid;
  process->state.pid = process->holder ? process->holder->pid() : pid;
  threads.emplace_back([this, process, pid] {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    ended(process, status);
  });
  return process->state.pid;
}

void Sandbox::Impl::ended(const std::shared_ptr<FakeProcess>& process, int status) {
  const std::lock_guard one_at_a_time(telling);
  std::vector<std::function<void(const ProcessState&)>> waiting;
  ProcessState state;
  {
    const std::lock_guard lock(mutex);
    process->state.status = ProcessStatus::stopped;
    try {
      note(*process, oci::Status::stopped);
    } catch (const Error&) { // the folder has gone with its creator
    }
    process->state.exit_status =
        static_cast<std::uint32_t>(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    process->state.exited_at = std::chrono::system_clock::now();
    if (process->holder) process->holder->exit(static_cast<int>(process->state.exit_status));
    waiting.swap(process->waiting);
    state = process->state;
    changed.notify_all();
  }
  if (events.exited) events.exited(state);
  for (const auto& callback : waiting)
    callback(state);
}

Sandbox::Sandbox(SandboxOptions, SandboxEvents events) : impl_(std::make_unique<Impl>()) {
  impl_->events = std::move(events);
}

Sandbox::~Sandbox() {
  shutdown();
}

int Sandbox::create_container(CreateRequest request) {
  std::ifstream file(request.bundle + "/config.json");
  std::ostringstream text;
  text << file.rdbuf();
  const auto config = json::parse(text.str()).as_object();
  std::string steering;
  if (const auto* annotations = config.if_contains("annotations"))
    if (const auto* value = annotations->as_object().if_contains("fake.create"))
      steering = value->as_string().c_str();
  std::unique_lock lock(impl_->mutex);
  if (impl_->down) throw Error(ErrorCode::unavailable, "create container", request.container_id);
  if (steering == "fail")
    throw Error(ErrorCode::failed_precondition, "create container").because("told to fail");
  if (steering == "block") {
    impl_->changed.wait(lock, [this] { return impl_->down; });
    throw Error(ErrorCode::aborted, "create container").because("shut down");
  }
  auto process = std::make_shared<FakeProcess>();
  process->state.container_id = request.container_id;
  process->state.bundle = request.bundle;
  process->io = std::move(request.io);
  process->holder = std::move(request.holder);
  process->document = config.at("process").as_object();
  if (const auto* root = config.if_contains("root")) {
    const auto path =
        std::filesystem::path(request.bundle) / root->as_object().at("path").as_string().c_str();
    if (std::filesystem::exists(path / "bin")) process->rootfs = path;
  }
  impl_->processes[{request.container_id, ""}] = process;
  const int pid = impl_->spawn(process);
  process->state_dir = request.state_dir;
  note(*process, oci::Status::created);
  return pid;
}

int Sandbox::start_container(const std::string& container_id) {
  return start_exec(container_id, "");
}

void Sandbox::add_exec(ExecRequest request) {
  const std::lock_guard lock(impl_->mutex);
  auto process = std::make_shared<FakeProcess>();
  process->rootfs = impl_->find(request.container_id, "")->rootfs;
  process->state.container_id = request.container_id;
  process->state.exec_id = request.exec_id;
  process->io = std::move(request.io);
  process->holder = std::move(request.holder);
  process->document = json::parse(request.process_json).as_object();
  impl_->processes[{request.container_id, request.exec_id}] = process;
}

int Sandbox::start_exec(const std::string& container_id, const std::string& exec_id) {
  const std::lock_guard lock(impl_->mutex);
  const auto process = impl_->find(container_id, exec_id);
  if (process->state.status != ProcessStatus::created)
    throw Error(ErrorCode::failed_precondition, "start container", container_id)
        .because("it has been started");
  if (process->state.pid == 0) impl_->spawn(process);
  process->state.status = ProcessStatus::running;
  note(*process, oci::Status::running);
  process->go.reset();
  return process->state.pid;
}

void Sandbox::kill(const std::string& container_id, const std::string& exec_id, int signal, bool) {
  const std::lock_guard lock(impl_->mutex);
  const auto process = impl_->find(container_id, exec_id);
  if (process->state.status == ProcessStatus::stopped)
    throw Error(ErrorCode::failed_precondition, "kill container", container_id)
        .because("container not running");
  ::kill(process->real_pid, signal);
}

void Sandbox::resize_pty(const std::string&, const std::string&, int, int) {}
void Sandbox::close_stdin(const std::string&, const std::string&) {}

ProcessState Sandbox::state(const std::string& container_id, const std::string& exec_id) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->find(container_id, exec_id)->state;
}

std::vector<HostPid> Sandbox::pids(const std::string& container_id) {
  const std::lock_guard lock(impl_->mutex);
  std::vector<HostPid> pids;
  for (const auto& [key, process] : impl_->processes)
    if (key.first == container_id && process->state.pid != 0 &&
        process->state.status != ProcessStatus::stopped)
      pids.push_back({process->state.pid, key.second});
  return pids;
}

VolumeStats Sandbox::volume_stats(const std::string&, const std::string& path) {
  throw Error(ErrorCode::unimplemented, "show how full the direct volume is", path)
      .because("the fake has no guest");
}

void Sandbox::grow_volume(const std::string&, const std::string& path, std::uint64_t) {
  throw Error(ErrorCode::unimplemented, "grow the volume", path).because("the fake has no guest");
}

ContainerStats Sandbox::stats(const std::string& container_id) {
  const std::lock_guard lock(impl_->mutex);
  impl_->find(container_id, "");
  return {{{"pids.current", "1\n"}}, {}};
}

void Sandbox::on_exit(const std::string& container_id, const std::string& exec_id,
                      std::function<void(const ProcessState&)> callback) {
  std::unique_lock lock(impl_->mutex);
  const auto process = impl_->find(container_id, exec_id);
  if (process->state.status != ProcessStatus::stopped) {
    process->waiting.push_back(std::move(callback));
    return;
  }
  const auto state = process->state;
  lock.unlock();
  callback(state);
}

ProcessState Sandbox::delete_process(const std::string& container_id, const std::string& exec_id) {
  const std::lock_guard lock(impl_->mutex);
  const auto process = impl_->find(container_id, exec_id);
  if (process->state.status != ProcessStatus::stopped && process->state.pid != 0)
    throw Error(ErrorCode::failed_precondition, "delete container", container_id).because("it is running");
  impl_->processes.erase({container_id, exec_id});
  return process->state;
}

void Sandbox::open_debug_console(const std::string&, UniqueFd, std::uint32_t, std::uint32_t,
                                 std::function<void(const std::optional<Error>&)>) {
  throw Error(ErrorCode::unimplemented, "open the debug console").because("the fake has no guest");
}

void Sandbox::pause(const std::string& container_id) {
  const std::lock_guard lock(impl_->mutex);
  impl_->find(container_id, "")->state.status = ProcessStatus::paused;
}

void Sandbox::resume(const std::string& container_id) {
  const std::lock_guard lock(impl_->mutex);
  impl_->find(container_id, "")->state.status = ProcessStatus::running;
}

void Sandbox::update(const std::string& container_id, const std::string& resources_json) {
  const std::lock_guard lock(impl_->mutex);
  impl_->find(container_id, "");
  json::parse(resources_json);
}

void Sandbox::checkpoint(const std::string&) {
  throw Error(ErrorCode::unimplemented, "checkpoint container").because("the fake cannot");
}

bool Sandbox::empty() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->processes.empty();
}

void Sandbox::shutdown() noexcept {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->down = true;
    for (const auto& [key, process] : impl_->processes)
      if (process->state.pid != 0 && process->state.status != ProcessStatus::stopped)
        ::kill(process->real_pid, SIGKILL);
    impl_->changed.notify_all();
    threads.swap(impl_->threads);
  }
  for (auto& thread : threads)
    thread.join();
}

Timeline& Sandbox::timeline() {
  return impl_->timeline;
}

void clean_up_dead_sandbox(const std::string& state_dir) {
  std::filesystem::remove_all(state_dir);
}

Timeline::Scope Timeline::phase(std::string name, std::string object) {
  const std::lock_guard lock(mutex_);
  phases_.push_back({std::move(name), std::move(object), 0, 0});
  return {*this, phases_.size() - 1};
}

void Timeline::add(Phase finished) {
  const std::lock_guard lock(mutex_);
  phases_.push_back(std::move(finished));
}

void Timeline::end(std::size_t) {}

} // namespace nacre::sandbox
