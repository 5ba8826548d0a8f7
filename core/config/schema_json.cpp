#include "config/option_schema.hpp"

#include "base/error.hpp"
#include "config/table_check.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>

namespace nacre::config {
namespace {

namespace json = boost::json;

[[noreturn]] void refuse(const std::string& key, const std::string& why) {
  throw Error(ErrorCode::invalid_argument, "read options description", key).because(why);
}

std::string text_member(const json::object& object, const std::string& key, const char* member) {
  const auto* value = object.if_contains(member);
  if (!value) return {};
  if (!value->is_string()) refuse(key, std::string("\"") + member + "\" is not a string");
  return std::string(value->get_string());
}

std::optional<double> number_member(const json::object& object, const std::string& key, const char* member) {
  const auto* value = object.if_contains(member);
  if (!value) return {};
  if (!value->is_number()) refuse(key, std::string("\"") + member + "\" is not a number");
  return value->to_number<double>();
}

OptionType type_member(const json::object& object, const std::string& key) {
  const auto type = text_member(object, key, "type");
  if (type == "string") return OptionType::string;
  if (type == "integer") return OptionType::integer;
  if (type == "float") return OptionType::floating;
  if (type == "boolean") return OptionType::boolean;
  if (type == "strings") return OptionType::string_list;
  refuse(key, "\"type\" is \"" + type + "\", not string, integer, float, boolean or strings");
}

StringList strings_of(const json::value& value, const std::string& key, const char* member) {
  StringList list;
  const auto* array = value.if_array();
  if (!array) refuse(key, std::string("\"") + member + "\" is not a list");
  for (const auto& item : *array) {
    if (!item.is_string()) refuse(key, std::string("\"") + member + "\" holds something that is no string");
    list.emplace_back(item.get_string());
  }
  return list;
}

Value value_of(const json::value& value, const std::string& key) {
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_bool()) return value.get_bool();
  if (value.is_int64()) return value.get_int64();
  if (value.is_double()) return value.get_double();
  return strings_of(value, key, "default");
}

OptionSchema option_of(const json::value& value) {
  const auto* object = value.if_object();
  if (!object) refuse("", "an element is no object");
  OptionSchema option;
  option.key = text_member(*object, "", "key");
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (option.key.empty() || !std::all_of(option.key.begin(), option.key.end(), good))
    refuse(option.key, "a key is made of small letters, digits and _");
  option.type = type_member(*object, option.key);
  option.help = text_member(*object, option.key, "help");
  option.minimum = number_member(*object, option.key, "min");
  option.maximum = number_member(*object, option.key, "max");
  if (const auto* values = object->if_contains("values"))
    option.values = strings_of(*values, option.key, "values");
  if (const auto* fallback = object->if_contains("default"))
    option.default_value = value_of(*fallback, option.key);
  return option;
}

// The default must pass the check that a user's value would have to pass.
void check_default(const OptionSchema& option) {
  if (!option.default_value) return;
  Table table;
  table.settings[option.key] = Setting{*option.default_value, {}, {}};
  Problems problems;
  check_table("default", &table, {option}, {}, problems);
  if (!problems.empty()) refuse(option.key, problems.text());
}

} // namespace

Schema parse_schema(std::string_view text) {
  boost::system::error_code failure;
  const auto value = text.empty() ? json::value(json::array()) : json::parse(text, failure);
  if (failure) refuse("", "not JSON: " + failure.message());
  const auto* array = value.if_array();
  if (!array) refuse("", "not a list");
  Schema schema;
  for (const auto& item : *array) {
    auto option = option_of(item);
    if (std::any_of(schema.begin(), schema.end(), [&](const auto& other) { return other.key == option.key; }))
      refuse(option.key, "described twice");
    check_default(option);
    schema.push_back(std::move(option));
  }
  return schema;
}

} // namespace nacre::config
