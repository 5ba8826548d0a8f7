#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/output.hpp"
#include "oci/direct_volume.hpp"
#include "ttrpc/task_client.hpp"

#include <boost/json.hpp>

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

} // namespace

CommandLine volume_grammar() {
  CommandLine line(
      "volume add|stats|remove",
      "Hands a disk over as the volume of a path, shows how full it is in the guest as JSON, or takes "
      "the note of it back: what Kata's direct-volume does, for CSI drivers.");
  line.value("volume-path", "PATH", "what a container mounts");
  line.value("mount-info", "JSON", "of add: the note, as Kata's mountInfo.json");
  return line;
}

int verb_volume(const GlobalOptions& options) {
  auto line = volume_grammar();
  if (!line.parse(options.arguments, 1, 1)) return 0;
  const auto& action = line.words().front();
  const bool adds = action == "add";
  if (!adds && action != "stats" && action != "remove")
    throw Error(ErrorCode::invalid_argument, "bad arguments of volume", action)
        .hint("use add, stats or remove");
  if (!line.has("volume-path") || adds != line.has("mount-info"))
    throw Error(ErrorCode::invalid_argument, "bad arguments of volume", action)
        .hint(adds ? "name --volume-path and --mount-info" : "name --volume-path, and no --mount-info");
  const auto& path = line.get("volume-path");
  if (action == "stats") return stats(path);
  if (adds)
    oci::add_direct_volume(path, line.get("mount-info"));
  else
    oci::remove_direct_volume(path);
  return 0;
}

} // namespace nacre::cli
