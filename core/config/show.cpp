// `nacre config show`: the configuration in force, as TOML.
#include "config/config.hpp"

#include <algorithm>

namespace nacre::config {
namespace {

// A bare key is printed as it is; anything else as a quoted key.
std::string key_text(const std::string& key) {
  const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  return bare ? key : to_toml(Value(key));
}

void print_table(const std::string& name, const std::map<std::string, Setting>& settings, bool with_origin,
                 std::string& out) {
  if (settings.empty()) return;
  std::string title;
  for (std::size_t start = 0; start <= name.size();) {
    const auto dot = std::min(name.find('.', start), name.size());
    title += (title.empty() ? "" : ".") + key_text(name.substr(start, dot - start));
    start = dot + 1;
  }
  out += (out.empty() ? "[" : "\n[") + title + "]\n";
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
  const auto chosen = "hypervisor." + runtime_.hypervisor;
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
