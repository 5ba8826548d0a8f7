// Kernel modules from the image, loaded by this process: nothing is forked for them, and what a guest has no
// device for is never read.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::agent {

class Timeline;

// One line of the image's module list: `name file dependency...`, dependencies complete and in load order.
struct Module {
  std::string file; // absolute path in the image
  std::vector<std::string> dependencies;
};
using ModuleList = std::map<std::string, Module, std::less<>>;

// Throws Error for a line that is not of that form.
ModuleList parse_module_list(std::string_view text);

// The parameters that `name.parameter=value` words of a kernel command line give to a module that is not
// built in, as modprobe passes them on.
std::string module_parameters(std::string_view cmdline, std::string_view name);

// Thread-safe; a module that another thread is loading is waited for.
class Modules {
public:
  // Reads the list of the image; an image without one has everything built in.
  Modules(Timeline& timeline, std::string cmdline);

  // Loads a module of the image and what it depends on, once. One that the image does not have counts as
  // built into the kernel: whatever needs it fails with its own words if it is not. Throws Error when the
  // kernel refuses.
  void need(std::string_view name);

  // `name parameter=value ...`, asked for by the host; unknown names are an error here.
  void load_line(const std::string& line);

  // Loads the drivers of all virtio devices that are on the bus.
  void need_for_present_devices();

private:
  void load(std::string_view name, const Module& module, const std::string& parameters);

  Timeline& timeline_;
  std::string cmdline_;
  ModuleList list_;
  std::mutex mutex_;
  std::set<std::string, std::less<>> loaded_;
};

} // namespace nacre::agent
