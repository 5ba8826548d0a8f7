#include "shim/shim_main.hpp"

#include "base/error.hpp"
#include "plugin/crash_line.hpp"
#include "shim/arguments.hpp"
#include "shim/containerd_delete.hpp"
#include "shim/containerd_start.hpp"
#include "shim/log.hpp"
#include "shim/pod.hpp"
#include "shim/runtime_info.hpp"
#include "shim/sandbox_process.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace nacre::shim {
namespace {

UniqueFd inherited(int fd, const char* option) {
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) throw_errno("use the descriptor of option", option);
  return UniqueFd(fd);
}

void serve_command_line(const Arguments& arguments) {
  prepare_sandbox_process();
  plugin::install_crash_line(log_to(arguments.state_dir + "/sandbox.log", LogForm::text, arguments.debug));
  SandboxProcessOptions options;
  options.service.door = Door::command_line;
  options.service.root = arguments.root;
  options.service.sandbox_id = arguments.id;
  options.service.config_file = arguments.config_file;
  options.service.systemd_cgroup = arguments.systemd_cgroup;
  options.listener = inherited(arguments.listen_fd, "--listen-fd");
  options.descriptor_listener = inherited(arguments.descriptor_listen_fd, "--fd-listen-fd");
  options.state_dir = arguments.state_dir;
  run_sandbox_process(std::move(options));
}

// In the folder of the bundle, started by our own `start`.
void serve_containerd(const Arguments& arguments) {
  prepare_sandbox_process();
  plugin::install_crash_line(log_to("log", LogForm::logrus, arguments.debug));
  if (::chdir("/") < 0) throw_errno("enter folder", "/"); // the bundle's file system is not ours to keep busy
  if (arguments.socket.empty())
    throw Error(ErrorCode::invalid_argument, "run without option", "-socket")
        .hint("containerd runs the action start first");
  SandboxProcessOptions options;
  options.service.door = Door::containerd;
  options.service.namespace_name = arguments.namespace_name;
  options.service.root = containerd_root(arguments.namespace_name);
  options.service.sandbox_id = arguments.id;
  options.listener = inherited(std::atoi(arguments.socket.c_str()), "-socket");
  const char* events = std::getenv("TTRPC_ADDRESS");
  options.events_address = events ? events : "";
  options.grace = std::chrono::seconds(60);
  run_sandbox_process(std::move(options));
}

void run(const Arguments& arguments, const char* program) {
  using Action = Arguments::Action;
  switch (arguments.action) {
  case Action::version:
    std::cout << version_text(program);
    return;
  case Action::info:
    std::cout << runtime_info() << std::flush;
    return;
  case Action::sandbox:
    return serve_command_line(arguments);
  case Action::serve:
    return serve_containerd(arguments);
  case Action::start:
    return containerd_start(arguments);
  case Action::remove:
    log_to_stderr(arguments.debug);
    if (arguments.state_dir.empty())
      std::cout << containerd_delete(arguments) << std::flush;
    else
      command_line_delete(arguments);
    return;
  }
}

bool serves(const Arguments& arguments) {
  return arguments.action == Arguments::Action::sandbox || arguments.action == Arguments::Action::serve;
}

} // namespace

int shim_main(int argc, char** argv) {
  bool serving = false;
  try {
    const auto arguments = parse_arguments(argc, argv);
    serving = serves(arguments);
    run(arguments, argv[0]);
    return 0;
  } catch (const std::exception& error) {
    if (serving) spdlog::critical("{}", error.what());
    std::cerr << "containerd-shim-nacre-v2: " << error.what() << "\n";
    return 1;
  }
}

} // namespace nacre::shim
