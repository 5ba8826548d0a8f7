#include "sandbox.hpp"

#include "error.hpp"
#include "file.hpp"

#include <algorithm>

namespace nacre::agent {

std::string sysctl_file(const std::string& name) {
  auto path = name;
  // With slashes, dots are part of a name (a VLAN's interface, say), as in sysctl(8).
  if (name.find('/') == std::string::npos) std::ranges::replace(path, '.', '/');
  if (path.empty() || path.front() == '/' || ("/" + path + "/").find("/../") != std::string::npos) {
    throw Error(Code::invalid_argument, "sysctl " + quoted(name) + " is not a name below /proc/sys");
  }
  return "/proc/sys/" + path;
}

Sandbox::Sandbox(Timeline& the_timeline, Modules& the_modules, Reaper& the_reaper,
                 const std::atomic<std::size_t>& stdio_window, bool allow_debug_console)
    : timeline(the_timeline), modules(the_modules), reaper(the_reaper), debug_console(allow_debug_console),
      storages(modules, timeline), network(modules, timeline), dns(loop), sockets(loop),
      ports(loop, sockets, modules),
      containers(loop, events, reaper, storages, sockets, timeline, stdio_window) {}

void Sandbox::create(const v1::CreateSandboxRequest& request) {
  const auto phase = timeline.phase("sandbox");
  const std::lock_guard lock(mutex_);
  if (created_) throw Error(Code::already_exists, "the guest has its sandbox already");
  if (!request.hostname().empty() &&
      ::sethostname(request.hostname().data(), request.hostname().size()) < 0) {
    throw system_error("cannot set the host name", request.hostname());
  }
  if (!request.resolv_conf().empty()) make_file("/etc/resolv.conf", request.resolv_conf(), 0644);
  for (const auto& line : request.kernel_modules())
    modules.load_line(line);
  for (const auto& [name, value] : request.sysctls()) {
    try {
      write_value(sysctl_file(name), value);
    } catch (const Error& error) {
      throw Error(error.code(), "set sysctl " + quoted(name) + ": " + error.what());
    }
  }
  for (const auto& storage : request.storages())
    storages.mount(storage);
  if (request.has_network()) network.apply(request.network());
  created_ = true;
}

void Sandbox::add_storages(const v1::AddStoragesRequest& request) {
  for (const auto& storage : request.storages())
    storages.mount(storage);
}

void Sandbox::destroy() {
  containers.remove_all();
  storages.unmount_all();
  ::sync();
}

} // namespace nacre::agent
