// [hypervisor.*] of Kata: the program, the guest's kernel and image, CPUs, memory, confinement and debugging.
#include "config/kata_key.hpp"

namespace nacre::config {
namespace {

using enum OptionType;
using enum KataFate;

constexpr std::string_view nothing_hot_plugged = "the virtual machine is sized at its start from the "
                                                 "default_* keys and the containers' limits, and nothing "
                                                 "is plugged in later";
constexpr std::string_view no_annotation_names =
    "no annotation can name a program, plugin, library, socket or device, so nothing has to be listed";
constexpr std::string_view not_encrypted = "is not supported: the host could read the guest's memory all the "
                                           "same; do not run confidential workloads "
                                           "here, or remove the line";
constexpr std::string_view no_remote =
    "is not supported: a virtual machine runs on the host that was asked; remove the line";
constexpr std::string_view no_template = "is not supported yet: each virtual machine boots; remove the line";
constexpr std::string_view no_image_attached =
    "how a guest image is attached is the hypervisor plugin's affair; Nacre's own guest is an initrd";
constexpr std::string_view swap_only = "it counts with enable_guest_swap only, which is not supported yet";
constexpr std::string_view confidential_only = "it counts with confidential_guest only";
constexpr std::string_view no_second_monitor =
    "is never supported: whoever reaches a second monitor owns the virtual machine; remove the line and set "
    "enable_debug in [runtime]";

constexpr KataKey keys[] = {
    // The program.
    {"path", string, honoured, R"("")"},
    {"valid_hypervisor_paths", string_list, mapped, "[]", no_annotation_names},
    {"ctlpath", string, refused, R"("")", "is not supported: it belongs to the hypervisor acrn; remove it"},
    {"valid_ctlpaths", string_list, mapped, "[]", no_annotation_names},
    {"machine_type", string, honoured, R"(""|"q35")",
     "is not supported: the plugin in use has one kind of machine only; remove the line", "="},
    {"machine_accelerators", string, honoured, R"("")"},
    {"cpu_features", string, honoured, R"("")", {}, "="},
    {"enable_annotations", string_list, honoured, "[]"},

    // Kernel, image, firmware.
    {"kernel", string, honoured, "", {}, "="},
    {"image", string, honoured, "", {}, "="},
    {"initrd", string, honoured, "", {}, "="},
    {"kernel_params", string, honoured, "", {}, "="},
    {"rootfs_type", string, mapped, R"(""|"ext4")", no_image_attached},
    {"vm_rootfs_driver", string, mapped, R"("")", no_image_attached},
    {"disable_image_nvdimm", boolean, mapped, "false", no_image_attached, "="},
    {"kernel_verity_params", string, refused, R"("")",
     "is not supported yet: the image would be used without dm-verity's check; remove the line", "="},
    {"firmware", string, refused, R"("")",
     "is not supported yet: the guest's kernel is booted directly; remove the line", "="},
    {"firmware_volume", string, refused, R"("")",
     "is not supported yet: the guest's kernel is booted directly; remove the line", "="},
    {"pflashes", string_list, refused, "[]"},
    {"guest_extension_images", string_list, refused, "[]"},
    {"guest_hook_path", string, refused, R"("")",
     "is not supported yet: programs of the guest image would not run; use OCI hooks", "="},
    {"prefetch_list_path", string, refused, R"("")"},

    // CPUs and memory.
    {"default_vcpus", floating, honoured, "", {}, "="},
    {"default_maxvcpus", integer, honoured, "", {}, "default_max_vcpus"},
    {"default_memory", integer, honoured, "", {}, "="},
    {"default_maxmemory", integer, honoured, ""},
    {"memory_slots", integer, mapped, "0|10", nothing_hot_plugged, "="},
    {"memory_offset", integer, honoured, "0",
     "is not supported: the plugin in use takes no NVDIMM while the guest runs; remove the line", "="},
    {"overhead_vcpus", floating, mapped, "0", "default_vcpus is the share of the guest itself"},
    {"overhead_memory", integer, mapped, "0", "default_memory is the share of the guest itself"},
    {"enable_virtio_mem", boolean, refused, "false", {}, "="},
    {"enable_mem_prealloc", boolean, honoured, "false", {}, "="},
    {"enable_hugepages", boolean, refused, "false", {}, "="},
    {"hugepage_type", string, mapped, R"(""|"hugetlbfs")",
     "it counts with enable_hugepages only, which is not supported yet", "="},
    {"reclaim_guest_freed_memory", boolean, refused, "false", {}, "="},
    {"enable_balloon_f_reporting", boolean, refused, "false"},
    {"enable_swap", boolean, mapped, "true",
     "the guest's memory is not locked, so the host may swap it out; turn off the host's swap where that "
     "matters"},
    {"file_mem_backend", string, mapped, R"("")",
     "the guest's memory is shared by memfd whenever a plugin needs it shared"},
    {"valid_file_mem_backends", string_list, mapped, "[]", no_annotation_names},
    {"enable_guest_swap", boolean, refused, "false", {}, "="},
    {"guest_swap_path", string, mapped, R"("")", swap_only},
    {"guest_swap_size_percent", integer, mapped, "0", swap_only},
    {"guest_swap_create_threshold_secs", integer, mapped, "0", swap_only},
    {"enable_numa", boolean, refused, "false"},
    {"numa_mapping", string_list, refused, "[]", {}, "="},

    // Confinement of the VMM and labels.
    {"rootless", boolean, refused, "false",
     "is not supported yet: the VMM would run as root all the same; remove the line"},
    {"rootless_user", string_list, refused, "",
     "is not supported yet: the VMM would run as root all the same; remove the line"},
    {"jailer_path", string, mapped, R"("")",
     "the jailer is not used; every VMM has a mount and a network namespace of its own, the pod's cgroup and "
     "what [runtime] security adds"},
    {"valid_jailer_paths", string_list, mapped, "[]", no_annotation_names},
    {"seccompsandbox", string, honoured, R"("")",
     "is not supported: the plugin in use has no such filter; name seccomp in [runtime] security instead"},
    {"seccomp_sandbox", string, refused, R"("")", "is runtime-rs' name of a key; write seccompsandbox"},
    {"disable_seccomp", boolean, mapped, "false",
     "the VMM keeps its filter; what [runtime] security applies is turned off in [security.NAME]"},
    {"disable_selinux", boolean, honoured, ""},
    {"disable_guest_selinux", boolean, refused, "true",
     "is not supported yet: processes in the guest would have no label; remove the line"},
    {"selinux_label", string, refused, R"("")",
     "is not supported yet: processes in the guest would have no label; remove the line"},
    {"disable_nested_virtualization", boolean, refused, "false",
     "is not supported yet: write cpu_features = \"vmx=off,svm=off\""},
    {"disable_nesting_checks", boolean, mapped, "false", "nothing depends on whether the host is a guest"},

    // Confidential computing, and hypervisors elsewhere.
    {"confidential_guest", boolean, refused, "false", not_encrypted},
    {"sev_snp_guest", boolean, refused, "false", not_encrypted},
    {"snp_id_block", string, refused, R"("")", not_encrypted},
    {"snp_id_auth", string, refused, R"("")", not_encrypted},
    {"snp_guest_policy", integer, mapped, "0", confidential_only},
    {"snp_certs_path", string, refused, R"("")", not_encrypted},
    {"tdx_quote_generation_service_socket_port", integer, mapped, "0", confidential_only},
    {"measurement_algo", string, mapped, R"("")", confidential_only},
    {"initdata", string, refused, R"("")", not_encrypted, "cc_init_data"},
    {"remote_hypervisor_socket", string, refused, R"("")", no_remote},
    {"remote_hypervisor_timeout", integer, refused, "0", no_remote},
    {"hypervisor_socket", string, refused, R"("")", no_remote},
    {"hypervisor_timeout", integer, refused, "0", no_remote},
    {"default_gpus", integer, refused, "0", no_remote, "="},
    {"default_gpu_model", string, refused, R"("")", no_remote, "="},

    // Debugging, templates.
    {"enable_debug", boolean, honoured, "false",
     "is not supported: the plugin in use has no such option; set enable_debug in [runtime]"},
    {"hypervisor_loglevel", integer, mapped, "0|1", "enable_debug in [runtime] decides"},
    {"log_level", string, mapped, R"(""|"info")", "enable_debug in [runtime] decides"},
    {"extra_monitor_socket", string, refused, R"("")", no_second_monitor},
    {"dbg_monitor_socket", string, refused, R"("")", no_second_monitor},
    {"guest_memory_dump_path", string, refused, R"("")"},
    {"guest_memory_dump_paging", boolean, mapped, "false",
     "it counts with guest_memory_dump_path only, which is not supported yet"},
    {"use_legacy_serial", boolean, mapped, "false",
     "which device the guest's console is on is the hypervisor plugin's affair", "="},
    {"boot_to_be_template", boolean, refused, "false", no_template},
    {"boot_from_template", boolean, refused, "false", no_template},
    {"memory_path", string, refused, R"("")", no_template},
    {"device_state_path", string, refused, R"("")", no_template},
};

} // namespace

std::span<const KataKey> kata_hypervisor_keys() {
  return keys;
}

} // namespace nacre::config
