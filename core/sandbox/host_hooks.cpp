#include "sandbox/host_hooks.hpp"

#include "base/error.hpp"
#include "launch/proto/plan.pb.h"
#include "sandbox/text_tail.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t words_limit = 1024;

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

Error failure(const oci::Hook& hook, const std::string& kind, const std::string& how, const Output& output) {
  const std::string words = output.tail.last_lines(words_limit);
  return Error(ErrorCode::failed_precondition, "run " + kind + " hook", hook.path)
      .because(words.empty() ? how : how + ": " + words);
}

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
  plan.set_cwd(bundle);
  plan.set_parent_death_signal(SIGKILL);
  for (const std::uint32_t fd : {0u, 1u, 2u}) {
    auto* use = plan.add_fds();
    use->set_received(fd);
    use->set_target(fd);
  }
  return plan;
}

void run(launch::Spawner& spawner, const oci::Hook& hook, const std::string& kind, const std::string& bundle,
         const std::string& state_json, int cancel_fd) {
  Output output;
  std::vector<UniqueFd> fds;
  fds.push_back(state_file(state_json));
  fds.push_back(output.writer.duplicate());
  fds.push_back(std::move(output.writer));
  const auto started = Clock::now();
  auto process = [&] {
    try {
      return spawner.spawn(plan_of(hook, bundle), std::move(fds));
    } catch (const Error& error) {
      throw Error(error.code(), "run " + kind + " hook", hook.path).because(error);
    }
  }();
  bool open = true;
  for (;;) {
    pollfd polled[3] = {
        {process.exit_fd(), POLLIN, 0}, {cancel_fd, POLLIN, 0}, {open ? output.reader.get() : -1, POLLIN, 0}};
    const int ready = ::poll(polled, 3, milliseconds_left(hook, started));
    if (ready < 0 && errno == EINTR) continue;
    check_errno(ready, "wait for a hook", hook.path);
    if (ready == 0) // process's destructor kills it
      throw failure(hook, kind, "it did not end within " + std::to_string(hook.timeout_s) + " s", output);
    if (polled[1].revents != 0) throw failure(hook, kind, "the virtual machine has ended meanwhile", output);
    if (polled[2].revents != 0) open = output.read_some();
    if (polled[0].revents == 0) continue;
    output.drain();
    const auto status = process.wait();
    if (status.signal != 0) throw failure(hook, kind, "signal " + std::to_string(status.signal), output);
    if (status.code != 0) throw failure(hook, kind, "exit status " + std::to_string(status.code), output);
    return;
  }
}

} // namespace

void run_hooks(launch::Spawner& spawner, const std::vector<oci::Hook>& hooks, const std::string& kind,
               const std::string& bundle, const std::string& state_json, int cancel_fd) {
  for (const auto& hook : hooks)
    run(spawner, hook, kind, bundle, state_json, cancel_fd);
}

} // namespace nacre::sandbox
