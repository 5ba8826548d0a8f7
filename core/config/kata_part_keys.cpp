// Kata's small tables: parts of it that Nacre does not have.
#include "config/kata_key.hpp"

namespace nacre::config {
namespace {

using enum OptionType;
using enum KataFate;

constexpr std::string_view template_only = "it counts with enable_template only, which is not supported yet";
constexpr std::string_view cache_only = "it counts with vm_cache_number only, which is not supported yet";
constexpr std::string_view no_proxy = "there is no proxy: the sandbox process talks to the agent itself";
constexpr std::string_view no_shim = "there is one sandbox process for all containers of a pod";
constexpr std::string_view no_netmon =
    "the sandbox process itself follows links that come and go in the pod's network namespace";

constexpr KataKey factory_keys[] = {
    {"enable_template", boolean, refused, "false",
     "is not supported yet: each virtual machine boots; remove the line"},
    {"template_path", string, mapped, R"("")", template_only},
    {"vm_cache_number", integer, refused, "0",
     "is not supported yet: each virtual machine boots when it is asked for; remove the line"},
    {"vm_cache_endpoint", string, mapped, R"("")", cache_only},
};

constexpr std::string_view no_user =
    "is not supported yet: the VMM would run as root all the same; remove the table";
constexpr KataKey rootless_user_keys[] = {
    {"uid", integer, refused, "", no_user},
    {"gid", integer, refused, "", no_user},
    {"groups", string_list, refused, "", no_user},
    {"user_name", string, refused, "", no_user},
};

constexpr KataKey proxy_keys[] = {
    {"path", string, mapped, R"("")", no_proxy},
    {"enable_debug", boolean, mapped, "false", no_proxy},
};

constexpr KataKey shim_keys[] = {
    {"path", string, mapped, R"("")", no_shim},
    {"enable_debug", boolean, mapped, "false", no_shim},
    {"enable_tracing", boolean, refused, "false"},
};

constexpr KataKey netmon_keys[] = {
    {"path", string, mapped, R"("")", no_netmon},
    {"enable_netmon", boolean, mapped, "true", no_netmon},
    {"enable_debug", boolean, mapped, "false", no_netmon},
};

constexpr std::string_view no_guest_pull = "is not supported yet: images are unpacked on the host; remove it";
constexpr KataKey image_keys[] = {
    {"service_offload", boolean, refused, "false", no_guest_pull},
    {"provision", string, mapped, R"("")", "it counts with service_offload only, which is not supported yet"},
};

} // namespace

std::span<const KataKey> kata_factory_keys() {
  return factory_keys;
}

std::span<const KataKey> kata_rootless_user_keys() {
  return rootless_user_keys;
}

std::span<const KataKey> kata_proxy_keys() {
  return proxy_keys;
}

std::span<const KataKey> kata_shim_keys() {
  return shim_keys;
}

std::span<const KataKey> kata_netmon_keys() {
  return netmon_keys;
}

std::span<const KataKey> kata_image_keys() {
  return image_keys;
}

} // namespace nacre::config
