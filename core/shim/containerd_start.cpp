#include "shim/containerd_start.hpp"

#include "base/error.hpp"
#include "base/unix_socket.hpp"
#include "oci/file_io.hpp"
#include "oci/spec.hpp"
#include "shim/bootstrap.hpp"
#include "shim/pod.hpp"
#include "shim/socket_dir.hpp"
#include "ttrpc/client.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace nacre::shim {
namespace {

constexpr int listener_in_child = 3;
constexpr std::size_t max_input = std::size_t{4} << 20;

std::vector<std::string> child_arguments(const Arguments& arguments) {
  std::vector<std::string> words{"containerd-shim-nacre-v2",
                                 "-namespace",
                                 arguments.namespace_name,
                                 "-id",
                                 arguments.id,
                                 "-address",
                                 arguments.address,
                                 "-socket",
                                 std::to_string(listener_in_child)};
  if (arguments.debug) words.push_back("-debug");
  return words;
}

// Only calls that are safe after fork. The log fifo is opened by name later; 0 to 2 lead nowhere, for what is
// written there would be part of the answer.
[[noreturn]] void become_child(int listener, const char* program, char* const* argv) {
  ::setsid();
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd)
    ::dup2(null, fd);
  // The listener may be number 3 already, and then still has close-on-exec.
  if (listener == listener_in_child)
    ::fcntl(listener, F_SETFD, 0);
  else
    ::dup2(listener, listener_in_child);
  ::close_range(listener_in_child + 1, ~0u, 0);
  ::execv(program, argv);
  ::_exit(127);
}

pid_t spawn_serving_process(const Arguments& arguments, const UniqueFd& listener) {
  auto words = child_arguments(arguments);
  std::vector<char*> argv;
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string program = std::filesystem::read_symlink("/proc/self/exe"); // by its name: `ps` shows it
  const pid_t pid = check_errno(::fork(), "start the sandbox process");
  if (pid == 0) become_child(listener.get(), program.c_str(), argv.data());
  return pid;
}

// One above containerd's own, so that the kernel kills the sandbox process first. Best effort, as in
// containerd.
void adjust_oom_score(pid_t pid) {
  int score = 0;
  if (!(std::ifstream("/proc/" + std::to_string(::getppid()) + "/oom_score_adj") >> score)) return;
  std::ofstream("/proc/" + std::to_string(pid) + "/oom_score_adj") << std::min(score + 1, 1000);
}

// Where the sandbox listens that serves this container, or is to.
std::string socket_of(const Arguments& arguments) {
  const auto text = oci::read_file("config.json", oci::max_spec_size, "read");
  if (!text) throw Error(ErrorCode::not_found, "read", "config.json").because("the bundle has none");
  const auto pod = sandbox_id_of(*text, arguments.id);
  if (pod == arguments.id)
    if (auto joined = socket_by_namespace(*text, containerd_root(arguments.namespace_name))) return *joined;
  return containerd_socket(arguments.address, arguments.namespace_name, pod);
}

} // namespace

void containerd_start(const Arguments& flags) {
  // A person at a terminal has nothing to say.
  const auto input =
      ::isatty(STDIN_FILENO) ? "" : oci::read_standard_input(max_input, "read the start message");
  const auto bootstrap = read_bootstrap(flags, input, std::getenv("MAX_SHIM_VERSION"));
  const auto& arguments = bootstrap.arguments;
  if (!bootstrap.events_address.empty()) // the sandbox process finds it there
    ::setenv("TTRPC_ADDRESS", bootstrap.events_address.c_str(), 1);
  const auto socket = socket_of(arguments);
  const SocketDir lock;
  if (!ttrpc::somebody_listens(socket)) {
    const auto listener = listen_unix(socket, SOCK_STREAM);
    try {
      adjust_oom_score(spawn_serving_process(arguments, listener));
    } catch (...) {
      ::unlink(socket.c_str());
      throw;
    }
  }
  // containerd before 1.7 reads this file when it is restarted.
  oci::replace_file("address", "unix://" + socket, 0600, "write");
  std::cout << start_answer(bootstrap, socket) << std::flush;
}

} // namespace nacre::shim
