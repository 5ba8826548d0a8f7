// [agent.*] of Kata.
#include "config/kata_key.hpp"

namespace nacre::config {
namespace {

using enum OptionType;
using enum KataFate;

constexpr std::string_view no_deadline =
    "a guest that shows signs of life is waited for, so no time has to be guessed";
constexpr std::string_view no_data_hub = "the guest has no Confidential Data Hub";
constexpr std::string_view fixed_ports = "the agent's channel has no further ports";
constexpr std::string_view tracing_only = "it counts with enable_tracing only, which is not supported yet";
constexpr std::string_view no_mem_agent = "it counts with the memory agent only, which is not supported yet";

constexpr KataKey keys[] = {
    {"enable_debug", boolean, honoured, "false"},
    {"debug_console_enabled", boolean, honoured, "false"},
    {"enable_tracing", boolean, refused, "false",
     "is not supported yet; `nacre timeline ID` shows where a start's time went", "="},
    {"trace_mode", string, mapped, R"("")", tracing_only, "="},
    {"trace_type", string, mapped, R"("")", tracing_only, "="},
    {"kernel_modules", string_list, refused, "[]",
     "is not supported yet: no module would be loaded; build it into the guest's kernel", "="},
    {"dial_timeout", integer, mapped, "0", no_deadline},
    {"dial_timeout_ms", integer, mapped, "0", no_deadline},
    {"reconnect_timeout_ms", integer, mapped, "0", no_deadline},
    {"create_container_timeout", integer, mapped, "0", no_deadline},
    {"request_timeout_ms", integer, mapped, "0", no_deadline},
    {"health_check_request_timeout_ms", integer, mapped, "0", no_deadline},
    {"cdh_api_timeout", integer, mapped, "0", no_data_hub, "="},
    {"cdh_api_timeout_ms", integer, mapped, "0", no_data_hub, "="},
    {"launch_process_timeout", integer, mapped, "0", no_data_hub},
    {"visible_cdi_devices", boolean, refused, "false"},
    {"container_pipe_size", integer, refused, "0", {}, "="},
    {"log_level", string, mapped, R"(""|"info")", "enable_debug in [agent.nacre] decides"},
    {"server_port", integer, mapped, "1024", fixed_ports},
    {"log_port", integer, mapped, "1025", fixed_ports},
    {"passfd_listener_port", integer, mapped, "1027", fixed_ports},
    {"policy", string, refused, R"("")",
     "is not supported yet: the agent would do what the policy forbids; remove the line", "="},
};

constexpr KataKey mem_agent_keys[] = {
    {"enable", boolean, refused, "false"},
    {"mem_agent_enable", boolean, refused, "false"},
    {"memcg_disable", boolean, mapped, "", no_mem_agent},
    {"memcg_swap", boolean, mapped, "", no_mem_agent},
    {"memcg_swappiness_max", integer, mapped, "", no_mem_agent},
    {"memcg_period_secs", integer, mapped, "", no_mem_agent},
    {"memcg_period_psi_percent_limit", integer, mapped, "", no_mem_agent},
    {"memcg_eviction_psi_percent_limit", integer, mapped, "", no_mem_agent},
    {"memcg_eviction_run_aging_count_min", integer, mapped, "", no_mem_agent},
    {"compact_disable", boolean, mapped, "", no_mem_agent},
    {"compact_period_secs", integer, mapped, "", no_mem_agent},
    {"compact_period_psi_percent_limit", integer, mapped, "", no_mem_agent},
    {"compact_psi_percent_limit", integer, mapped, "", no_mem_agent},
    {"compact_sec_max", integer, mapped, "", no_mem_agent},
    {"compact_order", integer, mapped, "", no_mem_agent},
    {"compact_threshold", integer, mapped, "", no_mem_agent},
    {"compact_force_times", integer, mapped, "", no_mem_agent},
};

} // namespace

std::span<const KataKey> kata_agent_keys() {
  return keys;
}

std::span<const KataKey> kata_mem_agent_keys() {
  return mem_agent_keys;
}

} // namespace nacre::config
