#include "layers.hpp"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

namespace nacre::block {
namespace {

namespace fs = std::filesystem;

// One character of a mountinfo field, which writes some as \ooo.
struct Character {
  char value;
  bool escaped;
};

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

std::vector<Character> characters(std::string_view field) {
  std::vector<Character> out;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size() && is_octal(field[i + 1]) && is_octal(field[i + 2]) &&
        is_octal(field[i + 3])) {
      const int value = (field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0');
      out.push_back({static_cast<char>(value), true});
      i += 3;
    } else {
      out.push_back({field[i], false});
    }
  }
  return out;
}

std::string text_of(std::string_view field) {
  std::string text;
  for (const auto& c : characters(field))
    text += c.value;
  return text;
}

// A colon parts layers but after a backslash (overlayfs's own escape), or where Linux from 6.7 on writes
// \072.
std::vector<std::string> split_layers(std::string_view value) {
  std::vector<std::string> layers(1);
  const auto text = characters(value);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i].value == '\\' && i + 1 < text.size())
      layers.back() += text[++i].value;
    else if (text[i].value == ':' && !text[i].escaped)
      layers.emplace_back();
    else
      layers.back() += text[i].value;
  }
  return layers;
}

bool decides_meaning(std::string_view option) {
  return option == "metacopy=on" || option == "userxattr" || option.starts_with("redirect_dir=");
}

struct Words {
  Layers layers;
  std::string work;
  bool understood = true;
};

void take_option(Words& words, std::string_view option) {
  const auto equals = option.find('=');
  const auto key = option.substr(0, equals);
  const auto value = equals == std::string_view::npos ? std::string_view() : option.substr(equals + 1);
  auto& layers = words.layers;
  if (key == "lowerdir")
    layers.lower = split_layers(value);
  else if (key == "lowerdir+")
    layers.lower.push_back(text_of(value));
  else if (key == "datadir+")
    words.understood = false; // holds the content of files that a layer only names
  else if (key == "upperdir")
    layers.upper = text_of(value);
  else if (key == "workdir")
    words.work = text_of(value);
  else if (decides_meaning(option))
    layers.options.emplace_back(option);
}

Words read_words(std::string_view options) {
  Words words;
  while (!options.empty()) {
    const auto comma = options.find(','); // one inside a name is written as \054
    take_option(words, options.substr(0, comma));
    options = comma == std::string_view::npos ? std::string_view() : options.substr(comma + 1);
  }
  return words;
}

bool is_folder(const fs::path& path) {
  std::error_code unreadable;
  return fs::is_directory(path, unreadable);
}

std::vector<std::string*> names_of(Layers& layers) {
  std::vector<std::string*> names;
  for (auto& layer : layers.lower)
    names.push_back(&layer);
  if (!layers.upper.empty()) names.push_back(&layers.upper);
  return names;
}

bool all_below(const fs::path& base, const std::vector<std::string*>& names) {
  return std::all_of(names.begin(), names.end(), [&](const auto* name) { return is_folder(base / *name); });
}

// The folder that the names are relative to, when one of `start`'s parents is it.
std::optional<fs::path> base_above(const fs::path& start, const std::vector<std::string*>& names) {
  if (!start.is_absolute()) return std::nullopt;
  for (fs::path base = start; base != base.parent_path(); base = base.parent_path())
    if (all_below(base, names)) return base;
  return std::nullopt;
}

std::optional<fs::path> base_of(const Words& words, const std::vector<std::string*>& names,
                                const std::string& mount_point) {
  const bool absolute =
      std::all_of(names.begin(), names.end(), [](const auto* name) { return name->starts_with('/'); });
  if (absolute) return all_below("/", names) ? std::optional<fs::path>("/") : std::nullopt;
  for (const auto& start : {words.layers.upper, words.work, mount_point})
    if (const auto base = base_above(start, names)) return base;
  return std::nullopt;
}

bool make_absolute(Words& words, const std::string& mount_point) {
  const auto names = names_of(words.layers);
  const auto base = base_of(words, names, mount_point);
  if (!base) return false;
  for (auto* name : names)
    *name = (*base / *name).string();
  return true;
}

// The line of the mount that `folder` is the root of: fields 1 to 5 of mountinfo(5), then those after " - ".
std::string mount_line(const std::string& folder) {
  struct statx status {};
  if (::statx(AT_FDCWD, folder.c_str(), 0, STATX_MNT_ID, &status) < 0 ||
      (status.stx_mask & STATX_MNT_ID) == 0 || (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0)
    return {};
  std::ifstream lines("/proc/self/mountinfo");
  const std::string start = std::to_string(status.stx_mnt_id) + " ";
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(start)) return line;
  return {};
}

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  for (std::size_t at = 0; at <= line.size();) {
    const auto end = std::min(line.find(' ', at), line.size());
    fields.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return fields;
}

} // namespace

std::optional<Layers> parse_layers(std::string_view options, const std::string& mount_point) {
  Words words = read_words(options);
  auto& lower = words.layers.lower;
  // An empty name stands before a layer that holds content only ("::").
  if (!words.understood || lower.empty() || std::find(lower.begin(), lower.end(), "") != lower.end() ||
      !make_absolute(words, mount_point))
    return std::nullopt;
  return std::move(words.layers);
}

std::optional<Layers> layers_of(const std::string& folder) {
  const std::string line = mount_line(folder);
  const auto fields = fields_of(line);
  const auto dash = std::find(fields.begin(), fields.end(), "-");
  constexpr std::size_t root = 3, mount_point = 4; // of fields counted from 0
  if (fields.end() - dash < 4 || fields.size() <= mount_point || fields[root] != "/" || dash[1] != "overlay")
    return std::nullopt;
  return parse_layers(dash[3], text_of(fields[mount_point]));
}

} // namespace nacre::block
