#include "shim/guest_metrics.hpp"

#include "oci/cgroup_text.hpp"

#include <string_view>

namespace nacre::shim {
namespace {

namespace v2 = io::containerd::cgroups::v2;

std::string_view file(const sandbox::ContainerStats& stats, const std::string& name) {
  const auto found = stats.cgroup.find(name);
  return found == stats.cgroup.end() ? std::string_view() : std::string_view(found->second);
}

std::uint64_t number(const sandbox::ContainerStats& stats, const std::string& name) {
  return oci::cgroup_number(file(stats, name));
}

void fill(v2::PidsStat& pids, const sandbox::ContainerStats& stats) {
  pids.set_current(number(stats, "pids.current"));
  const auto limit = number(stats, "pids.max");
  pids.set_limit(limit == oci::cgroup_unlimited ? 0 : limit);
}

void fill(v2::CPUStat& cpu, const sandbox::ContainerStats& stats) {
  auto table = oci::flat_keyed(file(stats, "cpu.stat"));
  cpu.set_usage_usec(table["usage_usec"]);
  cpu.set_user_usec(table["user_usec"]);
  cpu.set_system_usec(table["system_usec"]);
  cpu.set_nr_periods(table["nr_periods"]);
  cpu.set_nr_throttled(table["nr_throttled"]);
  cpu.set_throttled_usec(table["throttled_usec"]);
}

void fill(v2::MemoryStat& memory, const sandbox::ContainerStats& stats) {
  struct Field {
    const char* name;
    void (v2::MemoryStat::*set)(std::uint64_t);
  };
  static constexpr Field fields[] = {
      {"anon", &v2::MemoryStat::set_anon},
      {"file", &v2::MemoryStat::set_file},
      {"kernel_stack", &v2::MemoryStat::set_kernel_stack},
      {"slab", &v2::MemoryStat::set_slab},
      {"sock", &v2::MemoryStat::set_sock},
      {"shmem", &v2::MemoryStat::set_shmem},
      {"file_mapped", &v2::MemoryStat::set_file_mapped},
      {"file_dirty", &v2::MemoryStat::set_file_dirty},
      {"file_writeback", &v2::MemoryStat::set_file_writeback},
      {"anon_thp", &v2::MemoryStat::set_anon_thp},
      {"inactive_anon", &v2::MemoryStat::set_inactive_anon},
      {"active_anon", &v2::MemoryStat::set_active_anon},
      {"inactive_file", &v2::MemoryStat::set_inactive_file},
      {"active_file", &v2::MemoryStat::set_active_file},
      {"unevictable", &v2::MemoryStat::set_unevictable},
      {"slab_reclaimable", &v2::MemoryStat::set_slab_reclaimable},
      {"slab_unreclaimable", &v2::MemoryStat::set_slab_unreclaimable},
      {"pgfault", &v2::MemoryStat::set_pgfault},
      {"pgmajfault", &v2::MemoryStat::set_pgmajfault},
      {"workingset_refault_file", &v2::MemoryStat::set_workingset_refault},
      {"workingset_activate_file", &v2::MemoryStat::set_workingset_activate},
      {"workingset_nodereclaim", &v2::MemoryStat::set_workingset_nodereclaim},
      {"pgrefill", &v2::MemoryStat::set_pgrefill},
      {"pgscan", &v2::MemoryStat::set_pgscan},
      {"pgsteal", &v2::MemoryStat::set_pgsteal},
      {"pgactivate", &v2::MemoryStat::set_pgactivate},
      {"pgdeactivate", &v2::MemoryStat::set_pgdeactivate},
      {"pglazyfree", &v2::MemoryStat::set_pglazyfree},
      {"pglazyfreed", &v2::MemoryStat::set_pglazyfreed},
      {"thp_fault_alloc", &v2::MemoryStat::set_thp_fault_alloc},
      {"thp_collapse_alloc", &v2::MemoryStat::set_thp_collapse_alloc},
  };
  const auto table = oci::flat_keyed(file(stats, "memory.stat"));
  for (const auto& field : fields)
    if (const auto value = table.find(field.name); value != table.end()) (memory.*field.set)(value->second);
  memory.set_usage(number(stats, "memory.current"));
  memory.set_usage_limit(number(stats, "memory.max"));
  memory.set_swap_usage(number(stats, "memory.swap.current"));
  memory.set_swap_limit(number(stats, "memory.swap.max"));
  memory.set_max_usage(number(stats, "memory.peak"));
}

void fill(v2::MemoryEvents& events, const sandbox::ContainerStats& stats) {
  auto table = oci::flat_keyed(file(stats, "memory.events"));
  events.set_low(table["low"]);
  events.set_high(table["high"]);
  events.set_max(table["max"]);
  events.set_oom(table["oom"]);
  events.set_oom_kill(table["oom_kill"]);
}

void fill(v2::IOStat& io, const sandbox::ContainerStats& stats) {
  for (auto& device : oci::device_keyed(file(stats, "io.stat"))) {
    auto& entry = *io.add_usage();
    entry.set_major(device.major);
    entry.set_minor(device.minor);
    entry.set_rbytes(device.values["rbytes"]);
    entry.set_wbytes(device.values["wbytes"]);
    entry.set_rios(device.values["rios"]);
    entry.set_wios(device.values["wios"]);
  }
}

void add_huge_pages(v2::Metrics& metrics, const sandbox::ContainerStats& stats) {
  constexpr std::string_view prefix = "hugetlb.", suffix = ".current";
  for (const auto& [name, text] : stats.cgroup) {
    if (!name.starts_with(prefix) || !name.ends_with(suffix) || name.find(".rsvd.") != std::string::npos ||
        name.size() <= prefix.size() + suffix.size())
      continue;
    const auto size = name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
    auto& entry = *metrics.add_hugetlb();
    entry.set_pagesize(size);
    entry.set_current(oci::cgroup_number(text));
    entry.set_max(number(stats, "hugetlb." + size + ".max"));
  }
}

} // namespace

v2::Metrics guest_metrics(const sandbox::ContainerStats& stats) {
  v2::Metrics metrics;
  fill(*metrics.mutable_pids(), stats);
  fill(*metrics.mutable_cpu(), stats);
  fill(*metrics.mutable_memory(), stats);
  fill(*metrics.mutable_memory_events(), stats);
  fill(*metrics.mutable_io(), stats);
  add_huge_pages(metrics, stats);
  for (const auto& link : stats.interfaces) {
    auto& entry = *metrics.add_network();
    entry.set_name(link.name);
    entry.set_rx_bytes(link.rx_bytes);
    entry.set_rx_packets(link.rx_packets);
    entry.set_rx_errors(link.rx_errors);
    entry.set_rx_dropped(link.rx_dropped);
    entry.set_tx_bytes(link.tx_bytes);
    entry.set_tx_packets(link.tx_packets);
    entry.set_tx_errors(link.tx_errors);
    entry.set_tx_dropped(link.tx_dropped);
  }
  return metrics;
}

} // namespace nacre::shim
