#include "catch.hpp"
#include "launch_support.hpp"

#include <csignal>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <thread>

using namespace nacre;
using namespace nacre::launch;
using namespace nacre::launch::test;

namespace {

// The failure that this plan ends in.
LaunchError failure_of(const ProcessPlan& plan, std::vector<UniqueFd> fds = {}) {
  Spawner spawner(program);
  try {
    spawner.spawn(plan, std::move(fds));
  } catch (const LaunchError& error) {
    return error;
  }
  FAIL("the plan was carried out");
  std::abort();
}

MountStep& add_mount(ProcessPlan& plan, MountStep::Kind kind, const std::string& source,
                     const std::string& target) {
  MountStep& step = *plan.add_mounts();
  step.set_kind(kind);
  step.set_source(source);
  step.set_target(target);
  return step;
}

// Allows everything but one system call, which fails with `error`.
std::string filter_denying(int call, int error) {
  const sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  return {reinterpret_cast<const char*>(filter), sizeof(filter)};
}

// Whether a process of this plan ends when a sandbox process that spawned it is killed.
bool dies_with_its_spawner(const ProcessPlan& plan) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  auto [pids_read, pids_write] = make_pipe();
  const pid_t sandbox = ::fork();
  if (sandbox == 0) {
    Spawner spawner(program);
    auto echo = start_echo(spawner, plan);
    const pid_t pid = echo.process.pid();
    if (::write(pids_write.get(), &pid, sizeof(pid)) < 0) _exit(1);
    for (;;)
      ::pause();
  }
  pids_write.reset();
  pid_t pid = 0;
  if (::read(pids_read.get(), &pid, sizeof(pid)) != sizeof(pid)) throw Error(ErrorCode::internal, "spawn");
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const bool lived = !readable_within(pidfd.get(), 0);
  ::kill(sandbox, SIGKILL);
  const bool died = readable_within(pidfd.get(), 5000);
  if (!died) ::kill(pid, SIGKILL);
  while (::waitpid(-1, nullptr, 0) > 0) { // all of them, as the subreaper
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  return lived && died;
}

// A fresh cgroup of whatever hierarchy can be written here.
class TestCgroup {
public:
  TestCgroup() {
    for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids"}) {
      path_ = std::string(root) + "/nacre-unit-" + std::to_string(::getpid());
      if (std::filesystem::exists(std::string(root) + "/cgroup.procs") && ::mkdir(path_.c_str(), 0755) == 0)
        return;
    }
    path_.clear();
  }
  TestCgroup(const TestCgroup&) = delete;
  TestCgroup& operator=(const TestCgroup&) = delete;
  ~TestCgroup() {
    if (!path_.empty()) ::rmdir(path_.c_str());
  }
  const std::string& path() const { return path_; }

private:
  std::string path_;
};

} // namespace

TEST_CASE("a spawned process inherits nothing of the spawning process") {
  const int leaked = ::open("/etc/passwd", O_RDONLY); // not close-on-exec, as a careless library would
  ::setenv("NACRE_UNIT_SECRET", "1", 1);
  sigset_t usr1;
  ::sigemptyset(&usr1);
  ::sigaddset(&usr1, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

  {
    Spawner spawner(program);
    auto plan = plan_for({"/bin/cat"});
    plan.add_env("ONLY=this");
    auto echo = start_echo(spawner, plan);
    const pid_t pid = echo.process.pid();
    CHECK(open_descriptors(pid) == std::set<int>{0, 1, 2});
    CHECK(link_of(pid, "fd/2") == "/dev/null");
    CHECK(read_file("/proc/" + std::to_string(pid) + "/environ") == std::string("ONLY=this\0", 10));
    CHECK(link_of(pid, "cwd") == "/");
    CHECK(::getsid(pid) == pid);
    CHECK(status_field(pid, "SigBlk") == "0000000000000000");
    CHECK(status_field(pid, "SigIgn") == "0000000000000000");
    CHECK(read_file("/proc/" + std::to_string(pid) + "/comm") == "cat\n");
  }
  ::signal(SIGPIPE, SIG_DFL);
  ::pthread_sigmask(SIG_UNBLOCK, &usr1, nullptr);
  ::unsetenv("NACRE_UNIT_SECRET");
  ::close(leaked);
}

TEST_CASE("descriptors arrive at the numbers that the plan names") {
  Spawner spawner(program);
  auto [a_read, a_write] = make_pipe();
  auto [b_read, b_write] = make_pipe();
  ProcessPlan plan = plan_for({});
  use_fd(plan, 1, 5); // crosswise: each target is another's received number
  use_fd(plan, 2, 4);
  use_fd(plan, 2, 9);
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(a_write));
  fds.push_back(std::move(b_write));
  const auto output =
      run_script(spawner, plan, "echo five >&5; echo four >&4; echo nine >&9", std::move(fds));
  CHECK(output.text.empty());
  CHECK(read_to_end(a_read.get()) == "five\n");
  CHECK(read_to_end(b_read.get()) == "four\nnine\n");
}

TEST_CASE("exit codes and signals of a process are told apart") {
  Spawner spawner(program);
  CHECK(run_script(spawner, plan_for({}), "exit 7").status == ExitStatus{7, 0});
  CHECK(run_script(spawner, plan_for({}), "kill -TERM $$").status == ExitStatus{0, SIGTERM});
  CHECK(ExitStatus{0, SIGTERM}.shell_code() == 143);

  auto echo = start_echo(spawner);
  CHECK_FALSE(echo.process.try_wait());
  echo.process.signal(SIGINT);
  CHECK(echo.process.wait() == ExitStatus{0, SIGINT});
  CHECK(echo.process.try_wait() == ExitStatus{0, SIGINT}); // the answer stays
  echo.process.signal(SIGINT);                             // ended already: no error
}

TEST_CASE("a process ends with the object that owns it") {
  Spawner spawner(program);
  pid_t pid;
  {
    auto echo = start_echo(spawner);
    pid = echo.process.pid();
  }
  CHECK(::kill(pid, 0) == -1); // killed and reaped
}

TEST_CASE("the program may differ from argv[0], as an OCI hook's does") {
  Spawner spawner(program);
  auto plan = plan_for({"a name", "-c", "exit 3"});
  plan.set_program("/bin/sh");
  CHECK(spawner.spawn(plan).wait() == ExitStatus{3, 0});
}

TEST_CASE("a large environment arrives whole") {
  Spawner spawner(program);
  ProcessPlan plan = plan_for({});
  for (int index = 0; index < 40; ++index)
    plan.add_env("V" + std::to_string(index) + "=" + std::string(10000, 'x'));
  CHECK(run_script(spawner, plan, "echo ${#V39}").text == "10000\n");
}

TEST_CASE("each failing step says which it was, on what and why") {
  const auto cat = [] { return plan_for({"/bin/cat"}); };
  struct Case {
    const char* step;
    int error;
    ProcessPlan plan;
  };
  std::vector<Case> cases;
  const auto add = [&](const char* step, int error) -> ProcessPlan& {
    cases.push_back({step, error, cat()});
    return cases.back().plan;
  };
  cases.push_back({"exec", ENOENT, plan_for({"/nonexistent/program"})});
  cases.push_back({"exec", EACCES, plan_for({"/etc/passwd"})});
  cases.push_back({"exec", EINVAL, plan_for({"cat"})});
  use_fd(add("descriptors", EBADF), 3, 0);
  add("cgroup", ENOENT).add_cgroup_procs("/sys/fs/cgroup/nacre-unit-missing/cgroup.procs");
  {
    auto& plan = add("oom-score", EINVAL);
    plan.set_set_oom_score_adj(true);
    plan.set_oom_score_adj(5000);
  }
  add("rlimit", EINVAL).add_rlimits()->set_type("RLIMIT_BEAUTY");
  add("enter-namespace", EBADF).add_enter_namespaces(0);
  add("unshare", EINVAL).set_unshare(1);
  add("cwd", ENOENT).set_cwd("/nonexistent");
  {
    auto& plan = add("bind", ENOENT);
    plan.set_unshare(CLONE_NEWNS);
    add_mount(plan, MountStep::BIND, "/nonexistent/source", "/mnt");
  }
  {
    auto& plan = add("mount", ENODEV);
    plan.set_unshare(CLONE_NEWNS);
    add_mount(plan, MountStep::MOUNT, "none", "/mnt").set_fstype("nacrefs");
  }
  {
    auto& plan = add("pivot", EBUSY); // on the mount of the present root
    plan.set_unshare(CLONE_NEWNS);
    add_mount(plan, MountStep::PROPAGATION, "", "/").set_flags(MS_PRIVATE | MS_REC);
    add_mount(plan, MountStep::PIVOT, "", "/usr/share");
  }
  {
    auto& plan = add("ids", EINVAL);
    plan.set_set_ids(true);
    plan.set_uid(0xffffffff);
  }
  add("capabilities", EINVAL).mutable_capabilities()->add_bounding("levitate");
  add("seccomp", EINVAL).add_seccomp_filters("not whole instructions");
  {
    auto& plan = add("seccomp", EACCES); // neither no_new_privileges nor CAP_SYS_ADMIN
    plan.mutable_capabilities();
    plan.add_seccomp_filters(filter_denying(SYS_uname, EDOM));
  }
  for (const auto& [step, error, plan] : cases) {
    INFO(step << " " << errno_text(error));
    const LaunchError failure = failure_of(plan);
    CHECK(failure.step() == step);
    CHECK(failure.error_number() == error);
    CHECK(failure.role() == "test");
  }
  const LaunchError missing = failure_of(plan_for({"/nonexistent/program"}));
  CHECK(std::string(missing.what()) ==
        "start test: exec \"/nonexistent/program\": No such file or directory");
}

TEST_CASE("a label that no security module takes is an error, not an unconfined process") {
  for (const bool selinux : {true, false}) {
    auto plan = plan_for({"/bin/true"});
    if (selinux)
      plan.set_selinux_exec_label("system_u:system_r:nacre_unit_missing_t:s0");
    else
      plan.set_apparmor_exec_profile("nacre-unit-missing");
    // With an AppArmor that is on the kernel refuses at exec.
    const LaunchError failure = failure_of(plan);
    CHECK((failure.step() == (selinux ? "selinux-label" : "apparmor-profile") || failure.step() == "exec"));
  }
}

TEST_CASE("a launcher that is killed is not taken for a process that has started") {
  TemporaryFolder folder;
  const std::string fake = folder / "fake-launch";
  std::ofstream(fake) << "#!/bin/sh\nkill -KILL $$\n";
  std::filesystem::permissions(fake, std::filesystem::perms::owner_all);
  Spawner spawner(fake);
  try {
    spawner.spawn(plan_for({"/bin/cat"}));
    FAIL("it was taken as started");
  } catch (const LaunchError& error) {
    CHECK(error.step() == "died");
    CHECK(std::string(error.what()) == "start test: nacre-launch was ended by signal 9");
  }
}

TEST_CASE("a missing nacre-launch is named") {
  Spawner spawner("/nonexistent/nacre-launch");
  try {
    spawner.spawn(plan_for({"/bin/cat"}));
    FAIL("it started");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::not_found);
    CHECK(error.object() == "/nonexistent/nacre-launch");
  }
}

TEST_CASE("nacre-launch does nothing when called by hand") {
  Spawner spawner(program);
  const auto output = run_script(spawner, plan_for({}), std::string(program) + " 3<&-");
  CHECK(output.status.code == 1);
  CHECK(output.text.find("started by Nacre itself") != std::string::npos);
}

TEST_CASE("a seccomp filter is in force") {
  Spawner spawner(program);
  auto plan = plan_for({});
  plan.set_no_new_privileges(true);
  plan.add_seccomp_filters(filter_denying(SYS_uname, EDOM));
  plan.add_seccomp_filters(filter_denying(SYS_getpriority, EDOM));
  const auto output =
      run_script(spawner, plan, "grep -E '^(Seccomp|Seccomp_filters|NoNewPrivs):' /proc/self/status; uname");
  CHECK(output.text.find("Seccomp:\t2") != std::string::npos);
  CHECK(output.text.find("Seccomp_filters:\t2") != std::string::npos);
  CHECK(output.text.find("NoNewPrivs:\t1") != std::string::npos);
  CHECK(output.text.find("Numerical argument out of domain") != std::string::npos); // EDOM
  CHECK(output.status.code != 0);
}

TEST_CASE("ids and capabilities are those of the plan") {
  Spawner spawner(program);
  auto plan = plan_for({"/bin/cat"});
  plan.set_set_ids(true);
  plan.set_uid(65534);
  plan.set_gid(65533);
  plan.add_groups(7);
  plan.add_groups(9);
  Capabilities& sets = *plan.mutable_capabilities();
  for (const char* name : {"net_admin", "kill", "checkpoint_restore"})
    sets.add_bounding(name);
  for (const char* name : {"net_admin", "kill"}) {
    sets.add_permitted(name);
    sets.add_inheritable(name);
  }
  sets.add_effective("kill");
  sets.add_ambient("net_admin");
  auto echo = start_echo(spawner, plan);
  const pid_t pid = echo.process.pid();
  CHECK(status_field(pid, "Uid") == "65534\t65534\t65534\t65534");
  CHECK(status_field(pid, "Gid") == "65533\t65533\t65533\t65533");
  CHECK(status_field(pid, "Groups").starts_with("7 9"));
  CHECK(status_field(pid, "CapBnd") == "0000010000001020"); // 40, 12, 5
  CHECK(status_field(pid, "CapInh") == "0000000000001020");
  CHECK(status_field(pid, "CapAmb") == "0000000000001000");
  CHECK(status_field(pid, "CapEff") == "0000000000001000"); // after exec only what is ambient is left
}

TEST_CASE("root without capabilities is root in name only") {
  Spawner spawner(program);
  auto plan = plan_for({"/bin/cat"});
  plan.set_no_new_privileges(true);
  plan.mutable_capabilities();
  auto echo = start_echo(spawner, plan);
  CHECK(status_field(echo.process.pid(), "CapEff") == "0000000000000000");
  CHECK(status_field(echo.process.pid(), "CapBnd") == "0000000000000000");
}

TEST_CASE("limits, umask and OOM score are those of the plan") {
  Spawner spawner(program);
  auto plan = plan_for({});
  plan.set_umask(027);
  plan.set_set_oom_score_adj(true);
  plan.set_oom_score_adj(500);
  Rlimit& files = *plan.add_rlimits();
  files.set_type("RLIMIT_NOFILE");
  files.set_soft(100);
  files.set_hard(200);
  Rlimit& core = *plan.add_rlimits();
  core.set_type("RLIMIT_CORE");
  core.set_hard(RLIM_INFINITY);
  const auto output = run_script(
      spawner, plan, "ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc; umask; cat /proc/self/oom_score_adj");
  CHECK(output.text == "100\n200\n0\nunlimited\n0027\n500\n");
}

TEST_CASE("a process starts inside its cgroup") {
  TestCgroup cgroup;
  if (cgroup.path().empty()) {
    WARN("skipped: no cgroup can be made here");
    return;
  }
  {
    Spawner spawner(program);
    auto plan = plan_for({"/bin/cat"});
    plan.add_cgroup_procs(cgroup.path() + "/cgroup.procs");
    auto echo = start_echo(spawner, plan);
    CHECK(read_file(cgroup.path() + "/cgroup.procs") == std::to_string(echo.process.pid()) + "\n");
  }
}

TEST_CASE("namespaces are entered, made, mapped and handed back") {
  Spawner spawner(program);
  ProcessPlan make;
  make.set_role("namespaces");
  make.set_unshare(CLONE_NEWNET | CLONE_NEWUTS);
  make.set_return_namespaces(CLONE_NEWNET | CLONE_NEWUTS);
  auto namespaces = spawner.run(make);
  REQUIRE(namespaces.size() == 2); // lowest bit first: UTS, network

  auto plan = plan_for({});
  plan.add_enter_namespaces(1);
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(namespaces[1]));
  CHECK(
      run_script(spawner, plan, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '", std::move(fds)).text ==
      "lo\n");

  auto mapped = plan_for({});
  mapped.set_unshare(CLONE_NEWUSER);
  for (IdMap* map : {mapped.add_uid_map(), mapped.add_gid_map()}) {
    map->set_inside(0);
    map->set_outside(100000);
    map->set_count(1000);
  }
  mapped.set_set_ids(true);
  const auto output = run_script(spawner, mapped, "id -u; cat /proc/self/uid_map | tr -s ' '");
  CHECK(output.text == "0\n 0 100000 1000\n");
}

TEST_CASE(
    "in a pid namespace of its own the process is pid 1 there, and its owner names the process itself") {
  Spawner spawner(program);
  auto plan = plan_for({"/bin/cat"});
  plan.set_unshare(CLONE_NEWPID);
  {
    auto echo = start_echo(spawner, plan);
    CHECK(status_field(echo.process.pid(), "NSpid").ends_with("\t1"));
    CHECK(read_file("/proc/" + std::to_string(echo.process.pid()) + "/comm") == "cat\n");
    CHECK(open_descriptors(echo.process.pid()) == std::set<int>{0, 1, 2});
    echo.to.reset(); // end of its input: exit code 0 through the parent that nacre-launch is
    CHECK(echo.process.wait() == ExitStatus{0, 0});
  }
  {
    auto echo = start_echo(spawner, plan);
    echo.process.signal(SIGKILL);
    CHECK(echo.process.wait() == ExitStatus{0, SIGKILL});
  }
  {
    auto echo = start_echo(spawner, plan); // only its parent is killed: it must not stay
    UniqueFd program_fd(::fcntl(echo.process.pidfd(), F_DUPFD_CLOEXEC, 3));
    const pid_t parent = std::stoi(status_field(echo.process.pid(), "PPid"));
    CHECK(open_descriptors(parent).size() == 3); // not the streams: an engine waits for their end
    ::kill(parent, SIGKILL);
    CHECK(echo.process.wait() == ExitStatus{0, SIGKILL});
    CHECK(readable_within(program_fd.get(), 0));
  }
}

TEST_CASE("signals to the parent that stays reach the process") {
  Spawner spawner(program);
  auto plan =
      plan_for({"/bin/sh", "-c", "trap 'echo term; exit 5' TERM; echo ready; read line <&7; read line <&7"});
  plan.set_unshare(CLONE_NEWPID);
  auto [out_read, out_write] = make_pipe();
  auto [in_read, in_write] = make_pipe();
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(out_write));
  fds.push_back(std::move(in_read));
  use_fd(plan, 0, 1);
  use_fd(plan, 1, 7);
  Process process = spawner.spawn(plan, std::move(fds));
  char line[6];
  REQUIRE(::read(out_read.get(), line, sizeof(line)) == 6); // "ready\n": the trap is set
  ::kill(std::stoi(status_field(process.pid(), "PPid")), SIGTERM);
  CHECK(process.wait() == ExitStatus{5, 0});
  CHECK(read_to_end(out_read.get()) == "term\n");
}

TEST_CASE("processes die with the process that spawned them, whatever kills it") {
  for (const int namespaces : {0, CLONE_NEWPID}) {
    auto plan = plan_for({"/bin/cat"});
    plan.set_unshare(static_cast<std::uint32_t>(namespaces));
    CHECK(dies_with_its_spawner(plan));
  }
}

TEST_CASE("a process with a label is confined, and dies with the process that spawned it", "[label]") {
  // The kernel clears the parent-death signal at an exec that changes the label.
  if (read_file("/sys/kernel/security/apparmor/profiles").find("nacre-unit (enforce)") == std::string::npos) {
    WARN("skipped: no AppArmor with a profile nacre-unit here; the lab has one");
    return;
  }
  auto plan = plan_for({"/bin/cat"});
  plan.set_apparmor_exec_profile("nacre-unit");
  {
    Spawner spawner(program);
    auto echo = start_echo(spawner, plan);
    const std::string proc = "/proc/" + std::to_string(echo.process.pid());
    CHECK(read_file(proc + "/attr/apparmor/current") == "nacre-unit (enforce)\n");
    CHECK(read_file(proc + "/comm") == "cat\n");
    CHECK(open_descriptors(echo.process.pid()) == std::set<int>{0, 1, 2});
    const pid_t parent = std::stoi(status_field(echo.process.pid(), "PPid"));
    ::kill(parent, SIGKILL);
    CHECK(echo.process.wait() == ExitStatus{0, SIGKILL});
    CHECK(readable_within(echo.process.pidfd(), 0));

    auto denied = plan_for({});
    denied.set_apparmor_exec_profile("nacre-unit");
    CHECK(run_script(spawner, denied, "cat /etc/hostname").text.find("Permission denied") !=
          std::string::npos);
  }
  CHECK(dies_with_its_spawner(plan));
}

TEST_CASE("many threads spawn at once and processes outlive the asking thread") {
  Spawner spawner(program);
  std::vector<EchoProcess> echoes(6);
  std::vector<std::thread> threads;
  for (auto& echo : echoes)
    threads.emplace_back([&] { echo = start_echo(spawner); });
  for (auto& thread : threads)
    thread.join();
  for (auto& echo : echoes)
    echo.ping(); // the parent-death signal is the forking thread's, not the asking one's
}
