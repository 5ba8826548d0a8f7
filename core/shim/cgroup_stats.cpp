#include "shim/cgroup_stats.hpp"

#include "base/error.hpp"
#include "ttrpc/proto/metrics_v1.pb.h"
#include "ttrpc/proto/metrics_v2.pb.h"
#include "ttrpc/task_client.hpp"

#include <charconv>
#include <fstream>
#include <map>
#include <sstream>

namespace nacre::shim {
namespace {

namespace v1 = io::containerd::cgroups::v1;
namespace v2 = io::containerd::cgroups::v2;

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// "max" and what is no number are `otherwise`.
std::uint64_t read_number(const std::string& path, std::uint64_t otherwise = 0) {
  const auto text = read_text(path);
  std::uint64_t value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Files of lines "name value".
std::map<std::string, std::uint64_t> read_table(const std::string& path) {
  std::map<std::string, std::uint64_t> table;
  std::ifstream file(path);
  std::string name;
  std::uint64_t value;
  while (file >> name >> value)
    table[name] = value;
  return table;
}

v2::Metrics unified_metrics(const std::string& folder) {
  v2::Metrics metrics;
  metrics.mutable_pids()->set_current(read_number(folder + "/pids.current"));
  metrics.mutable_pids()->set_limit(read_number(folder + "/pids.max"));
  auto cpu = read_table(folder + "/cpu.stat");
  metrics.mutable_cpu()->set_usage_usec(cpu["usage_usec"]);
  metrics.mutable_cpu()->set_user_usec(cpu["user_usec"]);
  metrics.mutable_cpu()->set_system_usec(cpu["system_usec"]);
  metrics.mutable_cpu()->set_nr_periods(cpu["nr_periods"]);
  metrics.mutable_cpu()->set_nr_throttled(cpu["nr_throttled"]);
  metrics.mutable_cpu()->set_throttled_usec(cpu["throttled_usec"]);
  auto memory = read_table(folder + "/memory.stat");
  metrics.mutable_memory()->set_anon(memory["anon"]);
  metrics.mutable_memory()->set_file(memory["file"]);
  metrics.mutable_memory()->set_inactive_file(memory["inactive_file"]);
  metrics.mutable_memory()->set_active_file(memory["active_file"]);
  metrics.mutable_memory()->set_usage(read_number(folder + "/memory.current"));
  metrics.mutable_memory()->set_usage_limit(read_number(folder + "/memory.max", UINT64_MAX));
  return metrics;
}

void add_v1_cpu(v1::Metrics& metrics, const std::string& folder) {
  constexpr std::uint64_t tick_ns = 10'000'000; // cpuacct.stat counts in USER_HZ, 100 on every Linux ABI
  auto& usage = *metrics.mutable_cpu()->mutable_usage();
  usage.set_total(read_number(folder + "/cpuacct.usage"));
  auto stat = read_table(folder + "/cpuacct.stat");
  usage.set_user(stat["user"] * tick_ns);
  usage.set_kernel(stat["system"] * tick_ns);
  std::ifstream per_cpu(folder + "/cpuacct.usage_percpu");
  for (std::uint64_t value; per_cpu >> value;)
    usage.add_per_cpu(value);
  auto throttled = read_table(folder + "/cpu.stat");
  auto& throttling = *metrics.mutable_cpu()->mutable_throttling();
  throttling.set_periods(throttled["nr_periods"]);
  throttling.set_throttled_periods(throttled["nr_throttled"]);
  throttling.set_throttled_time(throttled["throttled_time"]);
}

void add_v1_memory(v1::Metrics& metrics, const std::string& folder) {
  auto& memory = *metrics.mutable_memory();
  auto stat = read_table(folder + "/memory.stat");
  memory.set_cache(stat["cache"]);
  memory.set_rss(stat["rss"]);
  memory.set_mapped_file(stat["mapped_file"]);
  memory.set_inactive_file(stat["inactive_file"]);
  memory.set_active_file(stat["active_file"]);
  memory.set_hierarchical_memory_limit(stat["hierarchical_memory_limit"]);
  memory.set_total_cache(stat["total_cache"]);
  memory.set_total_rss(stat["total_rss"]);
  memory.set_total_inactive_file(stat["total_inactive_file"]);
  memory.set_total_active_file(stat["total_active_file"]);
  auto& usage = *memory.mutable_usage();
  usage.set_usage(read_number(folder + "/memory.usage_in_bytes"));
  usage.set_max(read_number(folder + "/memory.max_usage_in_bytes"));
  usage.set_limit(read_number(folder + "/memory.limit_in_bytes"));
  usage.set_failcnt(read_number(folder + "/memory.failcnt"));
}

v1::Metrics split_metrics(const CgroupPaths& paths, const std::string& root) {
  v1::Metrics metrics;
  if (!paths.pids.empty()) {
    metrics.mutable_pids()->set_current(read_number(root + "/pids" + paths.pids + "/pids.current"));
    metrics.mutable_pids()->set_limit(read_number(root + "/pids" + paths.pids + "/pids.max"));
  }
  add_v1_cpu(metrics, root + "/cpuacct" + paths.cpuacct);
  add_v1_memory(metrics, root + "/memory" + paths.memory);
  return metrics;
}

bool names(std::string_view controllers, std::string_view wanted) {
  while (!controllers.empty()) {
    const auto comma = controllers.find(',');
    if (controllers.substr(0, comma) == wanted) return true;
    controllers = comma == std::string_view::npos ? std::string_view() : controllers.substr(comma + 1);
  }
  return false;
}

} // namespace

CgroupPaths parse_proc_cgroup(std::string_view text) {
  CgroupPaths paths;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text = line.size() < text.size() ? text.substr(line.size() + 1) : std::string_view();
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    const auto path = line.substr(second + 1);
    if (controllers.empty()) paths.unified = path;
    if (names(controllers, "cpuacct")) paths.cpuacct = path;
    if (names(controllers, "memory")) paths.memory = path;
    if (names(controllers, "pids")) paths.pids = path;
  }
  return paths;
}

ttrpc::wire::Any cgroup_stats(int pid, const std::string& cgroup_root) {
  const auto text = read_text("/proc/" + std::to_string(pid) + "/cgroup");
  if (text.empty()) throw Error(ErrorCode::not_found, "read the cgroup of process", std::to_string(pid));
  const auto paths = parse_proc_cgroup(text);
  ttrpc::wire::Any any;
  if (paths.memory.empty() && paths.cpuacct.empty())
    ttrpc::pack_any(any, unified_metrics(cgroup_root + paths.unified));
  else
    ttrpc::pack_any(any, split_metrics(paths, cgroup_root));
  return any;
}

} // namespace nacre::shim
