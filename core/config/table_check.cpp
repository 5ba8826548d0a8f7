#include "config/table_check.hpp"

#include "config/kata_verdict.hpp"
#include "config/known_keys.hpp"
#include "config/loose_value.hpp"

#include <algorithm>
#include <cmath>

namespace nacre::config {
namespace {

std::string range_text(const OptionSchema& schema) {
  if (schema.minimum && schema.maximum)
    return "between " + to_toml(*schema.minimum) + " and " + to_toml(*schema.maximum);
  if (schema.minimum) return "at least " + to_toml(*schema.minimum);
  return schema.maximum ? "at most " + to_toml(*schema.maximum) : "finite";
}

bool in_range(const OptionSchema& schema, double number) {
  return std::isfinite(number) && (!schema.minimum || number >= *schema.minimum) &&
         (!schema.maximum || number <= *schema.maximum);
}

// What is wrong with a value of the right type, as the end of a sentence; "" when nothing is.
std::string fault_of(const OptionSchema& schema, const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value))
    return in_range(schema, static_cast<double>(*number))
               ? ""
               : to_toml(value) + ", it must be " + range_text(schema);
  if (const auto* number = std::get_if<double>(&value))
    return in_range(schema, *number) ? "" : to_toml(value) + ", it must be " + range_text(schema);
  StringList words;
  std::size_t size = 0;
  if (const auto* text = std::get_if<std::string>(&value)) {
    words.push_back(*text);
    size = text->size();
  } else if (const auto* list = std::get_if<StringList>(&value)) {
    words = *list;
    size = list->size();
  } else {
    return {};
  }
  for (const auto& word : words) {
    if (word.find('\0') != std::string::npos) return "not allowed to hold a NUL character";
    if (schema.values.empty() ||
        std::find(schema.values.begin(), schema.values.end(), word) != schema.values.end())
      continue;
    std::string allowed;
    for (const auto& item : schema.values)
      allowed += (allowed.empty() ? "" : ", ") + to_toml(Value(item));
    const auto hint = nearest(word, schema.values);
    return to_toml(Value(word)) + ", it must be one of " + allowed +
           (hint.empty() ? "" : "; did you mean \"" + hint + "\"?");
  }
  if (!in_range(schema, static_cast<double>(size)))
    return std::to_string(size) +
           (words.size() == 1 && std::holds_alternative<std::string>(value) ? " bytes" : " items") +
           " long, it must be " + range_text(schema);
  return {};
}

// A number written without a point is as good a float.
Value normalised(OptionType type, const Value& value) {
  if (type == OptionType::floating && std::holds_alternative<std::int64_t>(value))
    return static_cast<double>(std::get<std::int64_t>(value));
  return value;
}

// The end of the sentence about a key that no one knows: what was probably meant.
std::string hint_for(const std::string& name, const std::string& key, const Schema& schema,
                     const Schema& ignored) {
  std::vector<std::string> known;
  for (const auto* list : {&schema, &ignored})
    for (const auto& item : *list)
      known.push_back(item.key);
  for (auto& item : kata_keys_of(name))
    known.push_back(std::move(item));
  if (const auto near = nearest(key, known); !near.empty()) return "; did you mean \"" + near + "\"?";
  const auto place = place_of_key(key);
  return place.empty() ? "" : "; it belongs into " + place;
}

// A limit that Kata's file asks of every network plugin, or its user of this one.
bool refuse_network_key(const std::string& name, const std::string& key, const Setting& setting,
                        Problems& problems) {
  constexpr std::string_view network = "network.";
  const auto* known = find_kata_key("hypervisor.any", key);
  if (!name.starts_with(network) || !known || known->words != every_network) return false;
  problems.add(setting.key_origin, "\"" + key + "\" is not supported by the network plugin \"" +
                                       name.substr(network.size()) +
                                       "\"; remove the line, or name another plugin in `network`");
  return true;
}

void refuse_key(const std::string& name, const std::string& key, const Setting& setting, const Schema& schema,
                const Schema& ignored, Problems& problems) {
  if (judge_kata_key(name, key, setting, problems)) return;
  if (refuse_network_key(name, key, setting, problems)) return;
  problems.add(setting.key_origin,
               "unknown key \"" + key + "\" in [" + name + "]" + hint_for(name, key, schema, ignored));
}

// What the user wrote, as the option's type has it. Text stands for other types where it does in Kata.
Value typed(const std::string& name, const OptionSchema& schema, const Setting& setting) {
  const auto* text = std::get_if<std::string>(&setting.value);
  if (text && (setting.value_origin.is_annotation() || find_kata_key(name, schema.key)))
    if (auto value = read_loosely(schema.type, *text, schema.unit)) return normalised(schema.type, *value);
  return normalised(schema.type, setting.value);
}

void check_setting(const std::string& name, const OptionSchema& schema, const Setting& setting,
                   CheckedTable& out, Problems& problems) {
  const std::string place = "\"" + schema.key + "\" in [" + name + "]";
  const auto value = typed(name, schema, setting);
  if (!is_of_type(schema.type, value)) {
    problems.add(setting.value_origin, place + " " + type_fault(schema.type, setting.value));
    return;
  }
  if (const auto fault = fault_of(schema, value); !fault.empty()) {
    problems.add(setting.value_origin, place + " is " + fault);
    return;
  }
  out.set(schema.key, Setting{value, setting.key_origin, setting.value_origin});
}

} // namespace

const OptionSchema* find_key(const Schema& schema, const std::string& key) {
  const auto found =
      std::find_if(schema.begin(), schema.end(), [&](const auto& item) { return item.key == key; });
  return found == schema.end() ? nullptr : &*found;
}

const Setting* CheckedTable::find(const std::string& key) const {
  const auto found = settings_.find(key);
  return found == settings_.end() ? nullptr : &found->second;
}

std::string CheckedTable::string(const std::string& key) const {
  const auto* setting = find(key);
  return setting ? std::get<std::string>(setting->value) : std::string();
}

StringList CheckedTable::list(const std::string& key) const {
  const auto* setting = find(key);
  return setting ? std::get<StringList>(setting->value) : StringList();
}

std::int64_t CheckedTable::integer(const std::string& key) const {
  const auto* setting = find(key);
  return setting ? std::get<std::int64_t>(setting->value) : 0;
}

double CheckedTable::number(const std::string& key) const {
  const auto* setting = find(key);
  return setting ? std::get<double>(setting->value) : 0;
}

bool CheckedTable::boolean(const std::string& key) const {
  const auto* setting = find(key);
  return setting && std::get<bool>(setting->value);
}

Origin CheckedTable::origin(const std::string& key) const {
  const auto* setting = find(key);
  return setting ? setting->value_origin : Origin();
}

void CheckedTable::set(const std::string& key, Setting setting) {
  settings_[key] = std::move(setting);
}

CheckedTable check_table(const std::string& name, const Table* table, const Schema& schema,
                         const Schema& ignored, Problems& problems) {
  CheckedTable out;
  for (const auto& item : schema)
    if (item.default_value) out.set(item.key, Setting{normalised(item.type, *item.default_value), {}, {}});
  if (!table) return out;
  for (const auto& [key, setting] : table->settings) {
    if (const auto* item = find_key(schema, key))
      check_setting(name, *item, setting, out, problems);
    else if (!find_key(ignored, key))
      refuse_key(name, key, setting, schema, ignored, problems);
  }
  return out;
}

} // namespace nacre::config
