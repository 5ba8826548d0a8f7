// Volumes that a CSI driver hands over as disks, in Kata's form: it does not mount the disk on the host, but
// leaves a note of it, and the runtime gives the disk to the guest of the container that mounts the volume's
// path.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::oci {

struct DirectVolume {
  std::string type;   // "block"
  std::string device; // absolute path
  std::string fstype;
  std::optional<std::uint32_t> fs_group;       // the group that is to own what is in it, as a pod's fsGroup
  bool fs_group_on_mismatch = false;           // only when its root is not that group's yet
  std::map<std::string, std::string> metadata; // the rest
  std::vector<std::string> options;            // mount(8) options
};

// Where the note of a volume is: <folder>/<base64 of the path, for URLs>; "" for a path that is not absolute
// and clean, or too long for a file's name, so that there can be none.
std::string direct_volume_folder(const std::string& volume_path);

// Throws Error for a note that is no such object; `name` is for messages.
DirectVolume parse_direct_volume(std::string_view text, const std::string& name);

// Nothing when there is no note. Throws Error for one that is wrong, or that others than root could have
// written.
std::optional<DirectVolume> find_direct_volume(const std::string& volume_path);
// For the next two: throws Error for a path that cannot be one.
void add_direct_volume(const std::string& volume_path, std::string_view note); // only one at a time
void remove_direct_volume(const std::string& volume_path);

// Who has it: a file beside the note, named by the sandbox, as Kata has it.
struct DirectVolumeUser {
  std::string socket;       // of the Task service
  std::string container_id; // one of the sandbox's
};
void note_direct_volume_user(const std::string& volume_path, const std::string& sandbox_id,
                             const DirectVolumeUser& user);
void forget_direct_volume_user(const std::string& volume_path, const std::string& sandbox_id) noexcept;
std::optional<DirectVolumeUser> find_direct_volume_user(const std::string& volume_path); // throws Error

} // namespace nacre::oci
