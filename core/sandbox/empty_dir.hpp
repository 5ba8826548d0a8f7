// Kubernetes' emptyDir volumes, as kubelet names and mounts them.
#pragma once

#include <optional>
#include <string>

namespace nacre::sandbox {

struct EmptyDirFolder {
  std::string volume; // where the host has all of it
  std::string path;   // of the folder in it that is meant, without "/" at either end; "": all of it
};

// The volume that `source` is, or is a folder of: in memory (medium Memory or HugePages), or on disk.
std::optional<EmptyDirFolder> empty_dir_in_memory(const std::string& source);
std::optional<EmptyDirFolder> empty_dir_on_disk(const std::string& source);

// Files that are in a volume before the first container would be lost in one of the guest's. Folders are
// made again: kubelet makes those that a subPath names.
bool holds_only_folders(const std::string& volume);

bool is_memory_type(long type); // statfs(2)'s

} // namespace nacre::sandbox
