#include "catch.hpp"

#include "base/error.hpp"
#include "sandbox/device_choice.hpp"
#include "sandbox/device_rules.hpp"
#include "sandbox/device_spec.hpp"
#include "sandbox/resource_update.hpp"

#include <boost/json.hpp>
#include <fcntl.h>
#include <unistd.h>

using Catch::Matchers::ContainsSubstring;
using namespace nacre::sandbox;
namespace json = boost::json;

namespace {

const DeviceNumber sdb = {'b', 8, 16}, sdc = {'b', 8, 32}, vda = {'b', 254, 0}, vdb = {'b', 254, 16};

json::array rules(const char* text) {
  return json::parse(text).as_array();
}

const auto deny_all = R"({"allow": false, "access": "rwm"})";

struct Translated {
  Translated(const char* text, const std::vector<NumberPair>& devices)
      : rules(guest_device_rules(::rules(text), devices, without_effect)) {}
  std::vector<std::string> without_effect;
  json::array rules;
};

// A container's document with one device each way.
json::object document_with(const char* extra) {
  auto document = json::parse(R"({
    "mounts": [{"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
               {"destination": "/data", "type": "bind", "source": "/dev/sdc", "options": ["rbind", "ro"]}],
    "linux": {"devices": [{"path": "/dev/xvda", "type": "b", "major": 8, "minor": 16, "fileMode": 432},
                          {"path": "/opt/disk", "type": "b", "major": 8, "minor": 16}],
              "resources": {"devices": [{"allow": false, "access": "rwm"},
                                        {"allow": true, "type": "b", "major": 8, "minor": 16, "access": "rw"}]},
              "namespaces": []}})")
                      .as_object();
  const auto members = json::parse(extra);
  for (const auto& [key, value] : members.as_object())
    document["linux"].as_object()[key] = value;
  return document;
}

std::vector<DeviceChoice> choices_of_it() {
  DeviceChoice first, second, mounted;
  first.host = second.host = sdb;
  first.destination = "/dev/xvda";
  second.destination = "/opt/disk";
  second.entry = 1;
  mounted.host = sdc;
  mounted.destination = "/data";
  mounted.mount = 1;
  mounted.read_only = true;
  mounted.mode = 0640;
  return {first, second, mounted};
}

} // namespace

TEST_CASE("later device rules win, letter by letter") {
  const auto list =
      rules(R"([{"allow": false, "access": "rwm"}, {"allow": true, "type": "b", "major": 8, "access": "rw"},
                              {"allow": false, "type": "b", "major": 8, "minor": 16, "access": "w"}])");
  CHECK(access_by_rules(list, sdb).read);
  CHECK_FALSE(access_by_rules(list, sdb).write);
  CHECK(access_by_rules(list, sdc).write);
  CHECK_FALSE(access_by_rules(list, vda).read);
  CHECK_FALSE(access_by_rules({}, sdb).read);
}

TEST_CASE("device rules get the guest's numbers, in their order") {
  const Translated made(R"([{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "access": "m"},
                            {"allow": true, "type": "b", "major": 8, "minor": 16, "access": "rw"},
                            {"allow": true, "type": "c", "major": 136, "minor": -1, "access": "rwm"},
                            {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm"}])",
                        {{sdb, vda}});
  REQUIRE(made.rules.size() == 5);
  CHECK(made.rules[0] == json::parse(deny_all));
  CHECK(made.rules[2] ==
        json::parse(R"({"allow": true, "type": "b", "major": 254, "minor": 0, "access": "rw"})"));
  CHECK(made.rules[3].as_object().at("major") == 136);
  CHECK(made.without_effect.empty());
}

TEST_CASE("a device rule for all of a driver's devices is one for each that the container has") {
  const Translated made(R"([{"allow": true, "type": "b", "major": 8, "access": "r"}])",
                        {{sdb, vda}, {sdc, vdb}});
  REQUIRE(made.rules.size() == 2);
  CHECK(made.rules[1] ==
        json::parse(R"({"allow": true, "type": "b", "major": 254, "minor": 16, "access": "r"})"));
}

TEST_CASE(
    "a device rule for what the container does not have is left out, and told if it allowed something") {
  const Translated made(R"([{"allow": true, "type": "b", "major": 8, "access": "r"},
                            {"allow": false, "type": "b", "major": 9, "minor": 0, "access": "rwm"},
                            {"allow": true, "type": "c", "major": 226, "minor": 0, "access": "rw"},
                            {"allow": true, "type": "b", "major": 254, "minor": 0, "access": "rw"}])",
                        {});
  CHECK(made.rules.empty());
  CHECK(made.without_effect == std::vector<std::string>{"b 8:* r", "c 226:0 rw", "b 254:0 rw"});
}

TEST_CASE("a loop device that is a disk of the container keeps the rule for those that it makes itself") {
  const Translated made(R"([{"allow": true, "type": "b", "major": 7, "access": "rw"}])",
                        {{{'b', 7, 3}, vda}});
  REQUIRE(made.rules.size() == 2);
  CHECK(made.rules[0].as_object().at("major") == 7);
  CHECK(made.rules[1].as_object().at("major") == 254);
}

TEST_CASE("only a rule without limits makes a container privileged") {
  CHECK(allow_every_device(rules(R"([{"allow": true, "access": "rwm"}])")));
  CHECK(allow_every_device(
      rules(R"([{"allow": true, "type": "a", "major": -1, "minor": -1, "access": "rwm"}])")));
  CHECK_FALSE(allow_every_device(rules(R"([{"allow": true, "access": "rw"}])")));
  CHECK_FALSE(allow_every_device(rules(R"([{"allow": true, "type": "b", "access": "rwm"}])")));
  CHECK_FALSE(allow_every_device({}));
}

TEST_CASE("a character device is the guest's own, or refused with the reason") {
  CHECK(guest_device({'c', 10, 200}, "/dev/net/tun").name == "net/tun");
  CHECK(guest_device({'c', 10, 200}, "/dev/net/tun").module == "tun");
  CHECK_THROWS_WITH(guest_device({'c', 4, 64}, "/dev/ttyS0"),
                    ContainsSubstring("\"/dev/ttyS0\": a serial port belongs to the host's kernel (c 4:64)"));
  CHECK_THROWS_WITH(guest_device({'c', 136, 2}, "/dev/pts/2"), ContainsSubstring("terminal of the host's"));
  CHECK_THROWS_WITH(guest_device({'c', 511, 0}, "/dev/x"),
                    ContainsSubstring("driver is in the host's kernel"));
}

TEST_CASE("a device in the container's own /dev is made by crun, any other is bound") {
  auto document = document_with("{}");
  const auto made = set_guest_devices(document, choices_of_it(), {vda, vda, vdb}, "c1");
  const auto& devices = document["linux"].as_object()["devices"].as_array();
  REQUIRE(devices.size() == 1);
  CHECK(devices[0] ==
        json::parse(R"({"path": "/dev/xvda", "type": "b", "major": 254, "minor": 0, "fileMode": 432})"));
  const auto& mounts = document["mounts"].as_array();
  REQUIRE(mounts.size() == 3);
  CHECK(mounts[1].as_object().at("source") == "/run/nacre/devices/c1/2");
  CHECK(mounts[1].as_object().at("options").as_array().size() == 2);
  CHECK(mounts[2].as_object().at("destination") == "/opt/disk");
  CHECK(mounts[2].as_object().at("source") == "/run/nacre/devices/c1/1");
  REQUIRE(made.nodes.size() == 2);
  CHECK(made.nodes[1].path() == "/run/nacre/devices/c1/2");
  CHECK(made.nodes[1].block());
  CHECK(made.nodes[1].device_minor() == 16);
  CHECK(made.nodes[1].mode() == 0640);
}

TEST_CASE("a mount of a device is allowed what the mount allows") {
  auto document = document_with("{}");
  set_guest_devices(document, choices_of_it(), {vda, vda, vdb}, "c1");
  const auto& list = document["linux"].as_object()["resources"].as_object()["devices"].as_array();
  REQUIRE(list.size() == 3);
  CHECK(list[1] == json::parse(R"({"allow": true, "type": "b", "major": 254, "minor": 0, "access": "rw"})"));
  CHECK(list[2] == json::parse(R"({"allow": true, "type": "b", "major": 254, "minor": 16, "access": "r"})"));
}

TEST_CASE("in a user namespace every device is bound") {
  auto document = document_with(R"({"namespaces": [{"type": "user"}]})");
  const auto made = set_guest_devices(document, choices_of_it(), {vda, vda, vdb}, "c1");
  CHECK(document["linux"].as_object()["devices"].as_array().empty());
  CHECK(made.nodes.size() == 3);
}

TEST_CASE("only other device rules than the container's are a change of them") {
  const auto own = rules(R"([{"allow": false, "access": "rwm"}])");
  CHECK_FALSE(changes_device_rules(R"({"cpu": {"shares": 2}})", own));
  CHECK_FALSE(changes_device_rules(R"({"devices": [{"allow": false, "access": "rwm"}]})", own));
  CHECK_FALSE(changes_device_rules(R"({"devices": []})", own));
  CHECK(changes_device_rules(R"({"devices": [{"allow": true, "access": "rwm"}]})", own));
}

TEST_CASE("a mount of a device node is the device, other things below /dev are the guest's own or shared") {
  using How = GuestMountChoice::How;
  const auto how_of = [](const std::string& source) {
    const auto spec = nacre::oci::parse_spec(
        R"({"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "mounts": [{"destination": "/x", "type": "bind", "source": ")" +
            source + R"("}]})",
        "config.json", "/bundle");
    return choose_mounts(spec, "/bundle").front().how;
  };
  CHECK(how_of("/dev/null") == How::device);
  CHECK(how_of("/dev") == How::guest_own);
  CHECK(how_of("/dev/pts") == How::guest_own);
  CHECK(how_of("/dev/shm") == How::share);
}
