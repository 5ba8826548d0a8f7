#include "base/error.hpp"
#include "catch.hpp"
#include "sandbox/guest_sysctls.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

using namespace nacre::sandbox;
using Catch::Matchers::ContainsSubstring;

namespace {

boost::json::object section(const std::string& sysctls) {
  return boost::json::parse("{\"sysctl\": " + sysctls + "}").as_object();
}

} // namespace

TEST_CASE("what a namespace has stays in config.json, what is the kernel's goes to the guest") {
  auto linux_section = section(R"({"net.ipv4.ip_forward": "1", "kernel.shmmax": "5", "vm.max_map_count": "9",
                                   "fs.inotify.max_user_watches": "8", "fs.mqueue.msg_max": "7",
                                   "net/core/somaxconn": "3", "vm/swappiness": "2"})");
  const auto taken =
      take_guest_sysctls(linux_section, {"vm.max_map_count", "fs.inotify.*", "vm.swappiness"}, true);
  CHECK(taken == std::map<std::string, std::string>{{"vm.max_map_count", "9"},
                                                    {"fs.inotify.max_user_watches", "8"},
                                                    {"vm/swappiness", "2"}});
  CHECK(
      boost::json::serialize(linux_section["sysctl"]) ==
      R"({"net.ipv4.ip_forward":"1","kernel.shmmax":"5","fs.mqueue.msg_max":"7","net/core/somaxconn":"3"})");
}

TEST_CASE("a sysctl that is not allowed is refused with the line to write") {
  auto linux_section = section(R"({"kernel.core_pattern": "|/bin/x"})");
  CHECK_THROWS_WITH(take_guest_sysctls(linux_section, {"vm.*", "kernel.core"}, true),
                    ContainsSubstring("set sysctl \"kernel.core_pattern\"") &&
                        ContainsSubstring("add it to guest_sysctls"));
}

TEST_CASE("one that joins other containers cannot change their kernel") {
  auto linux_section = section(R"({"vm.swappiness": "1"})");
  CHECK_THROWS_WITH(take_guest_sysctls(linux_section, {"*"}, false),
                    ContainsSubstring("other containers run in the same guest"));
}

TEST_CASE("no sysctls are none") {
  boost::json::object linux_section;
  CHECK(take_guest_sysctls(linux_section, {"*"}, false).empty());
}
