#include "sandbox/device_choice.hpp"

#include "base/error.hpp"
#include "sandbox/device_rules.hpp"

#include <algorithm>
#include <filesystem>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace nacre::sandbox {
namespace {

constexpr std::uint32_t loop_major = 7;

// `path`: as messages call it. `node`: a node of it on the host, or "".
void choose_source(DeviceChoice& choice, const std::string& path, const std::string& node) {
  if (choice.host.type == 'c') {
    choice.own = guest_device(choice.host, path);
    return;
  }
  choice.disk = find_host_disk(choice.host, node);
  if (!choice.disk)
    throw Error(ErrorCode::not_found, "give the container the device", path)
        .because("the host has no block device " + choice.host.text().substr(2));
  if (choice.host.major == loop_major && choice.disk->bytes == 0) {
    choice.disk.reset();
    choice.own = guest_loop_device(choice.host.minor);
  } else if (choice.disk->bytes == 0) {
    throw Error(ErrorCode::failed_precondition, "give the container the device", path)
        .because("it has no medium, or no size")
        .hint("insert one first");
  }
}

DeviceChoice choose_entry(const oci::Device& device, std::size_t entry, const boost::json::array& rules) {
  DeviceChoice choice;
  const bool in_range =
      device.major >= 0 && device.minor >= 0 && device.major <= 0xfff && device.minor <= 0xfffff;
  if (!in_range)
    throw Error(ErrorCode::invalid_argument, "give the container the device", device.path)
        .because("Linux has no device " + std::to_string(device.major) + ":" + std::to_string(device.minor));
  choice.host = {device.type == "b" ? 'b' : 'c', static_cast<std::uint32_t>(device.major),
                 static_cast<std::uint32_t>(device.minor)};
  choice.destination = device.path;
  choice.entry = entry;
  choice.mode = device.file_mode.value_or(0666) & 07777; // runc's and crun's own
  choice.uid = device.uid.value_or(0);
  choice.gid = device.gid.value_or(0);
  choice.read_only = !access_by_rules(rules, choice.host).write;
  choose_source(choice, device.path, device.path);
  return choice;
}

// Who writes such a path means the device. Elsewhere a node may lie that somebody else has made: a container,
// in a volume that it shares with this one.
bool is_named_as_a_device(const std::string& source) {
  const auto path = std::filesystem::path(source).lexically_normal().string();
  return path.starts_with("/dev/") && !path.starts_with("/dev/shm/");
}

DeviceChoice choose_mount(const oci::Mount& mount, std::size_t index, const std::string& source,
                          const boost::json::array& rules) {
  struct stat status;
  check_errno(::stat(source.c_str(), &status), "look at mount source", source);
  DeviceChoice choice;
  choice.host = {S_ISBLK(status.st_mode) ? 'b' : 'c', major(status.st_rdev), minor(status.st_rdev)};
  choice.destination = mount.destination;
  choice.mount = index;
  choice.mode = status.st_mode & 07777;
  choice.uid = status.st_uid;
  choice.gid = status.st_gid;
  choice.read_only = mount.is_read_only();
  if (!is_named_as_a_device(source)) {
    const auto access = access_by_rules(rules, choice.host);
    if (!access.read)
      throw Error(ErrorCode::permission_denied, "give the container the device", source)
          .because("it is the node of a device (" + choice.host.text() +
                   ") outside of /dev, and no device rule lets the container read it")
          .hint("name the device by its path in /dev, or add a device rule for it");
    choice.read_only = choice.read_only || !access.write;
  }
  choose_source(choice, source, source);
  return choice;
}

// One disk has one guest's end: it can be written when one of the container's ways to it can. A host that
// cannot write lets nobody.
void settle_writing(std::vector<DeviceChoice>& choices) {
  for (auto& choice : choices) {
    const bool writable = std::any_of(choices.begin(), choices.end(), [&](const auto& other) {
      return other.host == choice.host && !other.read_only;
    });
    if (choice.disk && !writable) choice.disk->read_only = true;
  }
}

} // namespace

std::vector<DeviceChoice> choose_devices(const oci::Spec& spec, const std::vector<GuestMountChoice>& mounts) {
  std::vector<DeviceChoice> choices;
  const auto rules = device_rules(spec.document);
  const bool has_guest_devices = allow_every_device(rules);
  for (std::size_t i = 0; i < spec.linux.devices.size() && !has_guest_devices; ++i)
    if (const auto& device = spec.linux.devices[i]; device.type != "p")
      choices.push_back(choose_entry(device, i, rules));
  for (std::size_t i = 0; i < mounts.size(); ++i)
    if (mounts[i].how == GuestMountChoice::How::device)
      choices.push_back(choose_mount(spec.mounts[i], i, mounts[i].host_source, rules));
  settle_writing(choices);
  return choices;
}

} // namespace nacre::sandbox
