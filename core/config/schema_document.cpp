#include "config/schema_document.hpp"

#include "config/config.hpp"
#include "config/kata_key.hpp"
#include "config/value_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace nacre::config {
namespace {

namespace json = boost::json;

std::string_view name_of(KataFate fate) {
  switch (fate) {
  case KataFate::honoured:
    return "honoured";
  case KataFate::chosen:
    return "chosen";
  case KataFate::moved:
    return "moved";
  case KataFate::mapped:
    return "mapped";
  case KataFate::refused:
    return "refused";
  }
  return {};
}

json::value number(double value) {
  const auto whole = static_cast<std::int64_t>(value);
  return static_cast<double>(whole) == value ? json::value(whole) : json::value(value);
}

json::object key_object(const OptionSchema& option) {
  json::object object{{"key", option.key}, {"type", to_string(option.type)}};
  if (option.default_value) object["default"] = json_of(*option.default_value);
  if (option.minimum) object["min"] = number(*option.minimum);
  if (option.maximum) object["max"] = number(*option.maximum);
  if (!option.values.empty()) object["values"] = json_of(Value(option.values));
  if (!option.unit.empty()) object["unit"] = option.unit;
  object["help"] = option.help;
  return object;
}

json::object table_object(const std::string& name, const std::string& plugin, const Schema& schema) {
  json::object object{{"name", name}};
  if (!plugin.empty()) object["plugin"] = plugin;
  auto& keys = object["keys"].emplace_array();
  for (const auto& option : schema)
    keys.push_back(key_object(option));
  return object;
}

json::object kata_object(std::string_view table, const KataKey& key) {
  json::object object{{"table", table}, {"key", key.key}, {"type", to_string(key.type)}};
  object["disposition"] = name_of(key.fate);
  auto& nothing = object["nothing"].emplace_array();
  for (auto rest = key.nothing; !rest.empty();) {
    const auto bar = rest.find('|');
    nothing.emplace_back(rest.substr(0, bar));
    rest = bar == rest.npos ? std::string_view() : rest.substr(bar + 1);
  }
  object["words"] = key.words;
  object["annotation"] = key.annotation == "=" ? key.key : key.annotation;
  return object;
}

} // namespace

json::value schema_document(const std::vector<PluginSchema>& plugins) {
  json::object document;
  auto& tables = document["tables"].emplace_array();
  tables.push_back(table_object("runtime", "", runtime_schema()));
  tables.push_back(table_object("agent.nacre", "", agent_schema()));
  tables.push_back(table_object("hypervisor.*", "", guest_schema()));
  for (const auto& [kind, name, schema] : plugins)
    tables.push_back(table_object(kind + "." + name, kind + "/" + name, schema));
  auto& kata = document["kata"].emplace_array();
  for (const auto& table : kata_tables())
    for (const auto& key : table.keys)
      kata.push_back(kata_object(table.name, key));
  return document;
}

} // namespace nacre::config
