#include "plugin/configured_tables.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace nacre::plugin {
namespace {

using Named = std::pair<Kind, std::string>;

std::vector<std::string> chosen(const config::Config& config, Kind kind) {
  switch (kind) {
  case Kind::hypervisor:
    return {config.runtime().hypervisor};
  case Kind::network:
    return config.runtime().network;
  case Kind::storage:
    return config.runtime().storage;
  case Kind::security:
    return config.runtime().security;
  }
  return {};
}

bool is_in(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Plugins that only have a table: another line of [runtime] would make it count.
std::set<Named> with_tables(const config::Config& config, const Registry& registry) {
  std::set<Named> plugins;
  for (const auto& [table, content] : config.document().tables) {
    const auto dot = table.find('.');
    const auto kind = kind_of(table.substr(0, dot));
    if (!kind || dot == table.npos) continue;
    const auto name = table.substr(dot + 1);
    if (is_plugin_name(name) && std::filesystem::exists(registry.path_of(*kind, name)))
      plugins.emplace(*kind, name);
  }
  return plugins;
}

// A table that no plugin reads: a slip in the name of one, or one that is not installed.
void judge_unread(const config::Config& config, const Registry& registry, config::Problems& problems) {
  std::map<std::string, std::vector<std::string>> names; // by kind
  for (const auto& entry : registry.list())
    names[std::string(to_string(entry.kind))].push_back(entry.name);
  for (const auto& [table, content] : config.document().tables) {
    const auto dot = table.find('.');
    const auto kind = kind_of(table.substr(0, dot));
    if (!kind || dot == table.npos || table.find('.', dot + 1) != table.npos) continue;
    const auto name = table.substr(dot + 1);
    const auto& installed = names[table.substr(0, dot)];
    if (table == config.hypervisor_table_name() || is_in(installed, name) ||
        is_in(chosen(config, *kind), name))
      continue;
    const auto near = name.size() < 4 ? "" : config::nearest(name, installed);
    const auto text = "[" + table + "] is read by no plugin that is installed";
    if (near.empty())
      problems.note(content.origin, text);
    else
      problems.add(content.origin, text + "; did you mean [" + table.substr(0, dot + 1) + near + "]?");
  }
}

void check_one(const config::Config& config, Registry& registry, const Named& plugin,
               config::Problems& problems) {
  const auto& loaded = registry.load(plugin.first, plugin.second);
  config.check(to_string(plugin.first), plugin.second, config::parse_schema(loaded.options_schema()),
               problems);
}

} // namespace

void check_plugin_tables(const config::Config& config, Registry& registry, config::Problems& problems) {
  std::set<Named> done;
  for (const auto kind : all_kinds) {
    for (const auto& name : chosen(config, kind)) {
      if (!is_plugin_name(name) || !done.emplace(kind, name).second) continue; // said already
      const std::string key(to_string(kind));
      try {
        check_one(config, registry, {kind, name}, problems);
      } catch (const std::exception& failure) {
        const auto origin = config.runtime_table().origin(key);
        if (config.document().chosen_as_kata.contains(key))
          problems.note(origin, std::string(failure.what()) + "; until then no container can be made");
        else
          problems.add(origin, failure.what());
        if (kind == Kind::hypervisor) config.check_hypervisor_as_kata(problems);
      }
    }
  }
  judge_unread(config, registry, problems);
  for (const auto& plugin : with_tables(config, registry))
    if (done.insert(plugin).second) check_one(config, registry, plugin, problems);
}

} // namespace nacre::plugin
