#include "shim/sandbox_process.hpp"

#include "base/error.hpp"

#include <csignal>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

namespace nacre::shim {
namespace {

// After the end was decided: a call that never returns must not keep the process.
constexpr unsigned end_patience_s = 60;

sigset_t end_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

std::string bound_path(const UniqueFd& socket) {
  sockaddr_un address{};
  socklen_t length = sizeof(address);
  if (!socket || ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length) < 0) return {};
  return address.sun_path;
}

// The namespace's folder and the one above it, when they are empty.
void remove_containerd_root(const TaskServiceOptions& service) {
  if (service.door == Door::containerd && ::rmdir(service.root.c_str()) == 0)
    ::rmdir(service.root.substr(0, service.root.rfind('/')).c_str());
}

class RunningProcess {
public:
  explicit RunningProcess(SandboxProcessOptions options);
  void run();

private:
  void watch_signals();
  void start_grace();
  void check_idle();
  void finish();
  EventSink event_sink();

  SandboxProcessOptions options_;
  OwnedPath socket_, descriptor_socket_, state_dir_;
  ttrpc::EventLoop loop_;
  UniqueFd signals_, timer_;
  std::unique_ptr<Publisher> publisher_;
  DescriptorSocket descriptors_;
  std::unique_ptr<TaskService> service_;
  std::unique_ptr<ttrpc::Server> server_;
};

void warn(const std::string& line) {
  spdlog::warn("{}", line);
}

RunningProcess::RunningProcess(SandboxProcessOptions options)
    : options_(std::move(options)), socket_(bound_path(options_.listener)),
      descriptor_socket_(bound_path(options_.descriptor_listener)), state_dir_(options_.state_dir),
      descriptors_(loop_, warn) {
  options_.service.socket = socket_.path();
  if (!options_.events_address.empty()) {
    PublisherOptions publisher;
    publisher.address = options_.events_address;
    publisher.namespace_name = options_.service.namespace_name;
    publisher_ = std::make_unique<Publisher>(std::move(publisher), warn);
  }
  service_ = std::make_unique<TaskService>(
      options_.service, descriptors_, event_sink(), [this] { loop_.post([this] { check_idle(); }); },
      [this] { loop_.stop(); });
  server_ = std::make_unique<ttrpc::Server>(loop_, ttrpc::ServerLimits(), warn);
  for (const auto* name : {ttrpc::task_service_v2, ttrpc::task_service_v3})
    server_->add_service(name, [this](ttrpc::Request request, ttrpc::Responder responder) {
      service_->handle(std::move(request), std::move(responder));
    });
  server_->on_connection_closed([this](ttrpc::ConnectionId connection) {
    service_->connection_closed(connection);
    check_idle();
  });
}

EventSink RunningProcess::event_sink() {
  return [this](Event event) {
    spdlog::debug("event {}", event.topic);
    if (publisher_) publisher_->publish(std::move(event));
  };
}

void RunningProcess::watch_signals() {
  const auto signals = end_signals();
  signals_.reset(check_errno(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK), "take signals"));
  loop_.add(signals_.get(), EPOLLIN, [this](std::uint32_t) {
    signalfd_siginfo info;
    if (::read(signals_.get(), &info, sizeof(info)) != sizeof(info)) return;
    spdlog::info("ending on signal {} of process {}", info.ssi_signo, info.ssi_pid);
    loop_.stop();
  });
}

// Starts anew with each call.
void RunningProcess::start_grace() {
  if (!timer_) {
    timer_.reset(check_errno(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "make timer"));
    loop_.add(timer_.get(), EPOLLIN, [this](std::uint32_t) {
      std::uint64_t count;
      if (::read(timer_.get(), &count, sizeof(count)) < 0) return;
      if (!service_->empty() || server_->connection_count() > 0) return;
      spdlog::info("ending: no container and no caller");
      loop_.stop();
    });
  }
  itimerspec when{};
  when.it_value.tv_sec = options_.grace.count();
  check_errno(::timerfd_settime(timer_.get(), 0, &when, nullptr), "set timer");
}

void RunningProcess::check_idle() {
  if (!service_->empty() || server_->connection_count() > 0) return;
  // containerd comes back after a restart; a `nacre` that has gone does not.
  if (options_.service.door == Door::command_line)
    loop_.stop();
  else
    start_grace();
}

void RunningProcess::run() {
  watch_signals();
  start_grace();
  server_->listen(std::move(options_.listener));
  if (options_.descriptor_listener) descriptors_.listen(std::move(options_.descriptor_listener));
  loop_.run();
  finish();
}

void RunningProcess::finish() {
  ::alarm(end_patience_s);
  server_->stop_listening();
  socket_.unlink();
  descriptor_socket_.unlink();
  service_->shutdown();
  server_.reset(); // calls at work end with the sandbox
  if (publisher_) publisher_->finish();
  // Whoever was to create the container never did, or never got its answer: nobody else removes the folder.
  if (!service_->ever_created()) state_dir_.remove_tree();
  remove_containerd_root(options_.service);
}

} // namespace

void prepare_sandbox_process() {
  // Arenas for every thread would cost more memory than all of the process's own data.
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_TRIM_THRESHOLD, 128 << 10);
  ::signal(SIGPIPE, SIG_IGN);
  const auto signals = end_signals();
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  check_errno(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "become subreaper");
}

void run_sandbox_process(SandboxProcessOptions options) {
  RunningProcess(std::move(options)).run();
}

} // namespace nacre::shim
