// What the host wants mounted in the guest: one handler per driver.
#pragma once

#include "agent.pb.h"

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::agent {

class Modules;
class Timeline;

// mount(8) options, split as mount(2) wants them.
struct MountOptions {
  unsigned long flags = 0;
  unsigned long propagation = 0; // MS_SHARED and the like, with MS_REC if asked for; 0: leave
  std::string data;              // what is left, joined by commas
};
MountOptions parse_mount_options(const std::vector<std::string>& options);

// Thread-safe. A mount point that several storages name is mounted once and unmounted with the last of them.
class Storages {
public:
  Storages(Modules& modules, Timeline& timeline) : modules_(modules), timeline_(timeline) {}

  // Names of the drivers that mount() knows.
  static std::vector<std::string> drivers();

  void mount(const v1::Storage& storage);       // throws Error
  void unmount(const std::string& mount_point); // a busy one is detached
  void unmount_all();                           // the last first

private:
  void mount_now(const v1::Storage& storage);
  void unmount_now(const std::string& mount_point);

  Modules& modules_;
  Timeline& timeline_;
  std::mutex mutex_;
  std::map<std::string, unsigned> users_; // by mount point
  std::vector<std::string> order_;
  std::set<std::string> disks_; // mount points of file systems whose only copy of what was written is here
};

} // namespace nacre::agent
