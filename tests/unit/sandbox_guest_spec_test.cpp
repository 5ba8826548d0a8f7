#include "catch.hpp"

#include "sandbox/guest_spec.hpp"
#include "sandbox/hook_places.hpp"

#include <boost/json.hpp>
#include <string>

using Catch::Matchers::ContainsSubstring;
using namespace nacre::sandbox;
using How = GuestMountChoice::How;
namespace json = boost::json;

namespace {

const char* const config = R"({
  "ociVersion": "1.0.2",
  "process": {"args": ["sh"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "apparmorProfile": "docker-default",
              "selinuxLabel": "system_u:system_r:container_t:s0", "capabilities": {"bounding": ["CAP_KILL"]}},
  "root": {"path": "rootfs", "readonly": true},
  "hostname": "box",
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev/shm", "type": "bind", "source": "/dev/shm", "options": ["rbind"]},
    {"destination": "/etc/hosts", "type": "bind", "source": "hosts", "options": ["rbind", "ro"]},
    {"destination": "/sys/fs/cgroup", "type": "bind", "source": "/sys/fs/cgroup", "options": ["rbind"]},
    {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid"]}
  ],
  "hooks": {"prestart": [{"path": "/bin/true"}]},
  "annotations": {"run.oci.handler": "krun"},
  "linux": {
    "namespaces": [{"type": "pid"}, {"type": "network", "path": "/proc/1/ns/net"}, {"type": "ipc", "path": "/proc/1/ns/ipc"}],
    "cgroupsPath": "system.slice:docker:x",
    "resources": {"memory": {"limit": 1000000, "swap": 2000000}, "cpu": {"shares": 5, "cpus": "0-3"},
                  "pids": {"limit": 10}, "blockIO": {"weight": 5}},
    "seccomp": {"defaultAction": "SCMP_ACT_ERRNO"},
    "maskedPaths": ["/proc/kcore"],
    "mountLabel": "x"
  }
})";

struct Made {
  explicit Made(GuestSpecOptions options = {"c1", true, false}, const std::string& text = config) {
    const auto spec = nacre::oci::parse_spec(text, "config.json", "/bundle");
    choices = choose_mounts(spec, "/bundle");
    paths.rootfs = "/run/nacre/share/pod/c1/rootfs";
    paths.mount_sources = {"", guest_memory_path(choices[1].memory), "/run/nacre/share/pod/c1/mounts/2", "",
                           ""};
    document = make_guest_spec(spec, options);
    set_guest_paths(document, spec, choices, paths);
  }
  json::object& linux_section() { return document["linux"].as_object(); }
  std::vector<GuestMountChoice> choices;
  GuestPaths paths;
  json::object document;
};

} // namespace

TEST_CASE("each mount goes its way: made by the guest, the guest's own, or shared from the host") {
  const Made made;
  CHECK(made.choices[0].how == How::keep);
  CHECK(made.choices[1].how == How::memory);
  CHECK(made.choices[1].memory.bytes > 0);
  CHECK(made.choices[1].memory.mode == 01777);
  CHECK(!made.choices[1].memory.name.empty());
  CHECK(made.choices[2].how == How::share);
  CHECK(made.choices[2].host_source == "/bundle/hosts");
  CHECK(made.choices[3].how == How::guest_own);
  CHECK(made.choices[4].how == How::keep);
}

TEST_CASE("paths of the guest's spec are guest paths") {
  Made made;
  CHECK(made.document["root"].at("path").as_string() == "/run/nacre/share/pod/c1/rootfs");
  CHECK(made.document["root"].at("readonly").as_bool());
  const auto& mounts = made.document["mounts"].as_array();
  CHECK(mounts[2].at("source").as_string() == "/run/nacre/share/pod/c1/mounts/2");
  CHECK(mounts[2].at("options").as_array().size() == 2);
  CHECK(mounts[1].at("type").as_string() == "bind");
  CHECK(mounts[1].at("source").as_string() == guest_memory_path(made.choices[1].memory));
  CHECK(mounts[3].at("source").as_string() == "/sys/fs/cgroup");
  CHECK(made.linux_section()["cgroupsPath"].as_string() == "/nacre/c1");
}

TEST_CASE("the guest gets no network namespace, no host paths of namespaces, no hooks and no annotations") {
  Made made;
  std::string types;
  for (const auto& ns : made.linux_section()["namespaces"].as_array()) {
    types += std::string(ns.at("type").as_string()) + " ";
    CHECK(!ns.as_object().contains("path"));
  }
  CHECK(types == "pid ipc ");
  CHECK(!made.document.contains("hooks"));
  CHECK(!made.document.contains("annotations"));
}

TEST_CASE(
    "hooks of the container's namespaces go to the guest: its root's own to crun, the host's to the agent") {
  std::string text = config;
  const std::string prestart = R"("prestart": [{"path": "/bin/true"}])";
  text.replace(text.find(prestart), prestart.size(),
               prestart +
                   R"(, "createContainer": [{"path": "/opt/hook"}], "startContainer": [{"path": "/in"}])");
  GuestSpecOptions options{"c1", true, false};
  options.create_hooks = true;
  Made made(options, text);
  const auto& hooks = made.document.at("hooks").as_object();
  CHECK(hooks.size() == 2);
  CHECK(json::serialize(hooks.at("startContainer")) == R"([{"path":"/in"}])");
  CHECK(json::serialize(hooks.at("createContainer")) ==
        R"([{"path":"/init","args":["nacre-create-hooks","/run/nacre/bundle/c1/hooks"]}])");
  CHECK(!made.document.at("annotations").as_object().contains("run.oci.handler"));
}

TEST_CASE(
    "createContainer hooks are lent programs, the bundle and their own files, and no folder with secrets") {
  const auto places = nacre::sandbox::hook_places(
      {{"/etc/passwd", {}, {}, false, 0}, {"/usr/bin/env", {}, {}, false, 0}}, "/tmp");
  std::string lent;
  for (const auto& place : places)
    lent += place.path + (place.link.empty() ? " " : "->" + place.link + " ");
  CHECK_THAT(lent, ContainsSubstring("/usr "));
  CHECK_THAT(lent, ContainsSubstring("/bin->usr/bin "));
  CHECK_THAT(lent, ContainsSubstring("/tmp /etc/passwd "));
  CHECK(lent.find("/etc ") == std::string::npos);
  CHECK(lent.find("/usr/bin/env") == std::string::npos);
}

TEST_CASE("the process of socket activation is told so") {
  GuestSpecOptions options{"c1", true, false};
  options.listen_fds = 2;
  const Made made(options);
  const auto text = json::serialize(made.document.at("process").at("env"));
  CHECK_THAT(text, ContainsSubstring(R"("LISTEN_FDS=2","LISTEN_PID=1")"));
}

TEST_CASE("namespaces that are shared by path get the guest's path of the same container") {
  GuestSpecOptions options{"c1", true, false};
  options.guest_namespace = [](const std::string& type, const std::string& path) {
    return path == "/proc/1/ns/" + type ? "/proc/77/ns/" + type : "";
  };
  Made made(options);
  const auto& namespaces = made.linux_section()["namespaces"].as_array();
  CHECK(!namespaces[0].as_object().contains("path"));
  CHECK(namespaces[1] == json::object{{"type", "ipc"}, {"path", "/proc/77/ns/ipc"}});
}

TEST_CASE("sysctls of the network come with the guest's own network namespace, since crun asks for one") {
  const std::string text = config;
  const std::string marker = "\"cgroupsPath\"";
  Made made(
      {"c1", true, false},
      std::string(text).insert(text.find(marker), "\"sysctl\": {\"net.ipv4.ping_group_range\": \"0 1\"}, "));
  const auto& last = made.linux_section()["namespaces"].as_array().back();
  CHECK(last == json::object{{"type", "network"}, {"path", "/proc/1/ns/net"}});
}

TEST_CASE("limits that the guest's kernel can enforce stay, those that mean the host go") {
  Made made;
  const auto& resources = made.linux_section()["resources"].as_object();
  CHECK(resources.at("memory").as_object() == json::object{{"limit", 1000000}, {"swap", 2000000}});
  CHECK(resources.at("cpu").as_object() == json::object{{"shares", 5}});
  CHECK(resources.contains("pids"));
  CHECK(!resources.contains("blockIO"));
  CHECK(made.linux_section().contains("maskedPaths"));
}

TEST_CASE("a privileged container has the guest's devices, not those that the engine found on the host") {
  const std::string text = R"({"ociVersion": "1.0.2", "root": {"path": "r"},
    "mounts": [{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid"]}],
    "linux": {"devices": [{"path": "/dev/sda", "type": "b", "major": 8, "minor": 0}],
              "resources": {"devices": [{"allow": false, "access": "rwm"}RULES]}}})";
  const auto document_with = [&](const std::string& rules) {
    auto copy = text;
    const auto spec = nacre::oci::parse_spec(copy.replace(copy.find("RULES"), 5, rules), "config.json", "/b");
    auto document = make_guest_spec(spec, {"c1", true, false});
    set_guest_paths(document, spec, choose_mounts(spec, "/b"), {"/r", {""}});
    return document;
  };
  const auto type = [](json::object& document) {
    return document["mounts"].as_array()[0].at("type").as_string();
  };
  auto privileged = document_with(R"(, {"allow": true, "access": "rwm"})");
  CHECK(type(privileged) == "bind");
  CHECK(privileged["mounts"].as_array()[0].at("source").as_string() == "/dev");
  CHECK(!privileged["linux"].as_object().contains("devices"));
  auto plain = document_with(R"(, {"allow": true, "type": "b", "major": 8, "minor": 0, "access": "rwm"})");
  CHECK(type(plain) == "tmpfs");
  CHECK(plain["linux"].as_object().contains("devices"));
}

TEST_CASE("labels stay only where a plugin cares for them, seccomp unless it is switched off") {
  Made plain;
  CHECK(!plain.document["process"].as_object().contains("apparmorProfile"));
  CHECK(!plain.document["process"].as_object().contains("selinuxLabel"));
  CHECK(!plain.linux_section().contains("mountLabel"));
  CHECK(plain.linux_section().contains("seccomp"));
  Made labelled({"c1", false, true});
  CHECK(labelled.document["process"].as_object().contains("selinuxLabel"));
  CHECK(labelled.linux_section().contains("mountLabel"));
  CHECK(!labelled.linux_section().contains("seccomp"));
}

TEST_CASE("a bundle without a linux section gets one with its cgroup") {
  const auto spec = nacre::oci::parse_spec(
      R"({"ociVersion": "1.0.2", "process": {"args": ["sh"], "cwd": "/", "user": {"uid": 0, "gid": 0}}, "root": {"path": "r"}})",
      "config.json", "/b");
  auto document = make_guest_spec(spec, {"c1", true, false});
  CHECK(document["linux"].at("cgroupsPath").as_string() == "/nacre/c1");
}

TEST_CASE("limits that the guest is not given are told, those that mean no limit are not") {
  const auto spec = nacre::oci::parse_spec(
      R"({"ociVersion": "1.0.2", "root": {"path": "r"}, "linux": {"resources": {
          "memory": {"limit": 5, "kernel": 7, "swap": 0, "disableOOMKiller": false},
           "unified": {"memory.high": "5", "io.max": "8:0 rbps=1", "rdma.max": "x"},
           "hugepageLimits": [{"pageSize": "2MB", "limit": 0}],
          "blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1}], "throttleWriteBpsDevice": []}}}})",
      "config.json", "/b");
  CHECK(
      limits_without_effect(spec) ==
      std::vector<std::string>{"memory.kernel: the guest's cgroups are of version 2, which has no such limit",
                               "unified.rdma.max: it is about devices of the host's"});
  auto document = make_guest_spec(spec, {"c1", true, false});
  CHECK(json::serialize(document["linux"].at("resources")) ==
        R"({"memory":{"limit":5,"swap":0},"unified":{"memory.high":"5"}})");
}
