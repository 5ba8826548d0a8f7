#include "config/loose_value.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

namespace nacre::config {
namespace {

std::string with_article(std::string_view word) {
  return (std::string_view("aeiou").find(word.front()) == std::string_view::npos ? "a " : "an ") +
         std::string(word);
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

std::optional<Value> boolean_of(const std::string& text) {
  for (const auto* word : {"1", "t", "T", "true", "TRUE", "True"})
    if (text == word) return true;
  for (const auto* word : {"0", "f", "F", "false", "FALSE", "False"})
    if (text == word) return false;
  return {};
}

template <typename Number> std::optional<Number> number_of(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

// "2 GiB", "2G" and "2048" are one size.
std::optional<Value> mebibytes_of(const std::string& text) {
  const auto unit = text.find_first_not_of("0123456789");
  const auto number = number_of<std::int64_t>(std::string_view(text).substr(0, unit));
  if (!number || *number > (std::int64_t{1} << 40)) return {};
  const auto word = unit == text.npos ? std::string("MiB") : trimmed(text.substr(unit));
  if (word == "KiB" || word == "Ki" || word == "K") return *number / 1024;
  if (word == "MiB" || word == "Mi" || word == "M") return *number;
  if (word == "GiB" || word == "Gi" || word == "G") return *number * 1024;
  return {};
}

std::optional<Value> list_of(const std::string& text) {
  StringList list;
  if (text.starts_with("[")) {
    boost::system::error_code failure;
    const auto value = boost::json::parse(text, failure);
    if (failure || !value.is_array()) return {};
    for (const auto& item : value.get_array()) {
      if (!item.is_string()) return {};
      list.emplace_back(item.get_string());
    }
    return list;
  }
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');)
    if (auto word = trimmed(part); !word.empty()) list.push_back(std::move(word));
  return list;
}

} // namespace

std::optional<Value> read_loosely(OptionType type, const std::string& text, std::string_view unit) {
  const auto word = trimmed(text);
  switch (type) {
  case OptionType::string:
    return text;
  case OptionType::boolean:
    return boolean_of(word);
  case OptionType::integer:
    if (unit == "MiB") return mebibytes_of(word);
    if (const auto number = number_of<std::int64_t>(word)) return *number;
    return {};
  case OptionType::floating:
    if (const auto number = number_of<double>(word); number && std::isfinite(*number)) return *number;
    return {};
  case OptionType::string_list:
    return list_of(word);
  }
  return {};
}

bool is_of_type(OptionType type, const Value& value) {
  switch (type) {
  case OptionType::string:
    return std::holds_alternative<std::string>(value);
  case OptionType::integer:
    return std::holds_alternative<std::int64_t>(value);
  case OptionType::floating:
    return std::holds_alternative<double>(value) || std::holds_alternative<std::int64_t>(value);
  case OptionType::boolean:
    return std::holds_alternative<bool>(value);
  case OptionType::string_list:
    return std::holds_alternative<StringList>(value);
  }
  return false;
}

std::string type_fault(OptionType type, const Value& value) {
  return "must be " + with_article(to_string(type)) + ", not " + with_article(kind_of(value));
}

} // namespace nacre::config
