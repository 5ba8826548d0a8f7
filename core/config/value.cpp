#include "config/value.hpp"

#include "config/option_schema.hpp"

#include <cmath>
#include <cstdio>

namespace nacre::config {
namespace {

template <class... Ts> struct Overloaded : Ts... { using Ts::operator()...; };
template <class... Ts> Overloaded(Ts...) -> Overloaded<Ts...>;

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04X", byte);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string number_text(double number) {
  char text[32];
  if (number == std::trunc(number) && std::abs(number) < 1e15) { // 240, not 2.4e+02
    std::snprintf(text, sizeof text, "%.0f", number);
    return text;
  }
  std::snprintf(text, sizeof text, "%.17g", number);
  for (int precision = 1; precision < 17;
       ++precision) { // the shortest text that reads back as the same number
    char shorter[32];
    std::snprintf(shorter, sizeof shorter, "%.*g", precision, number);
    if (std::stod(shorter) == number) return shorter;
  }
  return text;
}

} // namespace

std::string Origin::text() const {
  if (is_default()) return "default";
  if (is_annotation()) return file;
  return file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

std::string_view kind_of(const Value& value) {
  return std::visit(Overloaded{[](const std::string&) -> std::string_view { return "string"; },
                               [](std::int64_t) -> std::string_view { return "integer"; },
                               [](double) -> std::string_view { return "float"; },
                               [](bool) -> std::string_view { return "boolean"; },
                               [](const StringList&) -> std::string_view { return "list of strings"; },
                               [](const Unsupported& other) -> std::string_view { return other.kind; }},
                    value);
}

std::string to_toml(const Value& value) {
  return std::visit(Overloaded{[](const std::string& text) { return quoted(text); },
                               [](std::int64_t number) { return std::to_string(number); },
                               [](double number) { return number_text(number); },
                               [](bool flag) { return std::string(flag ? "true" : "false"); },
                               [](const StringList& list) {
                                 std::string out = "[";
                                 for (const auto& item : list)
                                   out += (out.size() > 1 ? ", " : "") + quoted(item);
                                 return out + "]";
                               },
                               [](const Unsupported& other) { return other.kind; }},
                    value);
}

std::string_view to_string(OptionType type) {
  switch (type) {
  case OptionType::string:
    return "string";
  case OptionType::integer:
    return "integer";
  case OptionType::floating:
    return "number";
  case OptionType::boolean:
    return "boolean";
  case OptionType::string_list:
    return "list of strings";
  }
  return "value";
}

} // namespace nacre::config
