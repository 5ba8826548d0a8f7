#include "oci/pretty_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace nacre::oci {
namespace {

void append(const boost::json::value& value, std::size_t indent, std::string& out) {
  const std::string inner(indent + 2, ' ');
  if (const auto* object = value.if_object(); object && !object->empty()) {
    out += "{\n";
    for (const auto& [key, member] : *object) {
      out += inner + boost::json::serialize(key) + ": ";
      append(member, indent + 2, out);
      out += ",\n";
    }
    out.replace(out.size() - 2, 2, "\n");
    out.append(indent, ' ') += '}';
  } else if (const auto* array = value.if_array(); array && !array->empty()) {
    out += "[\n";
    for (const auto& item : *array) {
      out += inner;
      append(item, indent + 2, out);
      out += ",\n";
    }
    out.replace(out.size() - 2, 2, "\n");
    out.append(indent, ' ') += ']';
  } else {
    out += boost::json::serialize(value);
  }
}

} // namespace

std::string pretty(const boost::json::value& value) {
  std::string out;
  append(value, 0, out);
  return out;
}

} // namespace nacre::oci
