#include "config/value_json.hpp"

#include <boost/json/array.hpp>

namespace nacre::config {

boost::json::value json_of(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return boost::json::string(*text);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  boost::json::array list;
  if (const auto* texts = std::get_if<StringList>(&value))
    for (const auto& text : *texts)
      list.emplace_back(text);
  return list;
}

} // namespace nacre::config
