#include "catch.hpp"

#include "base/error.hpp"
#include "launch/proto/plan.pb.h"
#include "sandbox/confinement.hpp"
#include "sandbox/guest_sizing.hpp"
#include "sandbox/pod_cgroup.hpp"
#include "sandbox/text_tail.hpp"
#include "sandbox/timeline.hpp"

#include <boost/json.hpp>
#include <string>

using namespace nacre::sandbox;
using nacre::Error;
using nacre::ErrorCode;

namespace {
constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t host_memory = 16384 * mib;

nacre::config::GuestOptions guest(std::uint32_t vcpus, std::uint32_t memory_mib) {
  nacre::config::GuestOptions options;
  options.vcpus = vcpus;
  options.memory_mib = memory_mib;
  return options;
}
} // namespace

TEST_CASE("a container's limits come on top of the configuration's defaults") {
  nacre::oci::Resources resources;
  CHECK(size_guest(guest(1, 512), resources, 8, host_memory) == GuestSize{1, 512 * mib});
  resources.memory_limit = 100 * mib + 1;
  resources.cpu_quota = 250000;
  CHECK(size_guest(guest(1, 512), resources, 8, host_memory) == GuestSize{4, 614 * mib});
}

TEST_CASE("limits that limit nothing do not size the VM") {
  nacre::oci::Resources resources;
  resources.memory_limit = -1;
  resources.cpu_quota = -1;
  CHECK(size_guest(guest(2, 512), resources, 8, host_memory) == GuestSize{2, 512 * mib});
  resources.memory_limit = INT64_MAX; // how engines write "unlimited"
  resources.cpu_quota = 100;
  resources.cpu_period = 0;
  CHECK(size_guest(guest(2, 512), resources, 8, host_memory) == GuestSize{2, 512 * mib});
}

TEST_CASE("a VM never has more CPUs than the host, nor more memory by default") {
  nacre::oci::Resources resources;
  resources.cpu_quota = INT64_MAX;
  CHECK(size_guest(guest(1, 512), resources, 4, host_memory).vcpus == 4);
  CHECK_THROWS_WITH(size_guest(guest(1, 4000000), {}, 4, host_memory),
                    Catch::Matchers::ContainsSubstring("default_memory"));
}

TEST_CASE("the configured most cuts what limits ask for, but not the guest's own part") {
  nacre::oci::Resources resources;
  resources.cpu_quota = 800000;
  resources.memory_limit = 4096 * mib;
  auto options = guest(2, 512);
  options.max_vcpus = 4;
  options.max_memory_mib = 1024;
  CHECK(size_guest(options, resources, 16, host_memory) == GuestSize{4, 1024 * mib});
  options.max_vcpus = 1;
  options.max_memory_mib = 256;
  CHECK(size_guest(options, resources, 16, host_memory) == GuestSize{2, 512 * mib});
}

TEST_CASE("cgroup paths: as they are, and none") {
  CHECK(cgroup_path("/docker/abc", "c1") == "/docker/abc");
  CHECK(cgroup_path("a//b/../c", "c1") == "/a/b/c");
  CHECK(cgroup_path("", "c1") == "/c1");
  CHECK(cgroup_path("system.slice:docker:abc", "c1") ==
        "/system.slice:docker:abc"); // cgroupfs knows no units
}

TEST_CASE("hierarchies of a hybrid host are found once each") {
  const auto found = find_hierarchies(
      "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
      "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
      "99 31 0:38 / /other rw,relatime - cgroup2 cgroup2 rw\n");
  REQUIRE(found.size() == 3);
  CHECK(found[0].mount_point == "/sys/fs/cgroup/cpu,cpuacct");
  CHECK(found[0].controllers == std::vector<std::string>{"cpu", "cpuacct"});
  CHECK(found[1].controllers == std::vector<std::string>{"name=systemd"});
  CHECK(found[2].controllers.empty());
}

TEST_CASE("of an endless text the last lines are kept, cleaned, as one line") {
  TextTail tail(64);
  for (int i = 0; i < 1000; ++i)
    tail.append("noise noise noise\n");
  tail.append("\x1b[1;31mpanic\x1b[0m: \x07not syncing\r\n\r\n  \nlast");
  CHECK(tail.text().size() <= 64);
  CHECK(tail.last_lines(30) == "panic: not syncing | last");
  CHECK(tail.last_lines(4) == "last");
  CHECK(tail.total() == 18000 + 41);
}

TEST_CASE("the timeline is relative to its first phase and knows what lasts still") {
  Timeline timeline;
  timeline.add({"create.task", "c1", 5'000'000, 7'500'000});
  timeline.add({"guest.kernel", "", 6'000'000, 0});
  const auto phases = boost::json::parse(timeline.to_json()).at("phases").as_array();
  CHECK(phases[0].at("start_ms").to_number<double>() == 0);
  CHECK(phases[0].at("duration_ms").to_number<double>() == 2.5);
  CHECK(phases[1].at("start_ms").to_number<double>() == 1);
  CHECK(phases[1].at("duration_ms").is_null());
}

TEST_CASE("a phase ends with its scope") {
  Timeline timeline;
  {
    const auto phase = timeline.phase("plan");
    CHECK(timeline.phases()[0].end_ns == 0);
  }
  CHECK(timeline.phases()[0].end_ns >= timeline.phases()[0].start_ns);
}

TEST_CASE("of two security plugins the stricter side wins") {
  nacre::launch::ProcessPlan plan;
  nacre::plugin::ProcessRules first, second;
  first.capabilities = {"kill", "net_admin"};
  first.rlimits = {"RLIMIT_NOFILE=100:200"};
  first.filter = std::string(8, 'a');
  second.capabilities = {"net_admin", "chown"};
  second.rlimits = {"RLIMIT_NOFILE=150:160"};
  second.no_new_privileges = true;
  second.filter = std::string(8, 'b');
  merge_rules(first, plan);
  merge_rules(second, plan);
  REQUIRE(plan.capabilities().effective_size() == 1);
  CHECK(plan.capabilities().effective(0) == "net_admin");
  CHECK(plan.capabilities().bounding_size() == 1);
  CHECK(plan.rlimits(0).soft() == 100);
  CHECK(plan.rlimits(0).hard() == 160);
  CHECK(plan.no_new_privileges());
  CHECK(plan.seccomp_filters_size() == 2);
}

TEST_CASE("a limit that cannot be read is refused by name") {
  nacre::launch::ProcessPlan plan;
  nacre::plugin::ProcessRules rules;
  rules.rlimits = {"RLIMIT_NOFILE"};
  CHECK_THROWS_WITH(merge_rules(rules, plan), Catch::Matchers::ContainsSubstring("RLIMIT_NOFILE"));
}
