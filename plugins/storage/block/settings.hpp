// The plugin's table in configuration.toml, `[storage.block]`: Kata's keys, and ours.
#pragma once

#include <nacre/sdk/options.hpp>

#include <cstdint>
#include <string>

namespace nacre::block {

// What the core checks the user's table against (descriptor.h says in which form).
inline constexpr char options_schema[] = R"json([
{"key":"block_device_driver","type":"string","default":"virtio-blk","values":["virtio-blk","virtio-scsi","virtio-mmio","virtio-blk-pci","virtio-blk-mmio","nvdimm"],"help":"what the guest sees: a virtio disk of its own (virtio-mmio, virtio-blk-pci and virtio-blk-mmio are Kata's names for it, whose bus the machine decides), a SCSI disk of one virtio controller (virtio-scsi), or persistent memory (nvdimm), which is the host's page cache of the disk; images of folders are virtio disks in any case"},
{"key":"block_device_aio","type":"string","default":"threads","values":["threads","native","io_uring"],"help":"how the VMM reads and writes a disk; native needs block_device_cache_direct"},
{"key":"block_device_cache_set","type":"boolean","default":false,"help":"the two next keys count; else the host's page cache is used, and flushes of the guest reach the disk"},
{"key":"block_device_cache_direct","type":"boolean","default":false,"help":"past the host's page cache (O_DIRECT)"},
{"key":"block_device_cache_noflush","type":"boolean","default":false,"help":"flushes of the guest are ignored: fast, and a crash of the host loses data"},
{"key":"num_queues","type":"integer","default":1,"min":0,"max":1024,"help":"request queues of a virtio disk or controller; 0 is 1"},
{"key":"queue_size","type":"integer","default":0,"min":0,"max":1024,"help":"requests that a queue has room for, a power of two; 0: the hypervisor's own"},
{"key":"block_device_logical_sector_size","type":"integer","default":0,"min":0,"max":65536,"help":"sector size that the guest sees, a power of two from 512; 0: the device's own"},
{"key":"block_device_physical_sector_size","type":"integer","default":0,"min":0,"max":65536,"help":"the same, of the sectors that the guest should write whole"},
{"key":"mounted_volumes","type":"boolean","default":false,"help":"also take a volume that the host has mounted for writing: while a container has it, it is not mounted on the host"},
{"key":"image_folders","type":"boolean","default":true,"help":"bring folders that no plugin of the list shares into the guest as images; what the container writes ends with it"},
{"key":"image_cache_dir","type":"string","default":"/var/lib/nacre/images","help":"folder for images and for what containers write, on a file system with O_TMPFILE"},
{"key":"image_cache_size","type":"integer","default":10240,"min":0,"help":"MiB of images that are kept for containers to come, beside those in use"},
{"key":"image_disks","type":"integer","default":6,"min":1,"max":24,"help":"most disks for the layers of a root file system; the lowest layers beyond share one"},
{"key":"writable_layer","type":"string","default":"disk","values":["disk","memory"],"help":"where the container's writes go: a file of the host's that has no name, or the guest's memory"},
{"key":"writable_layer_size","type":"integer","default":0,"min":0,"help":"MiB that the container can write; 0: 10 GiB on disk, half of the guest's memory in memory"},
{"key":"copy_folder_volumes","type":"boolean","default":false,"help":"give the container a copy of a folder that it may write to, whose changes are lost, where no plugin of the list shares it"}
])json";

struct Settings {
  bool scsi = false;
  bool pmem = false; // disks of the host's, not images
  std::string aio;
  bool cache_direct = false, cache_noflush = false;
  std::uint32_t queues = 1;
  std::uint32_t queue_size = 0; // as the next: 0: not set
  std::uint32_t logical_sector = 0, physical_sector = 0;
  bool mounted_volumes = false;

  static Settings of(const sdk::Options& table); // throws sdk::Error
};

} // namespace nacre::block
