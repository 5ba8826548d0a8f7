// virtio-blk over a file or a block device.
#pragma once

#include <nacre/sdk/device.hpp>

#include <array>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>

namespace nacre::qemu::disk {

// Of the device's own options (nacre_guest_device.options).
inline constexpr std::array<std::string_view, 7> options = {
    "aio",        "cache_direct",        "cache_noflush",       "discard",
    "queue_size", "logical_sector_size", "physical_sector_size"};

int access_mode(const sdk::GuestDevice& guest); // O_RDONLY or O_RDWR
std::string node_name(const sdk::GuestDevice& guest);

// The argument of -blockdev and blockdev-add. The file's name of a descriptor is set by set_file().
boost::json::object backend(const sdk::GuestDevice& guest, const sdk::HostEnd& host);
void set_file(boost::json::object& backend, std::string path);

// Adds what a disk's front end has beside bus and address.
void add_properties(boost::json::object& device, const sdk::GuestDevice& guest);

} // namespace nacre::qemu::disk
