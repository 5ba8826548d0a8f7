#include "launch/spawner.hpp"

#include "launch/control_socket.hpp"
#include "launch/launch_error.hpp"
#include "launch/proto/plan.pb.h"

#include <charconv>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <exception>
#include <fcntl.h>
#include <future>
#include <mutex>
#include <sys/socket.h>
#include <thread>

namespace nacre::launch {

// Forks, and nothing else: what follows a fork is read by the thread that asked for it, so that a launch
// which hangs (in a mount, say) holds up nobody else.
class Spawner::ForkThread {
public:
  ForkThread() {
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before); // inherited: signals are for the other threads
    try {
      thread_ = std::thread([this] { run(); });
    } catch (...) {
      ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
      throw;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  ForkThread(const ForkThread&) = delete;
  ForkThread& operator=(const ForkThread&) = delete;
  ~ForkThread() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  pid_t fork_on_thread(std::packaged_task<pid_t()> task) {
    auto result = task.get_future();
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    wake_.notify_one();
    return result.get();
  }

private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::packaged_task<pid_t()>> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

struct Spawner::Launch {
  Process process;
  UniqueFd control;
  std::vector<UniqueFd> namespaces;
};

namespace {

std::string map_text(const google::protobuf::RepeatedPtrField<IdMap>& maps) {
  std::string text;
  for (const auto& map : maps)
    text += std::to_string(map.inside()) + " " + std::to_string(map.outside()) + " " +
            std::to_string(map.count()) + "\n";
  return text;
}

// The kernel takes a map in a single write.
void write_map(pid_t pid, const char* name, const google::protobuf::RepeatedPtrField<IdMap>& maps) {
  if (maps.empty()) return;
  const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  const std::string text = map_text(maps);
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) < 0)
    throw_errno("write user namespace map", path);
}

// The kernel's word for which process a pidfd names, in our pid namespace.
pid_t pid_behind(int pidfd) {
  const std::string path = "/proc/self/fdinfo/" + std::to_string(pidfd);
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[512];
  const ssize_t size = file ? ::read(file.get(), text, sizeof(text)) : -1;
  check_errno(size, "read", path);
  const std::string_view info(text, static_cast<std::size_t>(size));
  const auto at = info.find("\nPid:\t");
  pid_t pid = 0;
  if (at == std::string_view::npos ||
      std::from_chars(info.data() + at + 6, info.data() + info.size(), pid).ec != std::errc())
    throw Error(ErrorCode::internal, "read", path).because("no pid in it");
  return pid;
}

LaunchError died(const std::string& role, const ExitStatus& status) {
  Error error(ErrorCode::unavailable, "start " + role);
  error.because(status.signal
                    ? "nacre-launch was ended by signal " + std::to_string(status.signal)
                    : "nacre-launch ended with code " + std::to_string(status.code) + " and no reason");
  return LaunchError(std::move(error), role, "died");
}

} // namespace

Spawner::Spawner(std::string launch_path)
    : launch_path_(std::move(launch_path)), thread_(std::make_unique<ForkThread>()) {}

Spawner::~Spawner() = default;

Spawner::Launch Spawner::begin(const ProcessPlan& plan, std::vector<UniqueFd> fds) {
  auto [ours, theirs] = make_control_pair();
  send_orders(ours.get(), plan.SerializeAsString(), fds);
  const int socket = theirs.get();
  const pid_t pid = thread_->fork_on_thread(std::packaged_task<pid_t()>(
      [&] { return start_launch_program(launch_path_, "launch", {"nacre-launch"}, socket); }));
  // Not reaped by anybody but us, so the pid is still that child's.
  return Launch{Process(pid, open_pidfd(pid)), std::move(ours), {}};
}

void Spawner::follow(const ProcessPlan& plan, Launch& launch) {
  bool complete = false;
  for (;;) {
    auto packet = receive_packet(launch.control.get());
    if (!packet) break;
    LaunchReply reply;
    if (!reply.ParseFromString(packet->bytes))
      throw Error(ErrorCode::internal, "start " + plan.role())
          .because("nacre-launch gave an unreadable answer");
    switch (reply.kind()) {
    case LaunchReply::WANTS_ID_MAPS:
      write_map(launch.process.pid(), "uid_map", plan.uid_map());
      write_map(launch.process.pid(), "gid_map", plan.gid_map());
      send_orders(launch.control.get(), "1", {});
      break;
    case LaunchReply::SUPERVISED:
      if (packet->fds.size() == 1) launch.process.program_pidfd_ = std::move(packet->fds[0]);
      launch.process.pid_ = pid_behind(launch.process.pidfd());
      break;
    case LaunchReply::READY:
      complete = true;
      break;
    case LaunchReply::DONE:
      complete = true;
      launch.namespaces = std::move(packet->fds);
      break;
    default:
      throw to_error(plan.role(), reply);
    }
  }
  if (!complete) throw died(plan.role(), launch.process.wait());
}

Process Spawner::spawn(const ProcessPlan& plan, std::vector<UniqueFd> fds) {
  if (plan.argv_size() == 0)
    throw Error(ErrorCode::invalid_argument, "start " + plan.role()).because("the plan names no program");
  Launch launch = begin(plan, std::move(fds));
  follow(plan, launch);
  return std::move(launch.process);
}

std::vector<UniqueFd> Spawner::run(const ProcessPlan& plan, std::vector<UniqueFd> fds) {
  if (plan.argv_size() != 0)
    throw Error(ErrorCode::invalid_argument, "run " + plan.role())
        .because("the plan names a program to start");
  Launch launch = begin(plan, std::move(fds));
  follow(plan, launch);
  const ExitStatus status = launch.process.wait();
  if (status != ExitStatus{}) throw died(plan.role(), status);
  return std::move(launch.namespaces);
}

} // namespace nacre::launch
