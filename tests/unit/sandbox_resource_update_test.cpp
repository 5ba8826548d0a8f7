// What `update` makes of the limits that an engine sends.
#include "catch.hpp"

#include "base/error.hpp"
#include "sandbox/resource_update.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

using namespace nacre;
using namespace nacre::sandbox;
namespace json = boost::json;

namespace {

json::object merge(json::object& current, const std::string& update) {
  return merge_resources(current, update, [] { return CpuCounts{4, 2}; });
}

} // namespace

TEST_CASE("zeros and empty strings leave a limit as it is") {
  json::object current = json::parse(R"({"memory": {"limit": 100}})").as_object();
  const auto before = current;
  CHECK(merge(current,
              R"({"memory": {"limit": 0, "swap": 0}, "cpu": {"shares": 0, "quota": 0, "cpus": "", "mems": ""},
                           "blockIO": {"weight": 0}, "pids": {"limit": 0}, "unknown": 3})")
            .empty());
  CHECK(current == before);
}

TEST_CASE("what the kernel takes in one file is sent together") {
  json::object current =
      json::parse(R"({"cpu": {"quota": 50000, "period": 100000}, "memory": {"limit": 100}})").as_object();
  CHECK(json::serialize(merge(current, R"({"cpu": {"period": 200000}})")) ==
        R"({"cpu":{"period":200000,"quota":50000}})");
  CHECK(json::serialize(merge(current, R"({"memory": {"swap": -1}})")) ==
        R"({"memory":{"swap":-1,"limit":100}})");
  CHECK(json::serialize(merge(current, R"({"cpu": {"shares": 512}})")) == R"({"cpu":{"shares":512}})");
  CHECK(current.at("cpu").at("period") == 200000);
  CHECK(current.at("memory").at("swap") == -1);
}

TEST_CASE("host CPUs become as many of the guest's") {
  json::object current;
  CHECK(json::serialize(merge(current, R"({"cpu": {"cpus": "3"}})")) == R"({"cpu":{"cpus":"0-0"}})");
  CHECK(json::serialize(merge(current, R"({"cpu": {"cpus": "1-3"}})")) == R"({"cpu":{"cpus":"0-1"}})");
  CHECK(current.empty());
  CHECK_THROWS_WITH(merge(current, R"({"cpu": {"cpus": "9"}})"),
                    Catch::Matchers::ContainsSubstring("numerical result out of range"));
  CHECK_THROWS_WITH(merge(current, R"({"cpu": {"cpus": "x"}})"),
                    Catch::Matchers::ContainsSubstring("invalid argument"));
}

TEST_CASE("what is no resources object is refused") {
  json::object current;
  CHECK_THROWS_AS(merge(current, "[]"), Error);
  CHECK_THROWS_AS(merge(current, "nonsense"), Error);
  CHECK_THROWS_AS(merge(current, R"({"memory": {"limit": "all"}})"), Error);
  CHECK(current.empty());
}
