#include "sandbox/plugin_set.hpp"

namespace nacre::sandbox {
namespace {

std::string checked_options(const config::Config& config, const plugin::Plugin& plugin,
                            const plugin::HostEnvironment& environment) {
  const auto schema = config::parse_schema(plugin.options_schema());
  const auto options = config.check(plugin.identity().kind, plugin.name(), schema);
  for (const auto& notice : options.notices)
    environment.log(plugin::LogLevel::info, plugin.label(), notice.origin.text() + ": " + notice.text);
  return options.json;
}

// "FILE:LINE"; "": a default.
std::string line_of(const config::Origin& origin) {
  return origin.is_default() ? std::string() : origin.file + ":" + std::to_string(origin.line);
}

} // namespace

PluginSet::PluginSet(const config::Config& config, plugin::Registry& registry,
                     plugin::HostEnvironment& environment) {
  const auto& runtime = config.runtime();
  const auto limits = plugin::Limits::none();
  const auto& hypervisor = registry.load(plugin::Kind::hypervisor, runtime.hypervisor);
  for (const auto& name : runtime.security) {
    const auto& loaded = registry.load(plugin::Kind::security, name);
    securities.emplace_back(loaded, environment, limits, checked_options(config, loaded, environment));
  }
  for (const auto& name : runtime.storage) {
    const auto& loaded = registry.load(plugin::Kind::storage, name);
    storages.emplace_back(loaded, environment, limits, checked_options(config, loaded, environment));
  }
  for (const auto& name : runtime.network) {
    const auto& loaded = registry.load(plugin::Kind::network, name);
    networks.emplace_back(loaded, environment, limits, checked_options(config, loaded, environment));
  }
  vm.emplace(plugin::Hypervisor(hypervisor)
                 .create(environment, limits, checked_options(config, hypervisor, environment)));
}

plugin::Plan PluginSet::plan(const config::RuntimeOptions& chosen) {
  std::vector<plugin::Need> needs;
  for (auto& storage : storages)
    needs.push_back(plugin::need_of(storage, line_of(chosen.storage_origin)));
  for (auto& network : networks)
    needs.push_back(plugin::need_of(network, line_of(chosen.network_origin)));
  return plugin::make_plan(plugin::offer_of(*vm, line_of(chosen.hypervisor_origin)), needs);
}

bool PluginSet::has_security(std::uint64_t capability) const {
  for (const auto& security : securities)
    if (security.plugin().has(capability)) return true;
  return false;
}

bool PluginSet::has_guest_labels() const {
  return has_security(NACRE_SEC_GUEST_LABEL);
}

bool PluginSet::has_vmm_labels() const {
  return has_security(NACRE_SEC_HOST_LABEL);
}

} // namespace nacre::sandbox
