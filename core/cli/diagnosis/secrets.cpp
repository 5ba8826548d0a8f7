#include "cli/diagnosis/secrets.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cctype>

namespace nacre::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t shortest_value = 6;

constexpr std::array<std::string_view, 14> words = {
    "passw",   "passphrase",    "secret", "token",      "credential",   "apikey", "api_key",
    "api-key", "authorization", "cookie", "privatekey", "dockerconfig", "bearer", "accesskey"};
constexpr std::array<std::string_view, 9> endings = {"_key", "-key",  "_pass", "-pass", ".pass",
                                                     "_pwd", "_auth", "-auth", ".auth"};

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.';
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// Where the value that starts at `at` ends: at its closing quote, else at a blank or what separates values.
std::size_t end_of_value(std::string_view text, std::size_t at, char quote) {
  if (quote == 0) return std::min(text.find_first_of(" \t\r\n,;&\"'}]", at), text.size());
  for (std::size_t i = at; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == quote || text[i] == '\n')
      return i;
  }
  return text.size();
}

// Where the value of the name that ends at `at` starts; npos when what follows is no value. A quote that
// opens it is returned as well.
std::size_t start_of_value(std::string_view text, std::size_t at, bool is_flag, char& quote) {
  const auto skip_blanks = [&] {
    while (at < text.size() && is_blank(text[at]))
      ++at;
  };
  while (at < text.size() && (text[at] == '\\' || text[at] == '"' || text[at] == '\'')) // "name": value
    ++at;
  const auto name_end = at;
  skip_blanks();
  if (at < text.size() && (text[at] == '=' || text[at] == ':'))
    ++at;
  else if (!is_flag || at == name_end)
    return std::string_view::npos;
  skip_blanks();
  while (at < text.size() && text[at] == '\\') // JSON within JSON
    ++at;
  quote = at < text.size() && (text[at] == '"' || text[at] == '\'') ? text[at] : '\0';
  return quote ? at + 1 : at;
}

// name=value and its likes.
std::string mask_named(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (!is_name_character(text[at])) {
      out += text[at++];
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && is_name_character(text[end]))
      ++end;
    const auto name = text.substr(at, end - at);
    out += name;
    at = end;
    if (!is_secret_name(name)) continue;
    char quote = 0;
    auto value = start_of_value(text, end, name.starts_with('-'), quote);
    if (value == std::string_view::npos) continue;
    for (const std::string_view scheme : {"Bearer ", "Basic "}) // Authorization: Bearer x
      if (text.substr(value).starts_with(scheme)) value += scheme.size();
    const auto value_end = end_of_value(text, value, quote);
    out += text.substr(end, value - end);
    if (value_end > value) out += masked;
    at = value_end;
  }
  return out;
}

// `secret_size` says how much of what follows each mark is a secret.
template <class SecretSize>
std::string mask_after(std::string_view text, std::string_view mark, SecretSize&& secret_size) {
  std::string out;
  for (auto at = text.find(mark); at != std::string_view::npos; at = text.find(mark)) {
    out += text.substr(0, at + mark.size());
    text.remove_prefix(at + mark.size());
    const std::size_t size = secret_size(text);
    if (size > 0) out += masked;
    text.remove_prefix(size);
  }
  return out += text;
}

// scheme://user:password@host
std::string mask_in_urls(std::string_view text) {
  return mask_after(text, "://", [](std::string_view rest) -> std::size_t {
    const auto end = std::min(rest.find_first_of(" \t\r\n\"'/"), rest.size());
    const auto host = rest.substr(0, end).rfind('@');
    return host == std::string_view::npos ? 0 : host;
  });
}

std::string mask_bearers(std::string_view text) {
  return mask_after(text, "Bearer ", [](std::string_view rest) { return end_of_value(rest, 0, 0); });
}

std::string replaced(std::string_view text, std::string_view value) {
  std::string out;
  for (auto at = text.find(value); at != std::string_view::npos; at = text.find(value)) {
    out += text.substr(0, at);
    out += masked;
    text.remove_prefix(at + value.size());
  }
  return out += text;
}

// What stands under a secret name; its shape stays.
void mask_whole(json::value& value) {
  if (value.is_string() || value.is_number()) {
    value = json::string(masked);
  } else if (value.is_array()) {
    for (auto& item : value.get_array())
      mask_whole(item);
  } else if (value.is_object()) {
    for (auto& [key, item] : value.get_object())
      mask_whole(item);
  }
}

} // namespace

bool is_secret_name(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::any_of(words.begin(), words.end(),
                     [&](auto word) { return lower.find(word) != std::string::npos; }) ||
         std::any_of(endings.begin(), endings.end(), [&](auto ending) { return lower.ends_with(ending); });
}

void Secrets::add(std::string_view value) {
  if (const auto line = value.find('\n'); line != std::string_view::npos) { // logs have it line by line
    add(value.substr(0, line));
    return add(value.substr(line + 1));
  }
  if (value.size() < shortest_value) return;
  const auto at = std::find_if(values_.begin(), values_.end(),
                               [&](const auto& known) { return known.size() <= value.size(); });
  if (at == values_.end() || *at != value) values_.emplace(at, value);
}

std::string Secrets::mask(std::string_view text) const {
  auto out = mask_in_urls(mask_bearers(mask_named(text)));
  for (const auto& value : values_)
    out = replaced(out, value);
  return out;
}

void Secrets::mask(json::value& value) const {
  if (value.is_string()) {
    value = json::string(mask(std::string_view(value.get_string())));
  } else if (value.is_array()) {
    for (auto& item : value.get_array())
      mask(item);
  } else if (value.is_object()) {
    for (auto& [key, item] : value.get_object()) {
      if (is_secret_name(key))
        mask_whole(item);
      else
        mask(item);
    }
  }
}

} // namespace nacre::cli
