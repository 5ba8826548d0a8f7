#include "plugin/registry.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <unistd.h>

namespace nacre::plugin {

Registry::Registry(std::string extra_dir, std::string plugin_dir) {
  if (!extra_dir.empty()) folders_.push_back(std::move(extra_dir));
  folders_.push_back(std::move(plugin_dir));
}

std::string Registry::path_of(Kind kind, const std::string& name) const {
  if (!is_plugin_name(name))
    throw LoadError(LoadStatus::not_found, kind, name, "a plugin's name has 1 to 31 of a-z, 0-9 and -");
  std::string path;
  for (const auto& folder : folders_) {
    path = folder + "/" + std::string(to_string(kind)) + "/" + name + ".so";
    if (::access(path.c_str(), F_OK) == 0) break;
  }
  return path;
}

const Plugin& Registry::load(Kind kind, const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto& slot = loaded_[{kind, name}];
  if (!slot) slot = std::make_unique<Plugin>(plugin::load(path_of(kind, name), kind, name));
  return *slot;
}

std::vector<Registry::Entry> Registry::list() const {
  std::vector<Entry> entries;
  std::set<std::pair<Kind, std::string>> seen; // the first folder's counts
  for (const auto& folder : folders_) {
    for (const Kind kind : all_kinds) {
      std::vector<std::string> names;
      std::error_code error;
      for (std::filesystem::directory_iterator it(folder + "/" + std::string(to_string(kind)), error), end;
           it != end; it.increment(error))
        if (it->path().extension() == ".so") names.push_back(it->path().stem());
      std::sort(names.begin(), names.end());
      for (const auto& name : names) {
        if (!seen.insert({kind, name}).second) continue;
        Entry entry{kind, name, folder + "/" + std::string(to_string(kind)) + "/" + name + ".so", {}, {}, {}};
        try {
          entry.identity = inspect(entry.path, kind, name).identity;
        } catch (const LoadError& problem) {
          entry.status = problem.status();
          entry.sentence = problem.what();
        }
        entries.push_back(std::move(entry));
      }
    }
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.kind < b.kind; });
  return entries;
}

} // namespace nacre::plugin
