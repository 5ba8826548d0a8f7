// The devices of a container on their way: admitted before anything starts, attached, and told to the guest.
#include "sandbox/sandbox_impl.hpp"

#include "base/error.hpp"
#include "sandbox/device_spec.hpp"

#include <algorithm>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
constexpr auto find_deadline = 60s; // a driver is loaded, a hot-plugged disk is found

agent_client::v1::FindDevicesRequest question_of(const std::vector<DeviceChoice>& devices,
                                                 PodStorage& storage) {
  agent_client::v1::FindDevicesRequest request;
  for (const auto& device : devices) {
    auto& out = *request.add_devices();
    if (device.disk) {
      out.set_disk(storage.disk_address(device.host));
    } else {
      out.set_name(device.own.name);
      out.set_module(device.own.module);
    }
  }
  return request;
}

bool takes_disks(const plugin::Registry::Entry& entry) {
  return entry.kind == plugin::Kind::storage && entry.status == plugin::LoadStatus::ok &&
         (plugin::capability_bits(entry.kind, entry.identity.capabilities) & NACRE_ST_BLOCK) != 0;
}

// The configuration has a plugin for disks.
void require_plugin_for_disks(const std::list<plugin::Storage>& storages, const plugin::Registry& registry,
                              const HostDisk& disk) {
  for (const auto& storage : storages)
    if (storage.plugin().has(NACRE_ST_BLOCK)) return;
  const auto installed = registry.list();
  const auto found = std::find_if(installed.begin(), installed.end(), takes_disks);
  throw Error(ErrorCode::failed_precondition, "give the container the device", disk.node)
      .because("no storage plugin of the configuration takes disks")
      .hint(found == installed.end() ? "install one, and add it to `storage` in configuration.toml"
                                     : "add \"" + found->name + "\" to `storage` in configuration.toml");
}

} // namespace

std::vector<DeviceChoice> Sandbox::Impl::admit_devices(const oci::Spec& spec,
                                                       const std::vector<GuestMountChoice>& mount_choices) {
  auto devices = choose_devices(spec, mount_choices);
  for (const auto& device : devices) {
    if (!device.disk) continue;
    require_plugin_for_disks(plugins->storages, *registry, *device.disk);
    if (storage)
      storage->require_attachable(*device.disk, device.host, plan.disks_hot_add);
    else
      require_free_disk(plugins->storages, *device.disk, device.host);
  }
  return devices;
}

void Sandbox::Impl::attach_devices(const std::string& container_id,
                                   const std::vector<DeviceChoice>& devices) {
  for (const auto& device : devices)
    if (device.disk) storage->attach_disk(container_id, *device.disk, device.host);
}

void Sandbox::Impl::describe_devices(const std::string& container_id,
                                     const std::vector<DeviceChoice>& devices, boost::json::object& document,
                                     agent_client::v1::CreateContainerRequest& request) {
  std::vector<DeviceNumber> numbers;
  if (!devices.empty()) {
    const auto reply = need_agent()->find_devices(question_of(devices, *storage), find_deadline);
    for (const auto& number : reply.numbers())
      numbers.push_back({number.block() ? 'b' : 'c', number.device_major(), number.device_minor()});
  }
  auto made = set_guest_devices(document, devices, numbers, container_id);
  for (auto& node : made.nodes)
    *request.add_device_nodes() = std::move(node);
  std::string rules;
  for (const auto& rule : made.rules_without_effect)
    rules += (rules.empty() ? "\"" : ", \"") + rule + "\"";
  if (!rules.empty())
    log(LogLevel::warning,
        "container " + container_id + ": device rule " + rules +
            " is about devices of the host's that the container does not have; it has no effect");
}

} // namespace nacre::sandbox
