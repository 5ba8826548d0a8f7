// A host without a sandbox, for plugins under test; and what a process holds, to find leaks.
#pragma once

#include "plugin/host_environment.hpp"

#include <cstdlib>
#include <dirent.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace nacre::plugin {

// Keeps what plugins say.
struct QuietHost {
  QuietHost() {
    folder = std::filesystem::temp_directory_path() / "nacre-journal-XXXXXX";
    ::mkdtemp(folder.data());
    journal = std::make_unique<nacre::journal::Journal>(folder + "/journal");
    environment.journal = journal.get();
    environment.log = [this](LogLevel, const std::string& plugin, std::string_view text) {
      lines.push_back(plugin + ": " + std::string(text));
    };
  }
  ~QuietHost() { std::filesystem::remove_all(folder); }

  std::string folder;
  std::unique_ptr<nacre::journal::Journal> journal;
  HostEnvironment environment;
  std::vector<std::string> lines;
};

inline std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr)
    ++count;
  ::closedir(folder);
  return count;
}

inline std::size_t resident_pages() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0, pages = 0;
  statm >> total >> pages;
  return pages;
}

} // namespace nacre::plugin
