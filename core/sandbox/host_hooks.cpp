#include "sandbox/host_hooks.hpp"

#include "base/error.hpp"
#include "launch/proto/plan.pb.h"
#include "sandbox/refusal.hpp"
#include "sandbox/text_tail.hpp"

#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t words_limit = 2048; // of each stream

// A memory file rather than a pipe: a hook that does not read its stdin cannot block us.
UniqueFd state_file(const std::string& json) {
  UniqueFd fd(check_errno(::memfd_create("state.json", MFD_CLOEXEC), "make memory file"));
  if (::write(fd.get(), json.data(), json.size()) != static_cast<ssize_t>(json.size()))
    throw_errno("write state for a hook");
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

struct Output {
  Output() {
    int fds[2];
    check_errno(::pipe2(fds, O_CLOEXEC), "make pipe");
    reader = UniqueFd(fds[0]);
    writer = UniqueFd(fds[1]);
    ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
  }
  // False at the end of the file.
  bool read_some() {
    std::array<char, 4096> bytes;
    const ssize_t got = ::read(reader.get(), bytes.data(), bytes.size());
    if (got > 0) tail.append({bytes.data(), static_cast<std::size_t>(got)});
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
  }
  void drain() { // what is in the pipe now; a daemon that the hook left behind may hold it open for ever
    std::array<char, 4096> bytes;
    ssize_t got;
    while ((got = ::read(reader.get(), bytes.data(), bytes.size())) > 0)
      tail.append({bytes.data(), static_cast<std::size_t>(got)});
  }
  UniqueFd reader, writer;
  TextTail tail{4096};
};

// Both streams of a hook.
struct Outputs {
  Output out, err;
  // As runc tells it.
  std::string words() const {
    return ", stdout: " + out.tail.last_lines(words_limit) + ", stderr: " + err.tail.last_lines(words_limit);
  }
  void drain() {
    out.drain();
    err.drain();
  }
};

int milliseconds_left(const oci::Hook& hook, Clock::time_point started) {
  if (hook.timeout_s == 0) return -1;
  const auto left = started + std::chrono::seconds(hook.timeout_s) - Clock::now();
  return static_cast<int>(std::max<long>(0, std::chrono::ceil<std::chrono::milliseconds>(left).count()));
}

launch::ProcessPlan plan_of(const oci::Hook& hook, const std::string& bundle) {
  launch::ProcessPlan plan;
  plan.set_role("hook");
  plan.set_program(hook.path);
  for (const auto& argument : hook.args)
    plan.add_argv(argument);
  if (hook.args.empty()) plan.add_argv(hook.path);
  for (const auto& variable : hook.env)
    plan.add_env(variable);
  // Where none is given, runc's hooks find runc's own.
  if (const char* path = std::getenv("PATH"); path && !hook.has_env)
    plan.add_env(std::string("PATH=") + path);
  plan.set_cwd(bundle);
  plan.set_parent_death_signal(SIGKILL);
  for (const std::uint32_t fd : {0u, 1u, 2u}) {
    auto* use = plan.add_fds();
    use->set_received(fd);
    use->set_target(fd);
  }
  return plan;
}

launch::Process start(launch::Spawner& spawner, const oci::Hook& hook, const std::string& bundle,
                      const std::string& state_json, Outputs& outputs) {
  std::vector<UniqueFd> fds;
  fds.push_back(state_file(state_json));
  fds.push_back(std::move(outputs.out.writer));
  fds.push_back(std::move(outputs.err.writer));
  try {
    return spawner.spawn(plan_of(hook, bundle), std::move(fds));
  } catch (const Error& error) {
    if (error.error_number() == 0) throw;
    auto reason = errno_text(error.error_number());
    reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
    throw Error(error.code(), "fork/exec " + hook.path).because(reason);
  }
}

// Throws Error with runc's words for how it ended.
void run(launch::Spawner& spawner, const oci::Hook& hook, const std::string& bundle,
         const std::string& state_json, int cancel_fd) {
  Outputs outputs;
  const auto started = Clock::now();
  auto process = start(spawner, hook, bundle, state_json, outputs);
  const auto fail = [](const std::string& how) { throw Error(ErrorCode::failed_precondition, how); };
  bool out_open = true, err_open = true;
  for (;;) {
    pollfd polled[4] = {{process.exit_fd(), POLLIN, 0},
                        {cancel_fd, POLLIN, 0},
                        {out_open ? outputs.out.reader.get() : -1, POLLIN, 0},
                        {err_open ? outputs.err.reader.get() : -1, POLLIN, 0}};
    const int ready = ::poll(polled, 4, milliseconds_left(hook, started));
    if (ready < 0 && errno == EINTR) continue;
    check_errno(ready, "wait for a hook", hook.path);
    if (ready == 0) // process's destructor kills it
      fail("hook ran past specified timeout of " + std::to_string(hook.timeout_s) + ".0s");
    if (polled[1].revents != 0) fail("the virtual machine has ended meanwhile");
    if (polled[2].revents != 0) out_open = outputs.out.read_some();
    if (polled[3].revents != 0) err_open = outputs.err.read_some();
    if (polled[0].revents == 0) continue;
    outputs.drain();
    const auto status = process.wait();
    if (status.signal != 0) fail("signal " + std::to_string(status.signal) + outputs.words());
    if (status.code != 0) fail("exit status " + std::to_string(status.code) + outputs.words());
    return;
  }
}

} // namespace

void run_hooks(launch::Spawner& spawner, const std::vector<oci::Hook>& hooks, const std::string& kind,
               const std::string& bundle, const std::string& state_json, int cancel_fd) {
  std::size_t number = 0;
  for (const auto& hook : hooks) {
    try {
      run(spawner, hook, bundle, state_json, cancel_fd);
    } catch (const Error& error) {
      Refusal refusal(error.code(), "error running " + kind + " hook #" + std::to_string(number), hook.path);
      refusal.because(error);
      throw refusal;
    }
    ++number;
  }
}

} // namespace nacre::sandbox
