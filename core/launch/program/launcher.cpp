// Launch mode: carries out a ProcessPlan and becomes the process.
#include "launch/plan_fields.hpp"
#include "launch/program/modes.hpp"
#include "launch/program/steps.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::launch {
namespace {

// The spawner may have died before this program ran; then nobody would ever end what it starts.
void anchor_parent(Orders& orders, Anchors& anchors) {
  const pid_t parent = ::getppid();
  if (orders.parent != parent) _exit(1);
  anchors.parent = static_cast<int>(::syscall(SYS_pidfd_open, parent, 0));
  if (anchors.parent < 0) fail("parent", {}, errno);
  if (::getppid() != parent) _exit(1);
}

void die_with_parent(const Orders& orders, const Anchors& anchors, bool supervised, pid_t parent) {
  const auto signal = number_of(orders.plan, PlanField::parent_death_signal);
  if (signal == 0) return;
  // Under a supervisor it is only a second net: the kernel clears it when the exec changes the label.
  if (::prctl(PR_SET_PDEATHSIG, supervised ? SIGKILL : static_cast<unsigned long>(signal), 0, 0, 0) < 0)
    fail("parent-death-signal", {}, errno);
  if (supervised) { // getppid() is 0 in a new pid namespace: ask the descriptor
    pollfd parent_ended{anchors.parent, POLLIN, 0};
    if (::poll(&parent_ended, 1, 0) > 0) _exit(1);
    return;
  }
  if (::getppid() != parent) _exit(1);
}

char** string_array(Message plan, std::uint32_t field) {
  std::size_t count = 0;
  for_each(plan, field, [&](std::string_view) { ++count; });
  char** array = static_cast<char**>(std::calloc(count + 1, sizeof(char*)));
  if (!array) fail("plan", {}, ENOMEM);
  std::size_t next = 0;
  for_each(plan, field, [&](std::string_view text) { array[next++] = c_string(text); });
  return array;
}

struct NamespaceName {
  std::uint64_t flag;
  const char* path;
};
constexpr NamespaceName namespace_names[] = {
    // lowest bit first
    {CLONE_NEWTIME, "self/ns/time_for_children"},
    {CLONE_NEWNS, "self/ns/mnt"},
    {CLONE_NEWCGROUP, "self/ns/cgroup"},
    {CLONE_NEWUTS, "self/ns/uts"},
    {CLONE_NEWIPC, "self/ns/ipc"},
    {CLONE_NEWUSER, "self/ns/user"},
    {CLONE_NEWPID, "self/ns/pid_for_children"},
    {CLONE_NEWNET, "self/ns/net"},
};

[[noreturn]] void report_done(const Orders& orders, const Anchors& anchors) {
  const auto wanted = number_of(orders.plan, PlanField::return_namespaces);
  int fds[8];
  int count = 0;
  for (const auto& name : namespace_names) {
    if (!(wanted & name.flag)) continue;
    fds[count] = ::openat(anchors.proc, name.path, O_RDONLY | O_CLOEXEC);
    if (fds[count++] < 0) fail("namespace", name.path, errno);
  }
  send_reply(ReplyKind::done, fds, count);
  _exit(0);
}

} // namespace

void run_launcher() {
  Orders orders;
  receive_orders(orders);
  const Message plan = orders.plan;
  Anchors anchors;
  anchor_parent(orders, anchors);
  anchors.proc = ::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (anchors.proc < 0) fail("proc", "/proc", errno);

  start_session(plan);
  arrange_descriptors(orders, anchors);
  join_cgroups(plan, PlanField::cgroup_procs);
  set_oom_score(plan, PlanField::oom_score_adj, PlanField::set_oom_score_adj);
  set_limits(plan);
  enter_namespaces(orders, PlanField::enter_namespaces);
  make_namespaces(orders);
  const bool supervised = needs_supervisor(plan);
  if (supervised) supervise(orders, anchors);
  make_mounts(orders);
  change_folder(plan);
  take_identity(plan);
  set_labels(plan, anchors);

  // Before the filters, which may kill: told apart are a launcher that died of its own and a process that a
  // filter ended.
  const bool execs = has(plan, PlanField::argv);
  char** argv = string_array(plan, PlanField::argv);
  char** env = string_array(plan, PlanField::env);
  const auto named = text_of(plan, PlanField::program);
  const char* program = named.empty() ? argv[0] : c_string(named);
  if (execs && program[0] != '/') fail("exec", program, EINVAL, "the program's path must be absolute");
  if (execs) send_reply(ReplyKind::ready);
  install_filters(plan);
  die_with_parent(orders, anchors, supervised, orders.parent);
  if (!execs) report_done(orders, anchors);
  ::execve(program, argv, env);
  fail("exec", program, errno);
}

} // namespace nacre::launch
