#include "cli/event_data.hpp"

#include "base/error.hpp"
#include "oci/cgroup_text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

namespace nacre::cli {
namespace {

namespace json = boost::json;
using Stats = nacre::task::v1::RawStatsResponse;

std::string_view file(const Stats& stats, const std::string& name) {
  const auto found = stats.cgroup().find(name);
  return found == stats.cgroup().end() ? std::string_view() : std::string_view(found->second);
}

std::uint64_t number(const Stats& stats, const std::string& name) {
  return oci::cgroup_number(file(stats, name));
}

// runc leaves most counters out that are 0.
void put(json::object& object, std::string_view key, std::uint64_t value) {
  if (value != 0) object[key] = value;
}

json::object cpu(const Stats& stats) {
  constexpr std::uint64_t ns_per_us = 1000;
  auto table = oci::flat_keyed(file(stats, "cpu.stat"));
  json::object usage, throttling;
  put(usage, "total", table["usage_usec"] * ns_per_us);
  usage["kernel"] = table["system_usec"] * ns_per_us;
  usage["user"] = table["user_usec"] * ns_per_us;
  put(throttling, "periods", table["nr_periods"]);
  put(throttling, "throttledPeriods", table["nr_throttled"]);
  put(throttling, "throttledTime", table["throttled_usec"] * ns_per_us);
  return {{"usage", std::move(usage)}, {"throttling", std::move(throttling)}};
}

json::object memory_entry(std::uint64_t limit, std::uint64_t usage, std::uint64_t max,
                          std::uint64_t failures) {
  json::object entry{{"limit", limit}};
  put(entry, "usage", usage);
  put(entry, "max", max);
  entry["failcnt"] = failures;
  return entry;
}

json::object memory(const Stats& stats) {
  const auto table = oci::flat_keyed(file(stats, "memory.stat"));
  json::object raw;
  for (const auto& [name, value] : table)
    raw[name] = value;
  const auto limit = number(stats, "memory.max"), usage = number(stats, "memory.current");
  const auto swap_limit = number(stats, "memory.swap.max"), swap = number(stats, "memory.swap.current");
  const bool bounded = limit != oci::cgroup_unlimited && swap_limit != oci::cgroup_unlimited;
  json::object out;
  if (const auto cache = table.find("file"); cache != table.end()) put(out, "cache", cache->second);
  out["usage"] = memory_entry(limit, usage, number(stats, "memory.peak"),
                              oci::flat_keyed(file(stats, "memory.events"))["max"]);
  // As in OCI: memory and swap together.
  out["swap"] = memory_entry(bounded ? limit + swap_limit : oci::cgroup_unlimited, usage + swap, 0, 0);
  out["kernel"] = memory_entry(0, 0, 0, 0);
  out["kernelTCP"] = memory_entry(0, 0, 0, 0);
  out["raw"] = std::move(raw);
  return out;
}

json::object pids(const Stats& stats) {
  json::object out;
  put(out, "current", number(stats, "pids.current"));
  const auto limit = number(stats, "pids.max");
  if (limit != oci::cgroup_unlimited) put(out, "limit", limit);
  return out;
}

json::object block_io(const Stats& stats) {
  struct Counter {
    const char *name, *op;
  };
  static constexpr std::array<Counter, 3> bytes = {
      {{"rbytes", "Read"}, {"wbytes", "Write"}, {"dbytes", "Discard"}}};
  static constexpr std::array<Counter, 3> requests = {
      {{"rios", "Read"}, {"wios", "Write"}, {"dios", "Discard"}}};
  json::array served_bytes, served;
  for (auto& device : oci::device_keyed(file(stats, "io.stat"))) {
    const auto add = [&](json::array& list, const std::array<Counter, 3>& counters) {
      for (const auto& counter : counters) {
        json::object entry;
        put(entry, "major", device.major);
        put(entry, "minor", device.minor);
        entry["op"] = counter.op;
        put(entry, "value", device.values[counter.name]);
        list.push_back(std::move(entry));
      }
    };
    add(served_bytes, bytes);
    add(served, requests);
  }
  json::object out;
  if (!served_bytes.empty()) out["ioServiceBytesRecursive"] = std::move(served_bytes);
  if (!served.empty()) out["ioServicedRecursive"] = std::move(served);
  return out;
}

json::value interfaces(const Stats& stats) {
  if (stats.interfaces().empty()) return nullptr;
  json::array list;
  for (const auto& link : stats.interfaces()) // the members' names are runc's
    list.push_back({{"Name", link.name()},
                    {"RxBytes", link.rx_bytes()},
                    {"RxPackets", link.rx_packets()},
                    {"RxErrors", link.rx_errors()},
                    {"RxDropped", link.rx_dropped()},
                    {"TxBytes", link.tx_bytes()},
                    {"TxPackets", link.tx_packets()},
                    {"TxErrors", link.tx_errors()},
                    {"TxDropped", link.tx_dropped()}});
  return list;
}

} // namespace

std::string stats_line(const std::string& id, const Stats& stats) {
  json::object data;
  data["cpu"] = cpu(stats);
  data["memory"] = memory(stats);
  data["pids"] = pids(stats);
  data["blkio"] = block_io(stats);
  data["hugetlb"] = json::object();
  data["intel_rdt"] = json::object();
  data["network_interfaces"] = interfaces(stats);
  return json::serialize(json::object{{"type", "stats"}, {"id", id}, {"data", std::move(data)}}) + "\n";
}

std::string oom_line(const std::string& id) {
  return json::serialize(json::object{{"type", "oom"}, {"id", id}}) + "\n";
}

std::chrono::nanoseconds parse_duration(const std::string& text) {
  static constexpr std::array<std::pair<std::string_view, double>, 7> units = {
      {{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};
  const auto refuse = [&]() -> std::chrono::nanoseconds {
    throw Error(ErrorCode::invalid_argument, "invalid duration", text)
        .hint("use a number with a unit, as in 5s or 100ms");
  };
  if (text == "0") return {};
  double total = 0;
  std::string_view rest = text;
  if (rest.empty()) return refuse();
  while (!rest.empty()) {
    double value = 0;
    const auto [end, failure] =
        std::from_chars(rest.data(), rest.data() + rest.size(), value, std::chars_format::fixed);
    if (failure != std::errc() || value < 0) return refuse();
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const auto word = rest.substr(0, rest.find_first_of("0123456789."));
    rest.remove_prefix(word.size());
    double factor = 0;
    for (const auto& [name, nanoseconds] : units)
      if (word == name) factor = nanoseconds;
    if (factor == 0) return refuse();
    total += value * factor;
  }
  if (!std::isfinite(total) || total > 9e18) return refuse();
  return std::chrono::nanoseconds(static_cast<std::int64_t>(total));
}

} // namespace nacre::cli
