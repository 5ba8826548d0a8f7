// `nacre config show`: the configuration in force, as TOML.
#include "config/config.hpp"
#include "config/toml_text.hpp"

namespace nacre::config {
namespace {

void print_table(const std::string& name, const std::map<std::string, Setting>& settings, bool with_origin,
                 std::string& out) {
  if (settings.empty()) return;
  out += (out.empty() ? "" : "\n") + title_text(name);
  for (const auto& [key, setting] : settings) {
    out += key_text(key) + " = " + to_toml(setting.value);
    if (with_origin) out += "  # " + setting.value_origin.text();
    out += '\n';
  }
}

} // namespace

Config::Tables Config::effective() const {
  Tables tables;
  tables.emplace_back("runtime", runtime_table_.settings());
  tables.emplace_back("agent.nacre", agent_table_.settings());
  const auto& chosen = hypervisor_table_;
  auto settings = guest_table_.settings();
  if (const auto* table = document_.find(chosen))
    for (const auto& [key, setting] : table->settings)
      settings.emplace(key, setting);
  tables.emplace_back(chosen, std::move(settings));
  for (const auto& [name, table] : document_.tables)
    if (name != "runtime" && name != chosen && !name.starts_with("agent"))
      tables.emplace_back(name, table.settings);
  return tables;
}

std::string Config::show(bool with_origin) const {
  std::string out;
  for (const auto& [name, settings] : effective())
    print_table(name, settings, with_origin, out);
  return out;
}

} // namespace nacre::config
