#include "config/kata_verdict.hpp"

#include "config/loose_value.hpp"

namespace nacre::config {
namespace {

constexpr std::string_view not_yet = "is not supported yet; remove the line";

// As the key's type would read it, where the file has it in a string.
Value as_typed(const KataKey& key, const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value))
    if (auto read = read_loosely(key.type, *text)) return *read;
  return value;
}

} // namespace

bool asks_for_nothing(const KataKey& key, const Value& value) {
  const auto written = to_toml(as_typed(key, value));
  for (auto rest = key.nothing; !rest.empty();) {
    const auto bar = rest.find('|');
    if (rest.substr(0, bar) == written) return true;
    rest = bar == rest.npos ? std::string_view() : rest.substr(bar + 1);
  }
  return false;
}

bool judge_kata_key(const std::string& table, const std::string& key, const Setting& setting,
                    Problems& problems) {
  const auto* known = find_kata_key(table, key);
  if (!known) return false;
  const std::string place = "\"" + key + "\" in [" + table + "]";
  if (asks_for_nothing(*known, setting.value)) return true;
  const auto words = known->words.empty() ? not_yet : known->words;
  switch (known->fate) {
  case KataFate::chosen:
  case KataFate::moved:
    break; // said where it takes effect
  case KataFate::mapped:
    if (!is_of_type(known->type, as_typed(*known, setting.value)))
      problems.add(setting.value_origin, place + " " + type_fault(known->type, setting.value));
    else
      problems.note(setting.key_origin, place + ": " + std::string(words));
    break;
  case KataFate::honoured:
  case KataFate::refused:
    problems.add(setting.key_origin, place + " " + std::string(words));
    break;
  }
  return true;
}

} // namespace nacre::config
