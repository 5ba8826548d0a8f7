// The pod's network while the virtual machine runs: engines connect and disconnect networks at any time.
#include "sandbox/sandbox_impl.hpp"

#include "base/error.hpp"

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
// The guest waits for a NIC that was just added; under QEMU's emulator, on a busy host, that takes seconds.
constexpr auto update_deadline = 60s;

// What the container will see as /etc/resolv.conf; "" when that is its image's own.
std::string resolv_conf_of(const oci::Spec& spec) {
  for (const auto& mount : spec.mounts)
    if (mount.destination == "/etc/resolv.conf" && mount.source.starts_with("/")) return mount.source;
  return {};
}

} // namespace

void Sandbox::Impl::watch_network(int netns_fd) {
  if (!plan.runs_guest) return;
  network_follower = std::make_unique<OnDemandWorker>([this] { follow_network(); });
  network_watch = std::make_unique<NetnsWatch>(netns_fd, loop, [this] {
    try {
      network_follower->wake();
    } catch (const std::exception& error) { // no thread to be had: the next notice tries again
      log(LogLevel::warning, std::string("follow the pod's network: ") + error.what());
    }
  });
}

void Sandbox::Impl::serve_dns(const oci::Spec& spec) {
  if (!dns) {
    dns = std::make_unique<PodDns>(loop, network->netns_fd(), [this](const std::string& problem) {
      log(LogLevel::warning, "sandbox " + sandbox_id + ": " + problem);
    });
    dns->serve(need_agent());
  }
  dns->follow(resolv_conf_of(spec));
}

void Sandbox::Impl::serve_ports() {
  if (!shares_network || ports) return;
  ports =
      std::make_unique<PodPorts>(loop, network->netns_fd(), need_agent(), [this](const std::string& problem) {
        log(LogLevel::warning, "sandbox " + sandbox_id + ": " + problem);
      });
}

PodNetwork::Tell Sandbox::Impl::tell_network() {
  return [this](const agent_client::v1::Network& now) { need_agent()->update_network(now, update_deadline); };
}

void Sandbox::Impl::follow_network() noexcept {
  const auto warn = [this](const std::exception& error) {
    log(LogLevel::warning, std::string("the network of a running container: ") + error.what());
  };
  try {
    network->follow(plan.nics_hot_add, tell_network(), warn);
  } catch (const std::exception& error) {
    warn(error);
  }
}

} // namespace nacre::sandbox
