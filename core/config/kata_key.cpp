#include "config/kata_key.hpp"

#include <algorithm>
#include <array>

namespace nacre::config {
namespace {

// "hypervisor.*.factory" against "hypervisor.qemu.factory".
bool fits(std::string_view pattern, std::string_view name) {
  for (;;) {
    const auto wanted = pattern.substr(0, pattern.find('.')), part = name.substr(0, name.find('.'));
    if (part.empty() || (wanted != "*" && wanted != part)) return false;
    const bool last = wanted.size() == pattern.size();
    if (last || part.size() == name.size()) return last && part.size() == name.size();
    pattern.remove_prefix(wanted.size() + 1);
    name.remove_prefix(part.size() + 1);
  }
}

} // namespace

std::span<const KataTable> kata_tables() {
  static const std::array tables = {
      KataTable{"runtime", kata_runtime_keys()},
      KataTable{"agent.kata.mem_agent", kata_mem_agent_keys()},
      KataTable{"agent.*", kata_agent_keys()},
      KataTable{"hypervisor.*", kata_hypervisor_keys()},
      KataTable{"hypervisor.*", kata_device_keys()},
      KataTable{"hypervisor.*.factory", kata_factory_keys()},
      KataTable{"hypervisor.*.rootless_user", kata_rootless_user_keys()},
      KataTable{"factory", kata_factory_keys()},
      KataTable{"proxy.*", kata_proxy_keys()},
      KataTable{"shim.*", kata_shim_keys()},
      KataTable{"netmon", kata_netmon_keys()},
      KataTable{"image", kata_image_keys()},
  };
  return tables;
}

const KataTable* find_kata_table(std::string_view table) {
  const auto tables = kata_tables();
  const auto found = std::ranges::find_if(tables, [&](const auto& item) { return fits(item.name, table); });
  return found == tables.end() ? nullptr : &*found;
}

const KataKey* find_kata_key(std::string_view table, std::string_view key) {
  for (const auto& item : kata_tables()) {
    if (!fits(item.name, table)) continue;
    const auto found = std::ranges::find(item.keys, key, &KataKey::key);
    if (found != item.keys.end()) return &*found;
  }
  return nullptr;
}

} // namespace nacre::config
