// config.json: what is read from it, and in which words a wrong one is refused.
#include "catch.hpp"

#include "base/error.hpp"
#include "oci/default_spec.hpp"
#include "oci/features.hpp"
#include "oci/spec.hpp"

#include <boost/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace nacre::oci;
using Catch::Matchers::ContainsSubstring;
namespace json = boost::json;

namespace {

// Boost 1.81 reads JSON pointers but does not write through them.
void set_at(json::value& document, std::string_view pointer, json::value value) {
  auto* target = &document;
  while (!pointer.empty()) {
    const auto end = std::min(pointer.find('/', 1), pointer.size());
    const auto key = pointer.substr(1, end - 1);
    target = target->is_array() ? &target->get_array().at(std::stoul(std::string(key)))
                                : &target->get_object()[key];
    pointer.remove_prefix(end);
  }
  *target = std::move(value);
}

json::object base() {
  return json::parse(default_spec()).get_object();
}

std::string refusal(const json::object& document) {
  try {
    parse_spec(json::serialize(document), "config.json", "/b");
  } catch (const nacre::Error& error) {
    return error.what();
  }
  return "accepted";
}

// The default document with one value set at a JSON pointer.
std::string refusal_with(std::string_view pointer, json::value value) {
  json::value document = base();
  set_at(document, pointer, std::move(value));
  return refusal(document.get_object());
}

std::string refusal_of_text(std::string_view text) {
  try {
    parse_spec(text, "config.json", "/b");
  } catch (const nacre::Error& error) {
    return error.what();
  }
  return "accepted";
}

} // namespace

TEST_CASE("the default config.json is read whole") {
  const auto spec = parse_spec(default_spec(), "config.json", "/b");
  REQUIRE(spec.process);
  CHECK(spec.process->args == StringList{"sh"});
  CHECK(spec.process->terminal);
  CHECK(spec.process->capabilities->bounding.size() == 3);
  CHECK(spec.process->rlimits.at(0).soft == 1024);
  CHECK(spec.root.path == "/b/rootfs");
  CHECK(spec.root.readonly);
  CHECK(spec.hostname == "nacre");
  CHECK(spec.mounts.size() == 7);
  CHECK(spec.linux.find("network"));
  CHECK_FALSE(spec.linux.find("user"));
  CHECK(json::serialize(spec.document) == json::serialize(json::parse(default_spec())));
}

TEST_CASE("members that the model does not know are kept") {
  auto document = base();
  document["com.example"] = {{"deep", {1, 2, {{"x", nullptr}}}}};
  const auto text = json::serialize(document);
  CHECK(json::serialize(parse_spec(text, "c", "/b").document) == text);
}

TEST_CASE("what the host needs is modelled") {
  json::value document = base();
  set_at(document, "/linux/resources", json::parse(R"({"memory":{"limit":1048576,"swap":-1},
    "cpu":{"quota":50000,"period":100000,"shares":512,"cpus":"0-1"},"pids":{"limit":64}})"));
  set_at(document, "/linux/namespaces/1/path", "/proc/1/ns/net");
  set_at(document, "/linux/cgroupsPath", "system.slice:docker:abc");
  set_at(document, "/hooks", json::parse(R"({"prestart":[{"path":"/h","args":["h","x"],"timeout":5}]})"));
  set_at(document, "/annotations", json::parse(R"({"a":"b"})"));
  set_at(document, "/mounts/0",
         json::parse(R"({"destination":"/data","source":"/srv","options":["rbind","ro"]})"));
  const auto spec = parse_spec(json::serialize(document), "c", "/b");
  CHECK(spec.linux.resources.memory_limit == 1048576);
  CHECK(spec.linux.resources.cpu_quota == 50000);
  CHECK(spec.linux.resources.cpuset_cpus == "0-1");
  CHECK(spec.linux.resources.pids_limit == 64);
  CHECK(spec.linux.find("network")->path == "/proc/1/ns/net");
  CHECK(spec.linux.cgroups_path == "system.slice:docker:abc");
  CHECK(spec.hooks.prestart.at(0).timeout_s == 5);
  CHECK(spec.annotations.at("a") == "b");
  CHECK(spec.mounts.at(0).destination == "/data");
  CHECK(spec.mounts.at(0).is_bind());
}

TEST_CASE("a damaged file is refused with its place") {
  CHECK(refusal_of_text("") == "config.json: ends in the middle of its JSON; write it anew");
  CHECK(refusal_of_text(default_spec().substr(0, 500)) ==
        "config.json: ends in the middle of its JSON; write it anew");
  CHECK_THAT(refusal_of_text("{\n  \"a\": x}"),
             ContainsSubstring("is not valid JSON") && ContainsSubstring("line 2, column 8"));
  CHECK_THAT(refusal_of_text("[]"), ContainsSubstring("is not a JSON object"));
  CHECK_THAT(refusal_of_text("{} {}"), ContainsSubstring("has something after the end of its JSON object"));
  CHECK_THAT(refusal_of_text(std::string(100, '[')), ContainsSubstring("is not valid JSON"));
}

TEST_CASE("each wrong field is named") {
  CHECK(refusal_with("/ociVersion", "2.0.0") ==
        "config.json: ociVersion is \"2.0.0\"; this runtime understands versions 1.x");
  CHECK_THAT(refusal_with("/ociVersion", nullptr), ContainsSubstring("ociVersion is missing"));
  CHECK_THAT(refusal_with("/process/args", json::array()),
             ContainsSubstring("config.json: process.args is empty"));
  CHECK_THAT(refusal_with("/process/args/0", 3), ContainsSubstring("process.args[0] is not a string"));
  CHECK_THAT(refusal_with("/process/args/0", json::string(200000, 'x')),
             ContainsSubstring("process.args[0] is 200000 bytes long"));
  CHECK_THAT(refusal_with("/process/env/0", json::string(std::string_view("A=\0b", 4))),
             ContainsSubstring("process.env[0] holds a NUL"));
  CHECK_THAT(refusal_with("/process/cwd", "home"),
             ContainsSubstring("process.cwd is \"home\"; it must be an absolute path"));
  CHECK_THAT(refusal_with("/process/user/uid", -1),
             ContainsSubstring("process.user.uid must be a whole number"));
  CHECK_THAT(refusal_with("/process/user/uid", 4294967296),
             ContainsSubstring("process.user.uid must be a whole number"));
  CHECK_THAT(refusal_with("/process/rlimits/0/type", "NOFILE"),
             ContainsSubstring("process.rlimits[0].type is \"NOFILE\""));
  CHECK_THAT(refusal_with("/process/rlimits/0/soft", 9999),
             ContainsSubstring("process.rlimits[0].soft of RLIMIT_NOFILE is above the hard limit"));
  CHECK_THAT(refusal_with("/process/oomScoreAdj", 5000), ContainsSubstring("process.oomScoreAdj must be"));
  CHECK_THAT(refusal_with("/process", "x"), ContainsSubstring("process is not an object"));
  CHECK_THAT(refusal_with("/root", nullptr), ContainsSubstring("root is missing"));
  CHECK_THAT(refusal_with("/root/path", ""), ContainsSubstring("root.path is missing"));
  CHECK_THAT(refusal_with("/hostname", json::string(65, 'h')),
             ContainsSubstring("hostname is longer than 64 bytes"));
  CHECK_THAT(refusal_with("/process/rlimits/0/type", "RLIMIT_LUCK"), ContainsSubstring("RLIMIT_LUCK"));
  CHECK_THAT(refusal_with("/process/capabilities/bounding/0", "CAP_FLY"),
             ContainsSubstring("process.capabilities.bounding[0] is \"CAP_FLY\""));
  CHECK_THAT(refusal_with("/mounts/1/destination", "etc"), ContainsSubstring("it must be an absolute path"));
  CHECK_THAT(refusal_with("/mounts/1/destination", "/../../etc"),
             ContainsSubstring("mounts[1].destination is \"/../../etc\", which leaves the rootfs"));
  CHECK_THAT(refusal_with("/mounts/1", json::parse(R"({"destination":"/x","type":"bind"})")),
             ContainsSubstring("mounts[1].source is missing"));
  CHECK_THAT(refusal_with("/mounts", json::array(5000, json::object{{"destination", "/x"}})),
             ContainsSubstring("mounts has 5000 entries"));
  CHECK_THAT(refusal_with("/linux/namespaces/0/type", "net"),
             ContainsSubstring("linux.namespaces[0].type is \"net\""));
  CHECK_THAT(refusal_with("/linux/namespaces/0/type", "network"), ContainsSubstring("repeats \"network\""));
  CHECK_THAT(refusal_with("/linux/cgroupsPath", "/a/../../b"), ContainsSubstring("linux.cgroupsPath"));
  CHECK_THAT(refusal_with("/linux/seccomp", "x"), ContainsSubstring("linux.seccomp is not an object"));
  CHECK_THAT(refusal_with("/linux/resources/memory", json::object{{"limit", -2}}),
             ContainsSubstring("linux.resources.memory.limit must be"));
  CHECK_THAT(refusal_with("/linux/resources/memory", json::object{{"limit", std::int64_t{1} << 62}}),
             ContainsSubstring("more than any machine has"));
  CHECK(refusal_with("/linux/resources/memory", json::object{{"limit", 9223372036854771712}}) == "accepted");
  CHECK_THAT(refusal_with("/hooks", json::parse(R"({"poststop":[{"path":"h"}]})")),
             ContainsSubstring("hooks.poststop[0].path is \"h\""));
  CHECK_THAT(refusal_with("/annotations", json::parse(R"({"a":1})")),
             ContainsSubstring("annotations[\"a\"] is not a string"));
}

TEST_CASE("a bundle is read from disk") {
  char name[] = "/tmp/nacre-bundle-XXXXXX";
  const std::string bundle = ::mkdtemp(name);
  CHECK_THROWS_WITH(
      load_spec(bundle),
      ContainsSubstring("open \"" + bundle +
                        "/config.json\": No such file or directory; make one with `nacre spec`"));
  std::ofstream(bundle + "/config.json") << default_spec();
  const auto spec = load_spec(bundle);
  CHECK_THROWS_WITH(require_rootfs(spec), ContainsSubstring("open rootfs \"" + bundle + "/rootfs\""));
  std::filesystem::create_directory(bundle + "/rootfs");
  CHECK_NOTHROW(require_rootfs(spec));
  std::filesystem::resize_file(bundle + "/config.json", max_spec_size + 1);
  CHECK_THROWS_WITH(load_spec(bundle), ContainsSubstring("larger than 16 MiB"));
  std::filesystem::remove_all(bundle);
}

TEST_CASE("an exec's process is checked like a container's") {
  CHECK(parse_process(R"({"args":["ls"],"cwd":"/","env":["A=b"]})", "p").process.env == StringList{"A=b"});
  CHECK_THROWS_WITH(parse_process(R"({"args":[],"cwd":"/"})", "p"), ContainsSubstring("p: args is empty"));
  CHECK_THROWS_WITH(parse_process(R"({"args":["x"]})", "p"), ContainsSubstring("p: cwd is missing"));
}

TEST_CASE("the features document is JSON that names the versions") {
  const auto document = json::parse(features_json()).get_object();
  CHECK(document.at("ociVersionMin") == "1.0.0");
  CHECK(document.at("ociVersionMax") == "1.0.2");
  CHECK(document.at("linux").at("namespaces").get_array().size() == 8);
}
