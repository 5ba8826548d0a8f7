// [hypervisor.*] of Kata: what the guest's devices are and how they are served.
#include "config/kata_key.hpp"

namespace nacre::config {
namespace {

using enum OptionType;
using enum KataFate;

constexpr std::string_view virtio_fs = "virtio-fs";
constexpr std::string_view block = "block";
constexpr std::string_view disks_by_plugin =
    "how a disk is attached and served is the affair of the storage and the hypervisor plugin";
constexpr std::string_view no_rate_limits =
    "is not supported yet: nothing would be limited; remove the line, or limit the host's link";
constexpr std::string_view no_vfio =
    "is not supported yet: no device of the host is given to the guest; remove the line";
constexpr std::string_view vhost_user_only =
    "it counts with enable_vhost_user_store only, which is not supported yet";

constexpr KataKey keys[] = {
    // Shares.
    {"shared_fs", string, chosen, ""},
    {"virtio_fs_daemon", string, moved, R"("")", virtio_fs},
    {"valid_virtio_fs_daemon_paths", string_list, mapped, "[]",
     "no annotation can name a program, plugin, library, socket or device, so nothing has to be listed"},
    {"virtio_fs_cache", string, moved, R"("")", virtio_fs, "="},
    {"virtio_fs_cache_size", integer, moved, "0", virtio_fs, "="},
    {"virtio_fs_queue_size", integer, moved, "0", virtio_fs, "="},
    {"virtio_fs_extra_args", string_list, moved, "[]", virtio_fs},
    {"virtio_fs_is_dax", boolean, refused, "false",
     "is not supported: QEMU as it is released has no DAX window for virtio-fs; remove the line"},
    {"virtio_fs_inode_file_handles", string, moved, R"("")", virtio_fs},
    {"msize_9p", integer, moved, "", "9p", "="},

    // Disks.
    {"disable_block_device_use", boolean, chosen, ""},
    {"block_device_driver", string, moved, R"("")", block},
    {"block_device_aio", string, moved, R"("")", block, "="},
    {"block_device_cache_set", boolean, moved, "false", block, "="},
    {"block_device_cache_direct", boolean, moved, "false", block, "="},
    {"block_device_cache_noflush", boolean, moved, "false", block, "="},
    {"block_device_logical_sector_size", integer, moved, "0", block, "blk_logical_sector_size"},
    {"block_device_physical_sector_size", integer, moved, "0", block, "blk_physical_sector_size"},
    {"queue_size", integer, moved, "0", block, "block_device_queue_size"},
    {"num_queues", integer, moved, "0|1", block, "block_device_num_queues"},
    {"enable_iothreads", boolean, mapped, "false", disks_by_plugin, "="},
    {"indep_iothreads", integer, mapped, "0", disks_by_plugin, "="},
    {"disk_rate_limiter_bw_max_rate", integer, refused, "0", no_rate_limits},
    {"disk_rate_limiter_bw_one_time_burst", integer, refused, "0", no_rate_limits},
    {"disk_rate_limiter_ops_max_rate", integer, refused, "0", no_rate_limits},
    {"disk_rate_limiter_ops_one_time_burst", integer, refused, "0", no_rate_limits},
    {"enable_vhost_user_store", boolean, refused, "false"},
    {"vhost_user_store_path", string, mapped, R"("")", vhost_user_only},
    {"valid_vhost_user_store_paths", string_list, mapped, "[]", vhost_user_only},
    {"vhost_user_reconnect_timeout_sec", integer, mapped, "0", vhost_user_only, "="},

    // Network.
    {"disable_vhost_net", boolean, honoured, "false",
     "is not supported: the plugin in use has no such option; remove the line", "="},
    {"network_queues", integer, mapped, "0|1", "how many queues a NIC has is the network plugin's affair"},
    {"rx_rate_limiter_max_rate", integer, moved, "0", every_network, "="},
    {"tx_rate_limiter_max_rate", integer, moved, "0", every_network, "="},
    {"net_rate_limiter_bw_max_rate", integer, refused, "0", no_rate_limits},
    {"net_rate_limiter_bw_one_time_burst", integer, refused, "0", no_rate_limits},
    {"net_rate_limiter_ops_max_rate", integer, refused, "0", no_rate_limits},
    {"net_rate_limiter_ops_one_time_burst", integer, refused, "0", no_rate_limits},

    // PCI, VFIO, IOMMU.
    {"default_bridges", integer, honoured, "0|1"},
    {"pcie_root_port", integer, honoured, "0", {}, "="},
    {"pcie_switch_port", integer, refused, "0", no_vfio, "="},
    {"hot_plug_vfio", string, refused, R"(""|"no-port")", no_vfio, "="},
    {"cold_plug_vfio", string, refused, R"(""|"no-port")", no_vfio, "="},
    {"hotplug_vfio_on_root_bus", boolean, refused, "false", no_vfio, "="},
    {"enable_iommu", boolean, refused, "false",
     "is not supported yet: the guest would have no IOMMU; remove the line", "="},
    {"enable_iommu_platform", boolean, refused, "false",
     "is not supported yet: the guest would have no IOMMU; remove the line", "="},

    // Entropy, the agent's channel.
    {"entropy_source", string, honoured, R"(""|"/dev/urandom")"},
    {"valid_entropy_sources", string_list, mapped, "[]",
     "no annotation can name a program, plugin, library, socket or device, so nothing has to be listed"},
    {"use_vsock", boolean, honoured, "true",
     "is not supported: the plugin in use has one way to the agent only; remove the line"},
};

} // namespace

std::span<const KataKey> kata_device_keys() {
  return keys;
}

} // namespace nacre::config
