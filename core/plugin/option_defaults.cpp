#include "plugin/option_defaults.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace nacre::plugin {
namespace json = boost::json;

std::string option_defaults(std::string_view schema) {
  json::object options;
  const json::value description = json::parse({schema.data(), schema.size()});
  for (const auto& entry : description.as_array())
    if (const auto* value = entry.as_object().if_contains("default"))
      options[entry.at("key").as_string()] = *value;
  return json::serialize(options);
}

} // namespace nacre::plugin
