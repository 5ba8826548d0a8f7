// What is installed and configured, read as far as it can be read: nothing here throws because a part is
// broken or missing; the part says so itself.
#pragma once

#include "config/config.hpp"
#include "plugin/registry.hpp"
#include "plugin/verify.hpp"

#include <boost/json/object.hpp>

#include <optional>
#include <string>
#include <vector>

namespace nacre::cli {

struct ConfigurationFacts {
  std::vector<std::string> files;       // that were read, main file first
  std::vector<std::string> problems;    // sentences; empty: good
  std::optional<config::Config> config; // only when it is good
};
// `file`: of --config; "": the default places.
ConfigurationFacts configuration_facts(const std::string& file);

struct PluginFacts {
  plugin::Kind kind = plugin::Kind::hypervisor;
  std::string name;
  std::string path;
  bool chosen = false; // by the configuration
  plugin::Report report;
  config::PluginOptions options; // checked; empty unless it could be loaded and its table is good
};
// Those chosen, in the configuration's order, then the others that are installed. Each is tried in a process
// of its own with the options of the configuration. To be called from a process with one thread.
std::vector<PluginFacts> plugin_facts(const ConfigurationFacts& configuration);

struct GuestFile {
  std::string what; // "kernel", "initrd" or "image"
  std::string path;
  std::uint64_t size = 0;
  std::string problem; // why it cannot be used; "" when it can
};
struct GuestFacts {
  std::vector<GuestFile> files;
  std::string note_path;
  boost::json::object note; // guest.json; empty when there is none
  std::string note_problem;
};
GuestFacts guest_facts(const ConfigurationFacts& configuration);

} // namespace nacre::cli
