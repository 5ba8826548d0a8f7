#include "config/toml_text.hpp"

#include "config/value.hpp"

#include <algorithm>

namespace nacre::config {

std::string key_text(const std::string& key) {
  const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  return bare ? key : to_toml(Value(key));
}

std::string title_text(const std::string& table) {
  std::string title;
  for (std::size_t start = 0; start <= table.size();) {
    const auto dot = std::min(table.find('.', start), table.size());
    title += (title.empty() ? "" : ".") + key_text(table.substr(start, dot - start));
    start = dot + 1;
  }
  return "[" + title + "]\n";
}

} // namespace nacre::config
