#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/container_states.hpp"
#include "cli/output.hpp"
#include "cli/resource_flags.hpp"
#include "oci/direct_volume.hpp"
#include "ttrpc/task_client.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <sys/stat.h>

namespace nacre::cli {
namespace {

namespace json = boost::json;

// Units of CSI's NodeGetVolumeStats.
constexpr int unit_bytes = 1;
constexpr int unit_inodes = 2;

json::object usage(std::uint64_t total, std::uint64_t available, std::uint64_t free, int unit) {
  return {{"available", available}, {"total", total}, {"used", total - free}, {"unit", unit}};
}

int stats(const std::string& path) {
  const auto user = oci::find_direct_volume_user(path);
  if (!user)
    throw Error(ErrorCode::not_found, "show how full the direct volume is", path)
        .because("no container of nacre's has it");
  const auto answer = ttrpc::TaskClient::connect(user->socket).volume_stats(user->container_id, path);
  const json::object shown = {
      {"usage",
       {usage(answer.total_bytes(), answer.available_bytes(), answer.free_bytes(), unit_bytes),
        usage(answer.total_inodes(), answer.free_inodes(), answer.free_inodes(), unit_inodes)}},
      {"volume_condition", json::object()}};
  print(json::serialize(shown) + "\n");
  return 0;
}

bool is_block_device(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
}

// No note says which container has a device, so that all are asked. False: none has it.
bool grow_device(const std::string& root, const std::string& node, std::uint64_t bytes) {
  for (const auto& state : container_states(root).states) {
    if (state.status == oci::Status::stopped) continue;
    try {
      ttrpc::TaskClient::connect(state.socket).grow_volume(state.id, node, bytes);
      return true;
    } catch (const Error& error) {
      // One that has ended meanwhile, or does not answer, is another's.
      if (error.code() != ErrorCode::not_found && error.code() != ErrorCode::unavailable) throw;
    }
  }
  return false;
}

int resize(const GlobalOptions& options, const std::string& path, const std::string& size) {
  const auto bytes = static_cast<std::uint64_t>(parse_size(size));
  if (is_block_device(path)) {
    if (grow_device(options.root, path, bytes)) return 0;
  } else if (const auto user = oci::find_direct_volume_user(path)) {
    ttrpc::TaskClient::connect(user->socket).grow_volume(user->container_id, path, bytes);
    return 0;
  }
  throw Error(ErrorCode::not_found, "grow the volume", path).because("no container of nacre's has it");
}

struct Action {
  const char *name, *option; // the option that it needs beside --volume-path; "": none
};
constexpr std::array<Action, 4> actions = {
    {{"add", "mount-info"}, {"stats", ""}, {"resize", "size"}, {"remove", ""}}};

const Action& find_action(const CommandLine& line) {
  const auto& word = line.words().front();
  const auto* action = std::ranges::find_if(actions, [&](const auto& known) { return word == known.name; });
  if (action == actions.end())
    throw Error(ErrorCode::invalid_argument, "bad arguments of volume", word)
        .hint("use add, stats, resize or remove");
  const std::string option = action->option;
  const auto is_wrong = [&](const char* name) { return line.has(name) != (option == name); };
  if (!line.has("volume-path") || is_wrong("mount-info") || is_wrong("size"))
    throw Error(ErrorCode::invalid_argument, "bad arguments of volume", word)
        .hint("name --volume-path" + (option.empty() ? ", and nothing else" : " and --" + option));
  return *action;
}

} // namespace

CommandLine volume_grammar() {
  CommandLine line(
      "volume add|stats|resize|remove",
      "Hands a disk over as the volume of a path, shows how full it is in the guest as JSON, lets "
      "the guest have what the disk has grown by on the host, or takes the note of it back: what "
      "Kata's direct-volume does, for CSI drivers.");
  line.value("volume-path", "PATH",
             "what a container mounts; of resize also the node of a disk that a container has as a device");
  line.value("mount-info", "JSON", "of add: the note, as Kata's mountInfo.json");
  line.value("size", "SIZE", "of resize: what it has to have at least, bytes or as 100m");
  return line;
}

int verb_volume(const GlobalOptions& options) {
  auto line = volume_grammar();
  if (!line.parse(options.arguments, 1, 1)) return 0;
  const std::string action = find_action(line).name;
  const auto& path = line.get("volume-path");
  if (action == "stats") return stats(path);
  if (action == "resize") return resize(options, path, line.get("size"));
  if (action == "add")
    oci::add_direct_volume(path, line.get("mount-info"));
  else
    oci::remove_direct_volume(path);
  return 0;
}

} // namespace nacre::cli
