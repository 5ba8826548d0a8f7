// Words and numbers of the verbs as runc has them.
#include "catch.hpp"

#include "base/error.hpp"
#include "cli/event_data.hpp"
#include "cli/host_ps.hpp"
#include "cli/resource_flags.hpp"

#include <boost/json/parse.hpp>

using namespace nacre;
using namespace nacre::cli;
namespace json = boost::json;

namespace {

std::string resources(const Arguments& arguments) {
  CommandLine line("update", "");
  add_resource_flags(line);
  line.parse(arguments, 0, 0);
  return resources_of_flags(line);
}

std::string refusal(const Arguments& arguments) {
  try {
    resources(arguments);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

} // namespace

TEST_CASE("flags of update become resources") {
  CHECK(resources({}) == "{}");
  CHECK(resources({"--memory", "100m", "--memory-swap=-1"}) == R"({"memory":{"limit":104857600,"swap":-1}})");
  CHECK(resources({"--cpu-quota", "-1", "--cpu-period", "50000", "--cpuset-cpus", "0-1"}) ==
        R"({"cpu":{"period":50000,"quota":-1,"cpus":"0-1"}})");
  CHECK(resources({"--pids-limit", "-1"}) == R"({"pids":{"limit":-1}})");
}

TEST_CASE("update refuses in runc's words") {
  CHECK(refusal({"--memory", "10x"}) == "invalid value for memory: invalid size: '10x'");
  CHECK(refusal({"--cpu-quota", "abc"}) ==
        R"(invalid value for cpu-quota: strconv.ParseInt: parsing "abc": invalid syntax)");
  CHECK(refusal({"--l3-cache-schema", "x"}) == "Intel RDT/CAT: l3 cache schema is not enabled");
}

TEST_CASE("sizes are docker's") {
  CHECK(parse_size("12") == 12);
  CHECK(parse_size("1k") == 1024);
  CHECK(parse_size("1.5 GiB") == 1610612736);
  CHECK(parse_size("2MB") == 2 << 20);
  for (const auto* text : {"", "x", "-1", "1z", "1kbb", "9e30", "99999999999p"})
    CHECK_THROWS_AS(parse_size(text), Error);
}

TEST_CASE("durations are Go's") {
  using namespace std::chrono_literals;
  CHECK(parse_duration("5s") == 5s);
  CHECK(parse_duration("1m30s") == 90s);
  CHECK(parse_duration("1.5h") == 90min);
  CHECK(parse_duration("100ms") == 100ms);
  CHECK(parse_duration("0") == 0s);
  for (const auto* text : {"", "5", "s", "5x", "-1s", "1e99h"})
    CHECK_THROWS_AS(parse_duration(text), Error);
}

TEST_CASE("lines of ps are chosen by its column PID") {
  const auto* const text = "UID   PID  PPID CMD\nroot   12     1 a 13\nroot   13    12 b\n";
  CHECK(lines_of(text, {12}) == "UID   PID  PPID CMD\nroot   12     1 a 13\n");
  CHECK(lines_of(text, {}) == "UID   PID  PPID CMD\n");
  CHECK_THROWS_AS(lines_of("COMMAND\nx\n", {1}), Error);
  CHECK_THROWS_AS(lines_of("PID\nx\n", {1}), Error);
}

TEST_CASE("statistics are one line of runc's JSON") {
  nacre::task::v1::RawStatsResponse stats;
  (*stats.mutable_cgroup())["cpu.stat"] = "usage_usec 3\nuser_usec 2\nsystem_usec 1\n";
  (*stats.mutable_cgroup())["memory.current"] = "10\n";
  (*stats.mutable_cgroup())["memory.max"] = "max\n";
  (*stats.mutable_cgroup())["memory.stat"] = "anon 7\n";
  (*stats.mutable_cgroup())["io.stat"] = "8:0 rbytes=5 wbytes=6 rios=1 wios=2\n";
  stats.add_interfaces()->set_name("eth0");
  const auto line = stats_line("c", stats);
  CHECK(line.back() == '\n');
  const auto event = json::parse(line);
  CHECK(event.at("type") == "stats");
  CHECK(event.at("data").at("cpu").at("usage").at("total") == 3000);
  CHECK(event.at("data").at("memory").at("usage").at("limit") == UINT64_MAX);
  CHECK(event.at("data").at("memory").at("raw").at("anon") == 7);
  CHECK(event.at("data").at("blkio").at("ioServiceBytesRecursive").at(1).at("value") == 6);
  CHECK(event.at("data").at("network_interfaces").at(0).at("Name") == "eth0");
  CHECK(oom_line("c") == "{\"type\":\"oom\",\"id\":\"c\"}\n");
}
