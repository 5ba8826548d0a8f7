// Finds plugins by kind and name: <folder>/<kind>/<name>.so. Only what the configuration names is loaded; no
// search path, working folder or environment variable plays a part.
#pragma once

#include "base/paths.hpp"
#include "plugin/loader.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace nacre::plugin {

class Registry {
public:
  // `extra_dir`: configuration key [runtime] extra_plugin_dir, searched first; "": none.
  explicit Registry(std::string extra_dir = {}, std::string plugin_dir = paths::plugin_dir);

  // The first folder that has the file, else where it would be installed. Throws LoadError (not_found) when
  // `name` is no plugin name.
  std::string path_of(Kind kind, const std::string& name) const;

  // Loads it, once in a process's life for each registry. Throws LoadError. From any thread.
  const Plugin& load(Kind kind, const std::string& name);

  // What is installed: every file of the folders, inspected but not loaded.
  struct Entry {
    Kind kind;
    std::string name; // of the file
    std::string path;
    LoadStatus status = LoadStatus::ok;
    Identity identity;    // ok
    std::string sentence; // else
  };
  std::vector<Entry> list() const;

private:
  std::vector<std::string> folders_;
  std::mutex mutex_;
  std::map<std::pair<Kind, std::string>, std::unique_ptr<Plugin>> loaded_;
};

} // namespace nacre::plugin
