#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/console.hpp"
#include "oci/container_id.hpp"
#include "oci/state.hpp"
#include "ttrpc/address.hpp"
#include "ttrpc/descriptors.hpp"
#include "ttrpc/task_client.hpp"

#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace nacre::cli {
namespace {

bool write_all(int fd, const char* data, ssize_t length) {
  while (length > 0) {
    const auto count = ::write(fd, data, static_cast<std::size_t>(length));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    data += count;
    length -= count;
  }
  return true;
}

// Copies between our stdio and the console until its shell has ended.
void relay(int console) {
  const RawMode raw(STDIN_FILENO);
  std::array<pollfd, 2> entries = {pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{console, POLLIN, 0}};
  std::array<char, 16384> bytes;
  for (;;) {
    if (::poll(entries.data(), entries.size(), -1) < 0) continue; // EINTR
    if (entries[0].revents) {
      const auto count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
      if (count <= 0 || !write_all(console, bytes.data(), count)) {
        ::shutdown(console, SHUT_WR);
        entries[0].fd = -1;
      }
    }
    if (entries[1].revents) {
      const auto count = ::read(console, bytes.data(), bytes.size());
      if (count <= 0 || !write_all(STDOUT_FILENO, bytes.data(), count)) return;
    }
  }
}

} // namespace

CommandLine debug_console_grammar() {
  CommandLine line("debug-console <container-id>",
                   "Opens a root shell in the guest of a container, outside of the container; "
                   "the configuration must have debug_console_enabled.");
  return line;
}

int verb_debug_console(const GlobalOptions& options) {
  auto line = debug_console_grammar();
  if (!line.parse(options.arguments, 1, 1)) return 0;
  const auto& id = line.words().front();
  oci::check_id(id);
  const auto state = oci::read_state(options.state_dir(id));
  if (oci::current_status(state) == oci::Status::stopped)
    throw Error(ErrorCode::failed_precondition, "open the debug console of container", id)
        .because("it is stopped");

  std::array<int, 2> ends{};
  check_errno(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "make a socket pair");
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  auto descriptors = ttrpc::DescriptorConnection::connect(ttrpc::descriptor_socket_path(state.socket));
  const std::array passed = {ttrpc::PassedDescriptor{ttrpc::slot_stdin, theirs.get()}};
  nacre::task::v1::DebugConsoleRequest request;
  request.set_id(id);
  request.set_fd_token(descriptors.send(passed));
  theirs.reset();
  if (const auto size = terminal_size(STDIN_FILENO)) {
    request.set_rows(size->rows);
    request.set_columns(size->columns);
  }
  ttrpc::TaskClient::connect(state.socket)
      .client()
      .call(ttrpc::task_service_v2, "DebugConsole", request.SerializeAsString());
  relay(ours.get());
  return 0;
}

} // namespace nacre::cli
