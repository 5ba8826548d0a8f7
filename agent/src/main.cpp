// nacre-agent: init of the guest. Starts what the host needs to say hello as early as it can; whatever the
// first calls may want is prepared while the host answers.
#include "channel.hpp"
#include "console.hpp"
#include "create_hooks.hpp"
#include "error.hpp"
#include "failpoint.hpp"
#include "file.hpp"
#include "kernel_cmdline.hpp"
#include "modprobe.hpp"
#include "modules.hpp"
#include "ports_service.hpp"
#include "reaper.hpp"
#include "rpc_server.hpp"
#include "sandbox.hpp"
#include "service.hpp"
#include "spawn.hpp"
#include "system_mounts.hpp"
#include "timeline.hpp"
#include "version.hpp"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <grpc/support/log.h>
#include <optional>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <thread>

namespace nacre::agent {

namespace {

bool exists(const char* path) {
  struct stat info {};
  return ::stat(path, &info) == 0;
}

// One that is neither in the image nor in the kernel would leave the host waiting for nothing.
void need_driver(Modules& modules, const std::string& module, const std::string& driver_folder) {
  modules.need(module);
  if (exists(driver_folder.c_str())) return;
  throw Error(Code::not_found,
              "kernel module " + quoted(module) +
                  " is neither in its initrd nor built into its kernel; set initrd to one that "
                  "was made for this kernel");
}

void load_channel_modules(Modules& modules, bool vsock) {
  const bool has_pci = exists("/sys/bus/pci/devices/0000:00:00.0");
  if (has_pci) need_driver(modules, "virtio_pci", "/sys/bus/pci/drivers/virtio-pci");
  // A PCI-less machine (microvm, Firecracker) names its virtio-mmio devices on the command line or in ACPI
  // tables.
  if (!has_pci || exists("/sys/bus/platform/devices/LNRO0005:00"))
    need_driver(modules, "virtio_mmio", "/sys/bus/platform/drivers/virtio-mmio");
  const std::string port = vsock ? "vmw_vsock_virtio_transport" : "virtio_console";
  need_driver(modules, port, "/sys/bus/virtio/drivers/" + port);
}

void serve_channel(bool vsock, RpcServer& server, std::atomic<std::size_t>& window) {
  try {
    const auto channel = vsock ? open_vsock_channel() : open_port_channel();
    channel->serve({[&](UniqueFd socket, std::size_t stdio_window) {
      window = stdio_window;
      server.add_connection(std::move(socket));
    }});
  } catch (const std::exception& error) {
    console::give_up(std::string("the channel to the host is unusable: ") + error.what());
  }
}

void log_grpc(gpr_log_func_args* message) {
  console::say(std::string("grpc: ") + message->message);
}

[[noreturn]] void run() {
  Timeline timeline;
  timeline.add({"kernel", "", 0, boottime_ns()});
  std::optional<Timeline::Scope> phase;
  phase.emplace(timeline, "init", "");
  // Every thread, and none of the children, starts with these.
  Reaper::block_child_signal();
  ::signal(SIGPIPE, SIG_IGN);
  raise_own_limits();
  move_root();
  mount_kernel_interfaces();
  const auto cmdline_text = read_file("/proc/cmdline");
  const KernelCmdline cmdline(cmdline_text);
  failpoint::arm(cmdline.value("nacre.failpoint"));
  const bool vsock = cmdline.value("nacre.channel") == "vsock";

  phase.emplace(timeline, "modules", "");
  Modules modules(timeline, cmdline_text);
  load_channel_modules(modules, vsock);

  phase.emplace(timeline, "agent", "");
  failpoint::pass("agent");
  RpcServer server;
  std::atomic<std::size_t> window = default_stdio_window;
  std::thread([&] { serve_channel(vsock, server, window); }).detach();

  mount_runtime_folders();
  answer_module_requests("/init");
  Reaper reaper;
  Sandbox sandbox(timeline, modules, reaper, window, cmdline.value("nacre.debug_console") == "1");
  Service service(sandbox);
  PortsService ports(sandbox.ports);
  server.start(service, &ports);
  phase.reset();

  std::thread([&] {
    // What the first calls will ask for; they wait for a module that is on its way, and report what fails.
    try {
      modules.need_for_present_devices();
      sandbox.network.start();
    } catch (const std::exception& error) {
      console::say(error.what());
    }
  }).detach();
  reaper.run();
}

[[noreturn]] void last_words() {
  try {
    if (const auto error = std::current_exception()) std::rethrow_exception(error);
    console::give_up("ended without a reason");
  } catch (const std::exception& error) {
    console::give_up(error.what());
  } catch (...) {
    console::give_up("ended by an exception of unknown type");
  }
}

} // namespace

} // namespace nacre::agent

int main(int argc, char** argv) {
  using namespace nacre::agent;
  // crun's child; the kernel starts the init as "/init", and nobody else can choose argv[0].
  if (argc == 2 && std::strcmp(argv[0], create_hooks_program) == 0) return run_create_hooks(argv[1]);
  if (is_module_request(argc, argv)) return run_modprobe(argv[3]);
  if (argc > 1 && std::strcmp(argv[1], "--version") == 0) {
    std::printf("nacre-agent %s\n", agent_version);
    return 0;
  }
  if (::getpid() != 1) {
    console::say("is the init of a nacre guest and runs nowhere else");
    return 1;
  }
  std::set_terminate(last_words);
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  gpr_set_log_function(log_grpc);
  try {
    run();
  } catch (const std::exception& error) {
    console::give_up(std::string("the guest cannot start: ") + error.what());
  }
}
