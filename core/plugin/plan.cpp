#include "plugin/plan.hpp"

#include "base/error.hpp"

namespace nacre::plugin {
namespace {

std::string label(const Party& party) {
  return std::string(to_string(party.kind)) + " plugin \"" + party.name + "\"";
}

// Which line to change: that of the party that asks too much, or else the hypervisor's.
std::string remedy(const Party& needy, const Party& hypervisor) {
  const std::string key = "[runtime] " + std::string(to_string(needy.kind));
  std::string text = "choose another one in " + key;
  if (!needy.place.empty()) text += " (" + needy.place + ")";
  text += ", or another hypervisor";
  if (!hypervisor.place.empty()) text += " (" + hypervisor.place + ")";
  return text;
}

void require_kinds(const Offer& offer, const Need& need, std::uint64_t kinds, std::uint64_t wanted,
                   const char* verb) {
  for (std::uint32_t kind = 0; kind < NACRE_DEVICE_KIND_LIMIT; ++kind) {
    if ((kinds >> kind & 1) == 0) continue;
    if ((offer.device_capabilities(kind) & wanted) != 0) continue;
    throw Error(ErrorCode::failed_precondition, "plan the VM")
        .because(label(need.party) + " needs a " + device_kind_name(kind) + " that is " + verb + ", which " +
                 label(offer.hypervisor) + " does not offer")
        .hint(remedy(need.party, offer.hypervisor));
  }
}

bool can(const Offer& offer, std::uint32_t kind, std::uint64_t capability) {
  return (offer.device_capabilities(kind) & capability) != 0;
}

// The first takes every folder and file, so another one would only cost the guest a device.
void require_one_share(const std::vector<Need>& needs) {
  const Need* first = nullptr;
  for (const Need& need : needs) {
    if (!need.shares_folders) continue;
    if (first)
      throw Error(ErrorCode::failed_precondition, "plan the VM")
          .because(label(first->party) + " and " + label(need.party) +
                   " both share folders, and the first one takes them all")
          .hint("take one of them out of [runtime] storage" +
                (need.party.place.empty() ? "" : " (" + need.party.place + ")"));
    first = &need;
  }
}

} // namespace

std::string device_kind_name(std::uint32_t kind) {
  switch (kind) {
  case NACRE_DEVICE_SHARE:
    return "9p share";
  case NACRE_DEVICE_VHOST_USER_FS:
    return "virtio-fs share";
  case NACRE_DEVICE_BLOCK:
    return "disk";
  case NACRE_DEVICE_NET:
    return "network card";
  case NACRE_DEVICE_VFIO:
    return "VFIO device";
  case NACRE_DEVICE_PMEM:
    return "persistent-memory device";
  case NACRE_DEVICE_VSOCK:
    return "vsock device";
  default:
    return "device of kind " + std::to_string(kind);
  }
}

Plan make_plan(const Offer& offer, const std::vector<Need>& needs) {
  Plan plan;
  require_one_share(needs);
  for (const Need& need : needs) {
    require_kinds(offer, need, need.devices.cold_kinds, NACRE_DEV_COLD_ADD, "there at boot");
    require_kinds(offer, need, need.devices.hot_kinds, NACRE_DEV_HOT_ADD, "added while the VM runs");
    if (need.shared_ram) plan.ram_backing = NACRE_RAM_SHARED_MEMFD;
  }
  plan.nics_hot_add = can(offer, NACRE_DEVICE_NET, NACRE_DEV_HOT_ADD);
  plan.disks_hot_add = can(offer, NACRE_DEVICE_BLOCK, NACRE_DEV_HOT_ADD);
  for (const Need& need : needs)
    if ((need.devices.cold_kinds >> NACRE_DEVICE_PMEM & 1) != 0)
      plan.disks_hot_add = plan.disks_hot_add && can(offer, NACRE_DEVICE_PMEM, NACRE_DEV_HOT_ADD);
  plan.disks_grow = can(offer, NACRE_DEVICE_BLOCK, NACRE_DEV_GROW);
  plan.shares_hot_add = can(offer, NACRE_DEVICE_SHARE, NACRE_DEV_HOT_ADD);
  plan.runs_guest = (offer.capabilities & NACRE_HV_NO_GUEST) == 0;
  return plan;
}

Offer offer_of(Vm& vm, std::string place) {
  return {{Kind::hypervisor, vm.plugin().name(), std::move(place)},
          vm.plugin().capabilities(),
          [&vm](std::uint32_t kind) { return vm.device_capabilities(kind); }};
}

Need need_of(Storage& storage, std::string place) {
  return {{Kind::storage, storage.plugin().name(), std::move(place)},
          storage.needs(),
          storage.plugin().has(NACRE_ST_SHARED_RAM),
          storage.plugin().has(NACRE_ST_SHARES_FOLDERS)};
}

Need need_of(Network& network, std::string place) {
  return {{Kind::network, network.plugin().name(), std::move(place)}, network.needs(), false, false};
}

} // namespace nacre::plugin
