#include "shim/containerd_delete.hpp"

#include "base/error.hpp"
#include "base/process_identity.hpp"
#include "oci/container_id.hpp"
#include "oci/state.hpp"
#include "sandbox/sandbox.hpp"
#include "shim/pod.hpp"
#include "shim/rootfs_mounts.hpp"
#include "shim/socket_dir.hpp"
#include "shim/task_service.hpp"
#include "ttrpc/task_client.hpp"

#include <csignal>
#include <filesystem>
#include <optional>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::shim {
namespace {

constexpr auto call_patience = std::chrono::seconds(2); // containerd gives the whole action five
constexpr int death_patience_ms = 10'000;

std::optional<oci::State> state_of(const std::string& state_dir) {
  try {
    return oci::read_state(state_dir);
  } catch (const Error& error) {
    spdlog::debug("{}", error.what());
    return std::nullopt;
  }
}

// False: the sandbox process does not do it.
bool ask_sandbox(const oci::State& state) {
  try {
    auto client = ttrpc::TaskClient::connect(state.socket);
    try {
      client.kill(state.id, "", SIGKILL, true, call_patience);
      client.wait(state.id, "", call_patience);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::not_found) throw;
    }
    client.remove(state.id, "", call_patience);
    client.shutdown(state.id, call_patience);
    return true;
  } catch (const Error& error) {
    spdlog::warn("{}", error.what());
    return false;
  }
}

void kill_sandbox(const ProcessIdentity& process) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!pidfd || !process.alive()) return;
  ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
  pollfd entry{pidfd.get(), POLLIN, 0};
  ::poll(&entry, 1, death_patience_ms);
}

void clean_up(const std::string& state_dir, const std::optional<oci::State>& state) {
  const ProcessIdentity process{state ? state->sandbox_pid : 0, state ? state->sandbox_start_ticks : 0};
  if (process.pid > 0 && process.alive()) {
    if (ask_sandbox(*state)) return;
    kill_sandbox(process);
  }
  if (std::filesystem::exists(state_dir)) sandbox::clean_up_dead_sandbox(state_dir);
}

// A sandbox process that was killed has left its socket; one that serves others listens on it.
void remove_stale_socket(const std::string& path) {
  try {
    SocketDir().remove_if_stale(path);
  } catch (const Error& error) {
    spdlog::warn("{}", error.what());
  }
}

} // namespace

std::string containerd_delete(const Arguments& arguments) {
  oci::check_id(arguments.id);
  const auto root = containerd_root(arguments.namespace_name);
  const auto state_dir = root + "/" + arguments.id;
  const auto state = state_of(state_dir);
  clean_up(state_dir, state);
  remove_stale_socket(state ? state->socket
                            : containerd_socket(arguments.address, arguments.namespace_name, arguments.id));
  if (::rmdir(root.c_str()) == 0) ::rmdir(root.substr(0, root.rfind('/')).c_str()); // when they are empty
  // Without a bundle the working folder is one: containerd may run this in another container's.
  const auto bundle = arguments.bundle.empty() ? std::filesystem::current_path().parent_path() / arguments.id
                                               : std::filesystem::path(arguments.bundle);
  unmount_rootfs(bundle / "rootfs");

  ttrpc::task::DeleteResponse response;
  response.set_pid(state && state->pid > 0 ? static_cast<std::uint32_t>(state->pid) : 0);
  response.set_exit_status(128 + SIGKILL);
  *response.mutable_exited_at() = to_timestamp(std::chrono::system_clock::now());
  return response.SerializeAsString();
}

void command_line_delete(const Arguments& arguments) {
  const auto state = state_of(arguments.state_dir);
  clean_up(arguments.state_dir, state);
}

} // namespace nacre::shim
