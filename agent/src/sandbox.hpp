// The guest as the host's calls see it: everything of one pod, wired together.
#pragma once

#include "containers.hpp"
#include "dns_relay.hpp"
#include "event_log.hpp"
#include "event_loop.hpp"
#include "listened_sockets.hpp"
#include "modules.hpp"
#include "network.hpp"
#include "reaper.hpp"
#include "shared_ports.hpp"
#include "storage.hpp"
#include "timeline.hpp"

namespace nacre::agent {

class Sandbox {
public:
  Sandbox(Timeline& the_timeline, Modules& the_modules, Reaper& the_reaper,
          const std::atomic<std::size_t>& stdio_window, bool allow_debug_console);

  Timeline& timeline;
  Modules& modules;
  Reaper& reaper;
  const bool debug_console;
  EventLoop loop;
  EventLog events;
  Storages storages;
  GuestNetwork network;
  DnsRelay dns;
  ListenedSockets sockets;
  SharedPorts ports;
  Containers containers;

  void create(const v1::CreateSandboxRequest& request); // throws Error
  void add_storages(const v1::AddStoragesRequest& request);
  void destroy();

private:
  std::mutex mutex_;
  bool created_ = false;
};

// `net.ipv4.ip_forward` or `net/ipv4/ip_forward` as the file below /proc/sys. Throws Error for a name that
// leaves it.
std::string sysctl_file(const std::string& name);

} // namespace nacre::agent
