#include "cli/plugin_skeleton.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "oci/file_io.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <sys/stat.h>

namespace nacre::cli {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t template_bytes_max = 1 << 20;

// What stands for the kind in C and in C++.
struct KindWords {
  const char *handle, *base;
};
KindWords words_of(plugin::Kind kind) {
  switch (kind) {
  case plugin::Kind::hypervisor:
    return {"nacre_vm", "Hypervisor"};
  case plugin::Kind::network:
    return {"nacre_net", "Network"};
  case plugin::Kind::storage:
    return {"nacre_store", "Storage"};
  case plugin::Kind::security:
    return {"nacre_guard", "Security"};
  }
  return {"", ""};
}

std::string templates_of(const std::string& language) {
  const std::string folder = std::string(paths::data_dir) + "/plugin-templates/" + language;
  if (language.find('/') == language.npos && fs::is_directory(folder)) return folder;
  if (language == "c++" || language == "c" || language == "rust")
    throw Error(ErrorCode::not_found, "find the templates", folder)
        .hint("install Nacre's files for development");
  throw Error(ErrorCode::invalid_argument, "there is no template for the language", language)
      .hint("use c++, c or rust");
}

std::string template_text(const fs::path& path) {
  auto text = oci::read_file(path, template_bytes_max, "read the template");
  if (!text) throw Error(ErrorCode::not_found, "read the template", path.string());
  return *std::move(text);
}

// A word between two @ that is in the map becomes its value, which is not looked at again.
std::string filled(const std::string& text, const std::map<std::string, std::string>& values) {
  std::string out;
  std::size_t at = 0;
  while (true) {
    const auto open = text.find('@', at);
    const auto close = open == text.npos ? text.npos : text.find('@', open + 1);
    if (close == text.npos) return out + text.substr(at);
    const auto value = values.find(text.substr(open + 1, close - open - 1));
    out += text.substr(at, open - at);
    out += value == values.end() ? text.substr(open, close - open) : value->second;
    at = value == values.end() ? close : close + 1;
  }
}

} // namespace

std::vector<std::string> PluginSkeleton::write() const {
  if (!plugin::is_plugin_name(name))
    throw Error(ErrorCode::invalid_argument, "name a plugin", name)
        .because("a plugin's name has 1 to 31 of a-z, 0-9 and -");
  const std::string templates = templates_of(language);
  const std::string kind_text(plugin::to_string(kind));
  std::map<std::string, std::string> values{
      {"KIND", kind_text}, {"NAME", name}, {"HANDLE", words_of(kind).handle}, {"BASE", words_of(kind).base}};
  const std::string operations = templates + "/operations/" + kind_text;
  values["OPERATIONS"] = filled(template_text(operations + ".in"), values);
  if (fs::exists(operations + ".table.in")) values["TABLE"] = template_text(operations + ".table.in");

  check_errno(::mkdir(folder.c_str(), 0777), "make the folder", folder);
  std::vector<std::string> files;
  try {
    const fs::path skeleton = templates + "/skeleton";
    for (const auto& entry : fs::recursive_directory_iterator(skeleton)) {
      if (!entry.is_regular_file()) continue;
      std::string file = filled(fs::relative(entry.path(), skeleton).string(), values);
      if (file.ends_with(".in")) file.resize(file.size() - 3);
      const fs::path path = fs::path(folder) / file;
      fs::create_directories(path.parent_path());
      oci::replace_file(path, filled(template_text(entry.path()), values), 0666, "write");
      files.push_back(std::move(file));
    }
  } catch (...) {
    std::error_code ignored; // what went wrong is what the user is told
    fs::remove_all(folder, ignored);
    throw;
  }
  std::sort(files.begin(), files.end());
  return files;
}

} // namespace nacre::cli
