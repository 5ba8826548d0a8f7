// How a disk looks in the guest: the device, and the mount of its file system.
#pragma once

#include "disk.hpp"
#include "host_mount.hpp"
#include "settings.hpp"

#include <nacre/sdk/mounts.hpp>

namespace nacre::block {

// The type to mount it as in the guest, "" when the guest's kernel may not know the file system.
std::string guest_fstype(const std::string& hosts);

// Options for the guest out of the host's: what says how files behave and what the disk is told; not what the
// host's kernel has worked out for itself (stripes, log buffers, quota).
std::vector<std::string> guest_options(const std::string& fstype, const std::string& hosts_words,
                                       bool read_only);

// A virtio or SCSI disk, also for a file.
sdk::Device guest_disk(const Settings& settings, std::string id, Disk disk, bool read_only);
// A disk of the host's, in the form that the configuration wants it.
sdk::Device guest_device(const Settings& settings, std::string id, Disk disk, bool read_only);
sdk::GuestMount guest_mount(const std::string& device_id, const std::string& fstype,
                            std::vector<std::string> options);

} // namespace nacre::block
