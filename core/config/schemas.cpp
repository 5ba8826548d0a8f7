// The core's own keys, as data: what `config show`, the checks and the reference of all keys are made from.
#include "base/paths.hpp"
#include "config/config.hpp"

namespace nacre::config {

const Schema& runtime_schema() {
  static const Schema schema = {
      {"hypervisor", OptionType::string, {}, {}, {}, "Plugin that runs the virtual machines"},
      {"network", OptionType::string_list, {}, {}, {}, "Plugins tried in order for each link of a pod"},
      {"storage", OptionType::string_list, {}, {}, {}, "Plugins tried in order for each rootfs and mount"},
      {"security",
       OptionType::string_list,
       StringList{},
       {},
       {},
       "Plugins that confine host processes and guest, all applied"},
      {"extra_plugin_dir",
       OptionType::string,
       "",
       {},
       {},
       "Folder searched for plugins before the installed one; main file only"},
      {"enable_debug", OptionType::boolean, false, {}, {}, "Write debug lines to the log"},
      {"disable_guest_seccomp",
       OptionType::boolean,
       false,
       {},
       {},
       "Do not give the container's seccomp profile to the guest"},
      {"disable_guest_empty_dir",
       OptionType::boolean,
       true,
       {},
       {},
       "An emptyDir volume on disk is the host's folder; false: a disk of the guest's, kept in that folder, "
       "where "
       "a plugin of `storage` makes one (block)"},
      {"emptydir_mode",
       OptionType::string,
       "shared-fs",
       {},
       {},
       "With block-plain an emptyDir volume on disk is a disk of the guest's, or the container is refused; "
       "with "
       "shared-fs disable_guest_empty_dir decides",
       {"", "shared-fs", "block-plain"}},
      {"guest_sysctls",
       OptionType::string_list,
       StringList{"fs.aio-max-nr", "fs.file-max", "fs.inotify.*", "fs.nr_open", "kernel.keys.*",
                  "kernel.pid_max", "kernel.threads-max", "vm.dirty_*", "vm.max_map_count",
                  "vm.min_free_kbytes", "vm.overcommit_memory", "vm.overcommit_ratio", "vm.swappiness",
                  "vm.vfs_cache_pressure"},
       {},
       {},
       "Sysctls of the guest's kernel that a container may set; a last * stands for any ending"},
      {"relayed_sockets",
       OptionType::string_list,
       StringList{},
       {},
       {},
       "Unix sockets of the host that containers may have as mounts, connected to from inside: glob patterns "
       "for the whole of the path, links resolved"},
      {"annotations_file",
       OptionType::string,
       "",
       {},
       {},
       "Where each container finds its annotations, as JSON; empty: nowhere"},
      {"kata_assets",
       OptionType::string,
       "refuse",
       {},
       {},
       "Kata's guest kernel and image in the configuration, whose agent speaks another protocol: refuse, or "
       "replace them by Nacre's own",
       {"refuse", "replace"}},
  };
  return schema;
}

const Schema& agent_schema() {
  static const Schema schema = {
      {"enable_debug",
       OptionType::boolean,
       false,
       {},
       {},
       "Write the agent's debug lines to the guest console"},
      {"debug_console_enabled",
       OptionType::boolean,
       false,
       {},
       {},
       "Let root on the host open a shell in the guest"},
  };
  return schema;
}

const Schema& guest_schema() {
  static const Schema schema = {
      {"kernel", OptionType::string, std::string(paths::data_dir) + "/vmlinux", {}, {}, "Guest kernel"},
      {"initrd",
       OptionType::string,
       {},
       {},
       {},
       "Guest initial ramdisk with the agent; not together with image"},
      {"image", OptionType::string, {}, {}, {}, "Guest disk image with the agent; not together with initrd"},
      {"kernel_params", OptionType::string, "", {}, {}, "Appended last to the guest kernel's command line"},
      {"default_vcpus", OptionType::floating, 1.0, -1.0, 240.0,
       "vCPUs at boot, rounded up, without what containers are limited to; 0 is 1, below 0 all of the "
       "host's"},
      {"default_maxvcpus", OptionType::integer, std::int64_t{0}, 0.0, 4096.0,
       "Most vCPUs that a virtual machine gets, whatever its containers ask for; 0 is the host's number"},
      {"default_memory",
       OptionType::integer,
       std::int64_t{2048},
       64.0,
       16777216.0,
       "Memory at boot in MiB, without what containers are limited to",
       {},
       "MiB"},
      {"default_maxmemory",
       OptionType::integer,
       std::int64_t{0},
       0.0,
       16777216.0,
       "Most memory in MiB that a virtual machine gets, whatever its containers ask for; 0 is the host's",
       {},
       "MiB"},
      {"disable_selinux",
       OptionType::boolean,
       {},
       {},
       {},
       "Whether a container's SELinux label is left off the VMM; where false is written and no security "
       "plugin "
       "labels, such a container is refused"},
      {"enable_annotations",
       OptionType::string_list,
       StringList{},
       {},
       {},
       "Annotations that may change this configuration: regular expressions for the whole of the key's name "
       "or of GROUP.KEY"},
      {"valid_kernel_paths",
       OptionType::string_list,
       StringList{},
       {},
       {},
       "Files that an annotation may name as kernel: glob patterns; only files that root alone can change"},
      {"valid_initrd_paths",
       OptionType::string_list,
       StringList{},
       {},
       {},
       "Files that an annotation may name as initrd, likewise"},
      {"valid_image_paths",
       OptionType::string_list,
       StringList{},
       {},
       {},
       "Files that an annotation may name as image, likewise"},
  };
  return schema;
}

} // namespace nacre::config
