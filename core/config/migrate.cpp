// `nacre config migrate`: a file of Kata's as one of Nacre's.
#include "config/config.hpp"
#include "config/kata_verdict.hpp"
#include "config/toml_text.hpp"

namespace nacre::config {
namespace {

using Settings = std::map<std::string, Setting>;

std::string lines_of_settings(const Settings& settings) {
  std::string text;
  for (const auto& [key, setting] : settings)
    text += key_text(key) + " = " + to_toml(setting.value) + "\n";
  return text;
}

void add_written(const CheckedTable& table, Settings& out) {
  for (const auto& [key, setting] : table.settings())
    if (!setting.value_origin.is_default()) out.emplace(key, setting);
}

// A plugin's own key that Kata has too: its value counts where it is not what the plugin does anyway.
bool is_plugins_own(const std::string& table, const std::string& key, const Setting& setting) {
  const auto* known = find_kata_key(table, key);
  return !known || (known->fate == KataFate::honoured && !asks_for_nothing(*known, setting.value));
}

std::string comments_of(const std::vector<Problem>& notices) {
  std::string text, last;
  for (const auto& notice : notices) {
    if (notice.text == last) continue;
    last = notice.text;
    text += "# " + notice.text + "\n";
  }
  return text;
}

} // namespace

std::string Config::migrated(const Problems& problems) const {
  const std::string choices[] = {"hypervisor", "network", "storage", "security"};
  std::string out = comments_of(problems.notices());
  out += "\n[runtime]\n";
  for (const auto& key : choices)
    out += key + " = " + to_toml(runtime_table_.find(key)->value) + "\n";
  Settings runtime;
  add_written(runtime_table_, runtime);
  for (const auto& key : choices)
    runtime.erase(key);
  out += lines_of_settings(runtime);

  Settings agent;
  add_written(agent_table_, agent);
  if (!agent.empty()) out += "\n" + title_text("agent.nacre") + lines_of_settings(agent);

  Settings hypervisor;
  add_written(guest_table_, hypervisor);
  if (guest_.has_kata_assets)
    for (const auto* key : {"kernel", "initrd", "image"})
      hypervisor.erase(key);
  if (const auto* table = document_.find(hypervisor_table_))
    for (const auto& [key, setting] : table->settings)
      if (!find_key(guest_schema(), key) && is_plugins_own(hypervisor_table_, key, setting))
        hypervisor.emplace(key, setting);
  out += "\n" + title_text("hypervisor." + runtime_.hypervisor) + lines_of_settings(hypervisor);

  for (const auto& [name, table] : document_.tables)
    for (const auto* kind : {"network.", "storage.", "security."})
      if (name.starts_with(kind) && !table.settings.empty())
        out += "\n" + title_text(name) + lines_of_settings(table.settings);
  return out;
}

} // namespace nacre::config
