// Limits of block I/O as the files of either version of cgroups.
#include "catch.hpp"

#include "base/error.hpp"
#include "sandbox/block_io.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>

using namespace nacre::sandbox;
using Catch::Matchers::ContainsSubstring;
using Settings = std::vector<CgroupSetting>;

namespace {

BlockIo limits(const std::string& resources) {
  return BlockIo(boost::json::parse(resources).as_object());
}

CgroupFileExists only(std::vector<std::string> files) {
  return [files = std::move(files)](const std::string& file) {
    return std::find(files.begin(), files.end(), file) != files.end();
  };
}

constexpr const char* all_of_them = R"({"blockIO": {
  "weight": 505, "leafWeight": 20,
  "weightDevice": [{"major": 7, "minor": 1, "weight": 1000, "leafWeight": 30}],
  "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1048576}],
  "throttleWriteBpsDevice": [{"major": 8, "minor": 16, "rate": 18446744073709551615}],
  "throttleReadIOPSDevice": [{"major": 8, "minor": 0, "rate": 5}],
  "throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 6}, {"major": 259, "minor": 3, "rate": 7}]}})";

} // namespace

TEST_CASE("version 1 has a file for each kind of limit") {
  CHECK(limits(all_of_them).version_1(only({"blkio.weight", "blkio.bfq.weight"})) ==
        Settings{{"blkio.weight", "505"},
                 {"blkio.leaf_weight", "20"},
                 {"blkio.weight_device", "7:1 1000"},
                 {"blkio.leaf_weight_device", "7:1 30"},
                 {"blkio.throttle.read_bps_device", "8:0 1048576"},
                 {"blkio.throttle.write_bps_device", "8:16 18446744073709551615"},
                 {"blkio.throttle.read_iops_device", "8:0 5"},
                 {"blkio.throttle.write_iops_device", "8:0 6"},
                 {"blkio.throttle.write_iops_device", "259:3 7"}});
  CHECK(limits(R"({"blockIO": {"weight": 10}})").version_1(only({})) == Settings{{"blkio.bfq.weight", "10"}});
}

TEST_CASE("version 2 has all throttles in one file and weights of another range") {
  CHECK(limits(all_of_them).version_2(only({"io.weight"})) ==
        Settings{{"io.weight", "5000"},
                 {"io.weight", "7:1 10000"},
                 {"io.max", "8:0 rbps=1048576"},
                 {"io.max", "8:16 wbps=18446744073709551615"},
                 {"io.max", "8:0 riops=5"},
                 {"io.max", "8:0 wiops=6"},
                 {"io.max", "259:3 wiops=7"}});
  CHECK(limits(R"({"blockIO": {"weight": 10}})").version_2(only({})) == Settings{{"io.weight", "1"}});
  CHECK(limits(R"({"blockIO": {"weight": 10}})").version_2(only({"io.bfq.weight"})) ==
        Settings{{"io.bfq.weight", "10"}});
}

TEST_CASE("of unified files those of block I/O are meant") {
  const auto found =
      limits(R"({"unified": {"io.max": "8:0 rbps=1", "memory.high": "5", "io.weight": "50"}})");
  CHECK(found.unified() == Settings{{"io.max", "8:0 rbps=1"}, {"io.weight", "50"}});
  CHECK(found.version_1(only({})).empty());
}

TEST_CASE("what engines write for no limit is none") {
  for (const char* none :
       {"{}", R"({"blockIO": null})", R"({"blockIO": {"weight": 0, "weightDevice": []}})",
        R"({"blockIO": {"throttleReadBpsDevice": null}, "unified": {"memory.high": "5"}})"})
    CHECK(limits(none).empty());
}

TEST_CASE("what is no limit is refused by name") {
  CHECK_THROWS_WITH(limits(R"({"blockIO": 5})"), ContainsSubstring("\"blockIO\""));
  CHECK_THROWS_WITH(limits(R"({"blockIO": {"weight": -5}})"), ContainsSubstring("\"blockIO.weight\""));
  CHECK_THROWS_WITH(limits(R"({"blockIO": {"throttleReadBpsDevice": [5]}})"),
                    ContainsSubstring("\"blockIO.throttleReadBpsDevice\""));
  CHECK_THROWS_WITH(limits(R"({"unified": {"io.max/../../x": "5"}})"),
                    ContainsSubstring("no file of a cgroup"));
  CHECK_THROWS_WITH(limits(R"({"unified": {"io.max": 5}})"), ContainsSubstring("\"unified.io.max\""));
}
