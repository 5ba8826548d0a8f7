#include "test_host.hpp"

#include <csignal>
#include <dlfcn.h>
#include <exception>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>

namespace nacre::test {
namespace {

using sdk::check_errno;
using sdk::Fd;

// In the child, after fork: descriptors to their places, all else closed, then exec.
[[noreturn]] void become(const nacre_spawn& plan, const nacre_fds* fds, int output,
                         const std::string& filter) {
  const unsigned far = 1000; // above every target, so that no move overwrites a source
  for (std::uint32_t i = 0; fds && i < fds->count; ++i)
    ::dup2(fds->fds[i], static_cast<int>(far + i));
  ::dup2(output, 1);
  ::dup2(output, 2);
  ::dup2(::open("/dev/null", O_RDONLY), 0);
  for (std::uint32_t i = 0; fds && i < fds->count; ++i)
    ::dup2(static_cast<int>(far + i), static_cast<int>(plan.target_fds[i]));
  unsigned last = 2;
  for (std::uint32_t i = 0; fds && i < fds->count; ++i)
    last = std::max(last, plan.target_fds[i]);
  ::syscall(SYS_close_range, last + 1, ~0u, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setsid();
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::vector<char*> argv, env;
  for (std::uint32_t i = 0; i < plan.argv_count; ++i)
    argv.push_back(const_cast<char*>(plan.argv[i]));
  for (std::uint32_t i = 0; i < plan.env_count; ++i)
    env.push_back(const_cast<char*>(plan.env[i]));
  argv.push_back(nullptr);
  env.push_back(nullptr);
  if (!filter.empty()) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const sock_fprog program{static_cast<unsigned short>(filter.size() / sizeof(sock_filter)),
                             reinterpret_cast<sock_filter*>(const_cast<char*>(filter.data()))};
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) ::_exit(126);
  }
  ::execve(argv[0], argv.data(), env.data());
  ::_exit(127);
}

} // namespace

TestHost::TestHost() {
  raw_.struct_size = sizeof raw_;
  raw_.abi_minor = NACRE_ABI_MINOR;
  raw_.context = this;
  raw_.log = log_line;
  raw_.spawn = spawn;
  raw_.signal_process = signal_process;
  raw_.netns_socket = netns_socket;
  raw_.tap_open = tap_open;
  raw_.journal_add = journal_add;
  raw_.journal_done = journal_done;
}

TestHost::~TestHost() {
  for (auto& [pid, child] : children_) {
    if (child.reaped) continue;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
}

std::vector<std::string> TestHost::journal() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> records;
  for (const auto& [id, record] : journal_)
    records.push_back(record);
  return records;
}

std::vector<std::string> TestHost::log() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

int TestHost::reap(int pid) {
  Child& child = children_.at(pid);
  if (!child.reaped) check_errno(::waitpid(pid, &child.status, 0), "wait for a process");
  child.reaped = true;
  return child.status;
}

std::string TestHost::output_of(int pid) {
  reap(pid);
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = ::read(children_.at(pid).output.get(), buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  return text;
}

void TestHost::log_line(void* context, std::uint32_t, const char* text, std::uint64_t length) {
  const std::lock_guard lock(of(context).mutex_);
  of(context).log_.emplace_back(text, length);
}

std::int32_t TestHost::spawn(void* context, const nacre_call*, const nacre_spawn* plan, const nacre_fds* fds,
                             nacre_process* ret, nacre_error* error) {
  return sdk::guard(error, [&] {
    TestHost& host = of(context);
    const sdk::ReceivedFds owned(fds);
    int ends[2];
    check_errno(::pipe2(ends, O_CLOEXEC), "make a pipe");
    Fd reading(ends[0]), writing(ends[1]);
    host.last_argv_.assign(plan->argv, plan->argv + plan->argv_count);
    const int pid = check_errno(::fork(), "fork");
    if (pid == 0) become(*plan, fds, writing.get(), host.filter);
    Child child;
    child.pidfd = Fd(static_cast<int>(check_errno(::syscall(SYS_pidfd_open, pid, 0), "open a pidfd")));
    child.output = std::move(reading);
    ret->pid = pid;
    ret->pidfd = child.pidfd.get();
    host.children_.emplace(pid, std::move(child));
  });
}

std::int32_t TestHost::signal_process(void*, std::int32_t pid, std::int32_t signal, nacre_error* error) {
  return sdk::guard(error, [&] { check_errno(::kill(pid, signal), "send a signal"); });
}

std::int32_t TestHost::netns_socket(void*, std::int32_t netns, std::int32_t domain, std::int32_t type,
                                    std::int32_t protocol, std::int32_t* ret, nacre_error* error) {
  return sdk::guard(error, [&] {
    in_netns(netns,
             [&] { *ret = check_errno(::socket(domain, type | SOCK_CLOEXEC, protocol), "make a socket"); });
  });
}

std::int32_t TestHost::tap_open(void*, std::int32_t netns, const char* name, std::uint32_t flags,
                                std::uint32_t queues, std::int32_t* ret, nacre_error* error) {
  return sdk::guard(error, [&] {
    in_netns(netns, [&] {
      for (std::uint32_t i = 0; i < queues; ++i) {
        Fd tap(check_errno(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), "open /dev/net/tun"));
        ifreq request{};
        std::snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
        request.ifr_flags = static_cast<short>(flags);
        check_errno(::ioctl(tap.get(), TUNSETIFF, &request), "make a tap");
        ret[i] = tap.release();
      }
    });
  });
}

std::int32_t TestHost::journal_add(void* context, const void* record, std::uint64_t length, std::uint64_t* id,
                                   nacre_error*) {
  TestHost& host = of(context);
  const std::lock_guard lock(host.mutex_);
  *id = host.next_record_++;
  host.journal_[*id] = std::string(static_cast<const char*>(record), length);
  return 0;
}

std::int32_t TestHost::journal_done(void* context, std::uint64_t id, nacre_error*) {
  const std::lock_guard lock(of(context).mutex_);
  of(context).journal_.erase(id);
  return 0;
}

void in_netns(int netns_fd, const std::function<void()>& body) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      check_errno(::setns(netns_fd, CLONE_NEWNET), "enter a network namespace");
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

const nacre_plugin_descriptor& load_plugin(const std::string& kind, const std::string& name) {
  const std::string path = std::string(NACRE_TEST_PLUGIN_DIR) + "/" + kind + "/" + name + ".so";
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(::dlerror());
  const auto* descriptor =
      static_cast<const nacre_plugin_descriptor*>(::dlsym(library, NACRE_PLUGIN_SYMBOL_NAME));
  if (descriptor == nullptr) throw std::runtime_error(path + " exports no plugin");
  return *descriptor;
}

} // namespace nacre::test
