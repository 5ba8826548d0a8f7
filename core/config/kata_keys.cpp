#include "config/kata_keys.hpp"

#include <algorithm>
#include <array>

namespace nacre::config {
namespace {

// A key with the words that tell the user what to write instead; empty words: nothing yet.
struct KataKey {
  std::string_view key;
  std::string_view instead;
};

constexpr KataKey hypervisor_keys[] = {
    {"block_device_aio", ""},
    {"block_device_cache_direct", ""},
    {"block_device_cache_noflush", ""},
    {"block_device_cache_set", ""},
    {"block_device_driver", ""},
    {"block_device_logical_sector_size", ""},
    {"block_device_physical_sector_size", ""},
    {"boot_from_template", ""},
    {"boot_to_be_template", ""},
    {"cold_plug_vfio", ""},
    {"confidential_guest", ""},
    {"cpu_features", ""},
    {"ctlpath", ""},
    {"dbg_monitor_socket", ""},
    {"default_bridges", ""},
    {"default_gpu_model", ""},
    {"default_gpus", ""},
    {"default_maxmemory", ""},
    {"default_maxvcpus", ""},
    {"device_state_path", ""},
    {"disable_block_device_use", "choose the plugins in [runtime] storage instead"},
    {"disable_guest_selinux", "choose the plugins in [runtime] security instead"},
    {"disable_image_nvdimm", ""},
    {"disable_nested_virtualization", ""},
    {"disable_nesting_checks", ""},
    {"disable_seccomp", "choose the plugins in [runtime] security instead"},
    {"disable_selinux", "choose the plugins in [runtime] security instead"},
    {"disable_vhost_net", ""},
    {"disk_rate_limiter_bw_max_rate", ""},
    {"disk_rate_limiter_bw_one_time_burst", ""},
    {"disk_rate_limiter_ops_max_rate", ""},
    {"disk_rate_limiter_ops_one_time_burst", ""},
    {"enable_annotations", ""},
    {"enable_balloon_f_reporting", ""},
    {"enable_debug", "set it in [runtime] instead"},
    {"enable_guest_swap", ""},
    {"enable_hugepages", ""},
    {"enable_iommu", ""},
    {"enable_iommu_platform", ""},
    {"enable_iothreads", ""},
    {"enable_mem_prealloc", ""},
    {"enable_numa", ""},
    {"enable_swap", ""},
    {"enable_template", ""},
    {"enable_vhost_user_store", ""},
    {"enable_virtio_mem", ""},
    {"entropy_source", ""},
    {"extra_monitor_socket", ""},
    {"file_mem_backend", ""},
    {"firmware", ""},
    {"firmware_volume", ""},
    {"guest_extension_images", ""},
    {"guest_hook_path", ""},
    {"guest_memory_dump_paging", ""},
    {"guest_memory_dump_path", ""},
    {"guest_swap_create_threshold_secs", ""},
    {"guest_swap_path", ""},
    {"guest_swap_size_percent", ""},
    {"hot_plug_vfio", ""},
    {"hotplug_vfio_on_root_bus", ""},
    {"hugepage_type", ""},
    {"hypervisor_loglevel", ""},
    {"hypervisor_socket", ""},
    {"hypervisor_timeout", ""},
    {"indep_iothreads", ""},
    {"initdata", ""},
    {"jailer_path", ""},
    {"kernel_verity_params", ""},
    {"log_level", "set enable_debug in [runtime] instead"},
    {"machine_accelerators", ""},
    {"machine_type", ""},
    {"measurement_algo", ""},
    {"memory_offset", ""},
    {"memory_path", ""},
    {"memory_slots", ""},
    {"msize_9p", "the storage plugin's own table has it"},
    {"net_rate_limiter_bw_max_rate", ""},
    {"net_rate_limiter_bw_one_time_burst", ""},
    {"net_rate_limiter_ops_max_rate", ""},
    {"net_rate_limiter_ops_one_time_burst", ""},
    {"network_queues", ""},
    {"num_queues", ""},
    {"numa_mapping", ""},
    {"overhead_memory", ""},
    {"overhead_vcpus", ""},
    {"path", ""},
    {"pcie_root_port", ""},
    {"pcie_switch_port", ""},
    {"pflashes", ""},
    {"prefetch_list_path", ""},
    {"queue_size", ""},
    {"reclaim_guest_freed_memory", ""},
    {"remote_hypervisor_socket", ""},
    {"remote_hypervisor_timeout", ""},
    {"rootfs_type", ""},
    {"rootless", ""},
    {"rootless_user", ""},
    {"rx_rate_limiter_max_rate", ""},
    {"seccomp_sandbox", "choose the plugins in [runtime] security instead"},
    {"seccompsandbox", "choose the plugins in [runtime] security instead"},
    {"selinux_label", ""},
    {"sev_snp_guest", ""},
    {"shared_fs", "name the plugin in [runtime] storage instead"},
    {"snp_certs_path", ""},
    {"snp_guest_policy", ""},
    {"snp_id_auth", ""},
    {"snp_id_block", ""},
    {"tdx_quote_generation_service_socket_port", ""},
    {"template_path", ""},
    {"tx_rate_limiter_max_rate", ""},
    {"use_legacy_serial", ""},
    {"use_vsock", "vsock is used wherever host and hypervisor have it"},
    {"valid_ctlpaths", ""},
    {"valid_entropy_sources", ""},
    {"valid_file_mem_backends", ""},
    {"valid_hypervisor_paths", ""},
    {"valid_jailer_paths", ""},
    {"valid_vhost_user_store_paths", ""},
    {"valid_virtio_fs_daemon_paths", ""},
    {"vhost_user_reconnect_timeout_sec", ""},
    {"vhost_user_store_path", ""},
    {"virtio_fs_cache", ""},
    {"virtio_fs_cache_size", ""},
    {"virtio_fs_daemon", ""},
    {"virtio_fs_extra_args", ""},
    {"virtio_fs_is_dax", ""},
    {"virtio_fs_queue_size", ""},
    {"vm_rootfs_driver", ""},
};

constexpr KataKey agent_keys[] = {
    {"cdh_api_timeout", ""},
    {"cdh_api_timeout_ms", ""},
    {"container_pipe_size", ""},
    {"create_container_timeout", "there is no fixed boot deadline"},
    {"dial_timeout", "there is no fixed boot deadline"},
    {"dial_timeout_ms", "there is no fixed boot deadline"},
    {"enable_tracing", ""},
    {"health_check_request_timeout_ms", ""},
    {"kernel_modules", ""},
    {"launch_process_timeout", ""},
    {"log_level", "set enable_debug instead"},
    {"log_port", ""},
    {"passfd_listener_port", ""},
    {"policy", ""},
    {"reconnect_timeout_ms", ""},
    {"request_timeout_ms", ""},
    {"server_port", ""},
    {"trace_mode", ""},
    {"trace_type", ""},
    {"visible_cdi_devices", ""},
};

constexpr KataKey runtime_keys[] = {
    {"agent_name", ""},
    {"create_container_timeout", "there is no fixed boot deadline"},
    {"dan_conf", ""},
    {"disable_guest_empty_dir", ""},
    {"disable_new_netns", ""},
    {"emptydir_mode", ""},
    {"enable_pprof", ""},
    {"enable_tracing", ""},
    {"enable_vcpus_pinning", ""},
    {"experimental", ""},
    {"experimental_force_guest_pull", ""},
    {"guest_selinux_label", ""},
    {"hypervisor_name", "write hypervisor = \"NAME\" instead"},
    {"internetworking_model", "write network = [\"NAME\"] instead"},
    {"jaeger_endpoint", ""},
    {"jaeger_password", ""},
    {"jaeger_user", ""},
    {"kata_assets", ""},
    {"keep_abnormal", ""},
    {"kubelet_root_dir", ""},
    {"log_level", "set enable_debug instead"},
    {"name", ""},
    {"passfd_listener_port", ""},
    {"pod_resource_api_sock", ""},
    {"sandbox_bind_mounts", ""},
    {"shared_mounts", ""},
    {"static_resource_mgmt", ""},
    {"static_sandbox_resource_mgmt", ""},
    {"use_passfd_io", ""},
    {"vfio_mode", ""},
};

constexpr std::string_view whole_tables[] = {"factory", "image", "netmon", "proxy", "shim"};

template <std::size_t Size> const KataKey* find_in(const KataKey (&keys)[Size], std::string_view key) {
  const auto* found =
      std::find_if(std::begin(keys), std::end(keys), [&](const auto& item) { return item.key == key; });
  return found == std::end(keys) ? nullptr : found;
}

const KataKey* find_key(std::string_view table, std::string_view key) {
  if (table.starts_with("hypervisor.")) return find_in(hypervisor_keys, key);
  if (table.starts_with("agent.")) return find_in(agent_keys, key);
  if (table == "runtime") return find_in(runtime_keys, key);
  return nullptr;
}

bool is_whole_table(std::string_view table) {
  const auto first = table.substr(0, table.find('.'));
  return std::find(std::begin(whole_tables), std::end(whole_tables), first) != std::end(whole_tables) ||
         table == "agent.kata.mem_agent" || (table.starts_with("hypervisor.") && table.ends_with(".factory"));
}

} // namespace

std::string refusal_of_kata_key(std::string_view table, std::string_view key) {
  if (key.empty())
    return is_whole_table(table) ? "[" + std::string(table) + "] is not supported yet; remove the table" : "";
  const auto* found = find_key(table, key);
  if (!found) return {};
  return "\"" + std::string(key) + "\" in [" + std::string(table) + "] is not supported yet; " +
         (found->instead.empty() ? std::string("remove the line") : std::string(found->instead));
}

} // namespace nacre::config
