#include "catch.hpp"
#include "launch/holder.hpp"
#include "launch_support.hpp"

#include <csignal>
#include <iostream>
#include <pty.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>

using namespace nacre;
using namespace nacre::launch;
using namespace nacre::launch::test;

namespace {

struct Heard {
  std::vector<int> signals;
  std::vector<std::pair<int, int>> sizes;
  int hangups = 0;
  int deaths = 0;
};

Holder::Callbacks listen(Heard& heard) {
  return {[&](int number) { heard.signals.push_back(number); },
          [&](std::uint16_t rows, std::uint16_t columns) { heard.sizes.emplace_back(rows, columns); },
          [&] { ++heard.hangups; }, [&] { ++heard.deaths; }};
}

std::unique_ptr<Holder> start_holder(const HolderPlan& plan = {},
                                     std::vector<std::string> argv = {"/bin/guest"},
                                     std::vector<UniqueFd> fds = {}) {
  return Holder::spawn(plan, argv, std::move(fds), program);
}

// Handles messages until `done` or five seconds of silence.
template <typename Done> bool handle_until(Holder& holder, Done done) {
  while (!done()) {
    if (holder.fd() < 0 || !readable_within(holder.fd(), 5000)) return false;
    holder.handle_readable();
  }
  return true;
}

// A holder as `nacre create` leaves it: its parent waits here, its control is ours.
struct ForeignHolder {
  UniqueFd control;
  pid_t pid = 0;

  ForeignHolder() : ForeignHolder(HolderPlan{}) {}
  explicit ForeignHolder(const HolderPlan& plan) {
    auto holder = start_holder(plan);
    pid = holder->pid();
    control = holder->release_control();
  }
  int wait_code() {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
};

LaunchError failure_of(const HolderPlan& plan) {
  try {
    start_holder(plan);
  } catch (const LaunchError& error) {
    return error;
  }
  FAIL("the plan was carried out");
  std::abort();
}

struct Terminal {
  UniqueFd master, slave;
  Terminal() {
    int ends[2];
    check_errno(::openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr), "openpty");
    master.reset(ends[0]);
    slave.reset(ends[1]);
    for (const int fd : ends)
      ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
};

} // namespace

TEST_CASE("a holder ends with exactly the code that it is told") {
  for (const int code : {0, 1, 42, 137, 255}) {
    ForeignHolder foreign;
    const auto holder = Holder::adopt(std::move(foreign.control));
    holder->exit(code);
    CHECK(foreign.wait_code() == code);
  }
}

TEST_CASE("a holder ends with 137 when its owner is gone") {
  ForeignHolder foreign;
  foreign.control.reset();
  CHECK(foreign.wait_code() == 137);
}

TEST_CASE("a stopped holder ends when it is told to") {
  ForeignHolder foreign;
  const auto holder = Holder::adopt(std::move(foreign.control));
  ::kill(foreign.pid, SIGSTOP);
  int status;
  ::waitpid(foreign.pid, &status, WUNTRACED);
  holder->exit(3);
  CHECK(foreign.wait_code() == 3);
}

TEST_CASE("every catchable signal is forwarded, and none ends the holder") {
  const auto holder = start_holder();
  Heard heard;
  holder->start(listen(heard));
  std::vector<int> sent;
  for (int number = 1; number <= 64; ++number) {
    if (number == SIGKILL || number == SIGSTOP || number == SIGCHLD) continue;
    // SIGCONT takes back pending stop signals, and they it: one at a time.
    REQUIRE(::syscall(SYS_kill, holder->pid(), number) == 0);
    sent.push_back(number);
    REQUIRE(handle_until(*holder, [&] { return heard.signals.size() == sent.size(); }));
  }
  CHECK(heard.signals == sent);
  CHECK(heard.deaths == 0);
}

TEST_CASE("what a holder said before its owner listened is not lost") {
  ForeignHolder foreign;
  ::kill(foreign.pid, SIGTERM);
  ::kill(foreign.pid, SIGUSR1);
  const auto holder = Holder::adopt(std::move(foreign.control));
  Heard heard;
  holder->start(listen(heard));
  CHECK(handle_until(*holder, [&] { return heard.signals.size() == 2; }));
  CHECK(std::set<int>(heard.signals.begin(), heard.signals.end()) == std::set<int>{SIGTERM, SIGUSR1});
  holder->exit(0);
  foreign.wait_code();
}

TEST_CASE("a killed holder is told once as dead and is reaped") {
  const auto holder = start_holder();
  Heard heard;
  holder->start(listen(heard));
  ::kill(holder->pid(), SIGKILL);
  CHECK(handle_until(*holder, [&] { return heard.deaths == 1; }));
  CHECK(holder->fd() == -1);
  CHECK(::kill(holder->pid(), 0) == -1);
  holder->exit(0); // nothing happens
}

TEST_CASE("the adopted pid is the kernel's word") {
  ForeignHolder foreign;
  const auto holder = Holder::adopt(std::move(foreign.control));
  CHECK(holder->pid() == foreign.pid);
  CHECK(holder->start_ticks() == ProcessIdentity::of(foreign.pid)->start_ticks);
  holder->exit(0);
  foreign.wait_code();

  ForeignHolder dead;
  ::kill(dead.pid, SIGKILL);
  dead.wait_code();
  CHECK_THROWS_AS(Holder::adopt(std::move(dead.control)), Error);
}

TEST_CASE("ps shows the guest process's arguments and name, and the holder holds nothing else") {
  const int leaked = ::open("/etc/passwd", O_RDONLY);
  const auto holder = start_holder({}, {"/usr/bin/nginx-of-a-very-long-name", "-g", "daemon off;", ""});
  ::close(leaked);
  const std::string proc = "/proc/" + std::to_string(holder->pid());
  CHECK(read_file(proc + "/cmdline") ==
        std::string("/usr/bin/nginx-of-a-very-long-name\0-g\0daemon off;\0\0", 51));
  CHECK(read_file(proc + "/comm") == "nginx-of-a-very\n");
  CHECK(open_descriptors(holder->pid()).size() == 2);
  CHECK(link_of(holder->pid(), "fd/3").starts_with("socket:"));
  CHECK(link_of(holder->pid(), "fd/4") == "anon_inode:[signalfd]");
  CHECK(link_of(holder->pid(), "cwd") == "/");
  CHECK(::getsid(holder->pid()) == holder->pid());
}

TEST_CASE("a holder is small") {
  const auto holder = start_holder();
  std::istringstream lines(read_file("/proc/" + std::to_string(holder->pid()) + "/smaps_rollup"));
  long pss = 0, own = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Pss:")) pss = std::stol(line.substr(4));
    if (line.starts_with("Anonymous:"))
      own = std::stol(line.substr(10)); // of the program all pages are shared
  }
  std::cout << "holder: " << pss << " KiB proportional set size, " << own << " KiB of it its own\n";
  CHECK(pss > 0);
  CHECK(pss < 1024);
  CHECK(own < 128);
}

TEST_CASE("a holder lives in the namespaces of its plan") {
  HolderPlan plan;
  plan.set_new_netns(true);
  plan.set_new_ipc(true);
  plan.set_hostname("inside");
  const auto first = start_holder(plan);
  for (const char* name : {"ns/net", "ns/ipc", "ns/uts"})
    CHECK(link_of(first->pid(), name) != link_of(::getpid(), name));
  CHECK(link_of(first->pid(), "ns/mnt") == link_of(::getpid(), "ns/mnt"));

  HolderPlan joined;
  joined.set_netns_path("/proc/" + std::to_string(first->pid()) + "/ns/net");
  joined.add_enter_namespaces(0);
  std::vector<UniqueFd> fds;
  fds.emplace_back(
      ::open(("/proc/" + std::to_string(first->pid()) + "/ns/ipc").c_str(), O_RDONLY | O_CLOEXEC));
  const auto second = start_holder(joined, {"sh"}, std::move(fds));
  CHECK(link_of(second->pid(), "ns/net") == link_of(first->pid(), "ns/net"));
  CHECK(link_of(second->pid(), "ns/ipc") == link_of(first->pid(), "ns/ipc"));
  CHECK(open_descriptors(second->pid()).size() == 2);
}

TEST_CASE("a holder that cannot do its plan says why") {
  HolderPlan netns;
  netns.set_netns_path("/run/netns/nacre-unit-missing");
  CHECK(failure_of(netns).step() == "network-namespace");
  CHECK(failure_of(netns).error_number() == ENOENT);
  CHECK(failure_of(netns).object() == "/run/netns/nacre-unit-missing");

  HolderPlan cgroup;
  cgroup.add_cgroup_procs("/sys/fs/cgroup/nacre-unit-missing/cgroup.procs");
  CHECK(failure_of(cgroup).step() == "cgroup");

  HolderPlan name;
  name.set_hostname(std::string(65, 'x'));
  CHECK(failure_of(name).step() == "hostname");

  HolderPlan terminal;
  terminal.set_uses_terminal(1);
  CHECK(failure_of(terminal).step() == "terminal");

  CHECK_THROWS_AS(start_holder({}, {}), Error);
}

TEST_CASE("a terminal's size and hang-up are told, and signals of processes are not mistaken for them") {
  Terminal terminal;
  HolderPlan plan;
  plan.set_uses_terminal(1);
  std::vector<UniqueFd> fds;
  fds.push_back(terminal.slave.duplicate());
  const auto holder = start_holder(plan, {"/bin/sh"}, std::move(fds));
  Heard heard;
  holder->start(listen(heard));
  CHECK(open_descriptors(holder->pid()).size() == 2); // not the slave: the engine waits for its end

  const winsize size{40, 132, 0, 0};
  REQUIRE(::ioctl(terminal.master.get(), TIOCSWINSZ, &size) == 0);
  CHECK(handle_until(*holder, [&] { return heard.sizes.size() == 1; }));
  CHECK(heard.sizes == std::vector<std::pair<int, int>>{{40, 132}});

  ::kill(holder->pid(), SIGWINCH); // `docker stop` of httpd
  CHECK(handle_until(*holder, [&] { return heard.signals.size() == 1; }));
  ::kill(holder->pid(), SIGHUP);
  CHECK(handle_until(*holder, [&] { return heard.signals.size() == 2; }));
  CHECK(heard.signals == std::vector<int>{SIGWINCH, SIGHUP});
  CHECK(heard.hangups == 0);

  terminal.master.reset();
  CHECK(handle_until(*holder, [&] { return heard.hangups == 1; }));
  CHECK(heard.deaths == 0);
  CHECK(heard.signals.size() == 2);
}

TEST_CASE("the end of a holder hangs up nobody's terminal: output that waits is not lost") {
  Terminal terminal;
  HolderPlan plan;
  plan.set_uses_terminal(1);
  std::vector<UniqueFd> fds;
  fds.push_back(terminal.slave.duplicate());
  const auto holder = start_holder(plan, {"/bin/sh"}, std::move(fds));
  REQUIRE(::write(terminal.slave.get(), "last words", 10) == 10);
  terminal.slave.reset();
  holder->exit(0);
  char words[32];
  CHECK(::read(terminal.master.get(), words, sizeof(words)) == 10);
  CHECK(::read(terminal.master.get(), words, sizeof(words)) == -1);
  CHECK(errno == EIO);
}
