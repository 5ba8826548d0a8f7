// A virtio or SCSI disk over a file or a block device.
#pragma once

#include "place.hpp"

#include <nacre/sdk/device.hpp>

#include <array>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>

namespace nacre::qemu::disk {

// Of the device's own options (nacre_guest_device.options).
inline constexpr std::array<std::string_view, 8> options = {
    "driver",  "aio",        "cache_direct",        "cache_noflush",
    "discard", "queue_size", "logical_sector_size", "physical_sector_size"};

// It asks to be a disk of the SCSI controller, not a virtio disk of its own.
bool is_scsi(const sdk::GuestDevice& guest);
int access_mode(const sdk::GuestDevice& guest); // O_RDONLY or O_RDWR
std::string node_name(const sdk::GuestDevice& guest);

// The argument of -blockdev and blockdev-add. The file's name of a descriptor is set by set_file().
boost::json::object backend(const sdk::GuestDevice& guest, const sdk::HostEnd& host);
void set_file(boost::json::object& backend, std::string path);

// The argument of -device and device_add.
boost::json::object front_end(const std::string& id, const sdk::GuestDevice& guest, const Place& place);

} // namespace nacre::qemu::disk
