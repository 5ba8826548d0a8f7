// [runtime] of Kata.
#include "config/kata_key.hpp"

namespace nacre::config {
namespace {

using enum OptionType;
using enum KataFate;

constexpr std::string_view sized_at_start =
    "the virtual machine is always sized at its start, and not resized later";
constexpr std::string_view no_deadline =
    "a guest that shows signs of life is waited for, so no time has to be guessed";
constexpr std::string_view tracing_only = "it counts with enable_tracing only, which is not supported yet";
constexpr std::string_view no_guest_pull = "is not supported yet: images are unpacked on the host; remove it";

constexpr KataKey keys[] = {
    {"internetworking_model", string, chosen, ""},
    {"hypervisor_name", string, chosen, ""},
    {"name", string, refused, R"(""|"virt_container")",
     "is not supported: every container runs in a virtual machine; remove the line"},
    {"agent_name", string, refused, R"(""|"kata")",
     "is not supported: there is one agent only; remove the line"},
    {"disable_guest_seccomp", boolean, honoured, "", {}, "="},
    {"enable_debug", boolean, honoured, ""},
    {"log_level", string, mapped, R"(""|"info")", "enable_debug in [runtime] decides"},
    {"sandbox_cgroup_only", boolean, mapped, "true", "all processes of a pod are always in the pod's cgroup",
     "="},
    {"static_sandbox_resource_mgmt", boolean, mapped, "true", sized_at_start},
    {"static_resource_mgmt", boolean, mapped, "true", sized_at_start},
    {"enable_vcpus_pinning", boolean, refused, "false", {}, "="},
    {"disable_new_netns", boolean, refused, "false",
     "is never supported: the VMM would be in the host's network namespace; remove the line", "="},
    {"sandbox_bind_mounts", string_list, refused, "[]"},
    {"vfio_mode", string, refused, R"(""|"guest-kernel")",
     "is not supported yet: no device of the host is given to the guest; remove the line", "="},
    {"disable_guest_empty_dir", boolean, honoured, "true"},
    {"emptydir_mode", string, honoured, R"("shared-fs")"},
    {"create_container_timeout", integer, mapped, "0", no_deadline, "="},
    {"experimental", string_list, refused, "[]",
     "is not supported: there are no experimental features to switch on; write []", "="},
    {"experimental_force_guest_pull", boolean, refused, "false", no_guest_pull, "="},
    {"guest_selinux_label", string, refused, R"("")",
     "is not supported yet: processes in the guest would have no label; remove the line", "="},
    {"enable_tracing", boolean, refused, "false",
     "is not supported yet; `nacre timeline ID` shows where a start's time went"},
    {"jaeger_endpoint", string, mapped, R"("")", tracing_only},
    {"jaeger_user", string, mapped, R"("")", tracing_only},
    {"jaeger_password", string, mapped, R"("")", tracing_only},
    {"enable_pprof", boolean, refused, "false",
     "is not supported: it is Go's own profiler; use perf on the sandbox process", "="},
    {"dan_conf", string, refused, R"(""|"/run/kata-containers/dans")",
     "is not supported yet: no directly attached network would be found; remove the line"},
    {"pod_resource_api_sock", string, refused, R"("")"},
    {"kubelet_root_dir", string, mapped, R"(""|"/var/lib/kubelet")",
     "volumes are shared wherever the kubelet keeps them"},
    {"keep_abnormal", boolean, refused, "false",
     "is not supported: what a failed start left would stay on the host; the error names phase, VMM and "
     "console"},
    {"shared_mounts", string_list, refused, "[]"},
    {"use_passfd_io", boolean, mapped, "false",
     "standard input and output are streams of the agent's channel"},
    {"passfd_listener_port", integer, mapped, "0|1027",
     "standard input and output are streams of the agent's channel"},
    {"enable_agent_pidns", boolean, refused, "false",
     "is never supported: a container would see the agent's processes; remove the line"},
};

} // namespace

std::span<const KataKey> kata_runtime_keys() {
  return keys;
}

} // namespace nacre::config
