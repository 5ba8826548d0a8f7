#include "config/known_keys.hpp"

#include "config/config.hpp"
#include "config/kata_key.hpp"

#include <algorithm>
#include <set>

namespace nacre::config {
namespace {

// Each key of the core and of Kata with the table that it stands in.
std::set<std::pair<std::string, std::string>> keys_and_tables() {
  std::set<std::pair<std::string, std::string>> all;
  for (const auto& [table, schema] : {std::pair("runtime", &runtime_schema()),
                                      {"agent.nacre", &agent_schema()},
                                      {"hypervisor.NAME", &guest_schema()}})
    for (const auto& option : *schema)
      all.emplace(option.key, table);
  for (const auto& table : kata_tables()) {
    std::string name(table.name);
    if (const auto star = name.find('*'); star != name.npos)
      name.replace(star, 1,
                   name.starts_with("agent")        ? "nacre"
                   : name.starts_with("hypervisor") ? "NAME"
                                                    : "kata");
    for (const auto& key : table.keys)
      all.emplace(key.key, name);
  }
  return all;
}

} // namespace

std::vector<std::string> kata_keys_of(const std::string& table) {
  std::vector<std::string> keys;
  const auto* first = find_kata_table(table);
  if (!first) return keys;
  for (const auto& item : kata_tables())
    if (item.name == first->name)
      for (const auto& key : item.keys)
        keys.emplace_back(key.key);
  return keys;
}

std::string place_of_key(const std::string& key) {
  std::string place;
  for (const auto& [known, table] : keys_and_tables()) {
    if (known != key) continue;
    if (!place.empty()) return {};
    place = "[" + table + "]";
  }
  return place;
}

std::vector<std::string> all_known_keys() {
  std::set<std::string> keys;
  for (const auto& [key, table] : keys_and_tables())
    keys.insert(key);
  return {keys.begin(), keys.end()};
}

std::vector<std::string> all_known_tables() {
  return {"runtime", "agent", "hypervisor", "network", "storage", "security",
          "factory", "image", "netmon",     "proxy",   "shim"};
}

} // namespace nacre::config
