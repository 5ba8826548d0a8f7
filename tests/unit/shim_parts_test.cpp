// The shim's parts that need no process of their own.
#include "catch.hpp"

#include "base/error.hpp"
#include "shim/arguments.hpp"
#include "shim/bootstrap.hpp"
#include "shim/event_order.hpp"
#include "shim/guest_metrics.hpp"
#include "shim/pod.hpp"
#include "shim/rootfs_mounts.hpp"
#include "shim/runtime_info.hpp"
#include "shim/task_options.hpp"
#include "ttrpc/address.hpp"
#include "ttrpc/proto/bootstrap.pb.h"
#include "ttrpc/proto/introspection.pb.h"
#include "ttrpc/proto/runc.pb.h"
#include "ttrpc/proto/runtimeoptions.pb.h"
#include "ttrpc/task_client.hpp"

#include <sys/mount.h>
#include <unistd.h>

using namespace nacre;
using namespace nacre::shim;

namespace {

Event named(const std::string& topic) {
  return {topic, "", ""};
}

} // namespace

TEST_CASE("an exit is told after the start that it overtook") {
  std::vector<std::string> told;
  EventOrder order([&](Event event) { told.push_back(event.topic); });
  const EventOrder::Key key{"c", ""};

  order.hold(key);
  order.exited(key, named("exit"));
  order.release(key, named("create"));
  CHECK(told == std::vector<std::string>{"create", "exit"});
  order.exited(key, named("exit again"));
  order.removed(key, named("late exit"), named("delete"));
  CHECK(told == std::vector<std::string>{"create", "exit", "delete"});
}

TEST_CASE("a delete tells the exit first when nobody has") {
  std::vector<std::string> told;
  EventOrder order([&](Event event) { told.push_back(event.topic); });
  const EventOrder::Key key{"c", "e"};
  order.hold(key);
  order.release(key, named("exec-added"));
  order.hold(key);
  order.release(key, named("exec-started"));
  order.removed(key, named("exit"), std::nullopt);
  order.exited(key, named("exit too late"));
  CHECK(told == std::vector<std::string>{"exec-added", "exec-started", "exit"});
}

TEST_CASE("nothing is told of what could not be created, a failed start leaves the exit") {
  std::vector<std::string> told;
  EventOrder order([&](Event event) { told.push_back(event.topic); });
  order.hold({"c", ""});
  order.exited({"c", ""}, named("exit"));
  order.release_failed({"c", ""}, true);
  order.exited({"c", ""}, named("exit"));
  CHECK(told.empty());
  order.hold({"d", ""});
  order.release(EventOrder::Key{"d", ""}, named("create"));
  order.hold({"d", ""});
  order.exited({"d", ""}, named("exit"));
  order.release_failed({"d", ""}, false);
  CHECK(told == std::vector<std::string>{"create", "exit"});
}

TEST_CASE("the pod of a bundle is what the engine's annotations say") {
  CHECK(sandbox_id_of(R"({"annotations": {"io.kubernetes.cri.sandbox-id": "pod"}})", "c") == "pod");
  CHECK(sandbox_id_of(R"({"annotations": {"io.kubernetes.cri-o.SandboxID": "pod"}})", "c") == "pod");
  CHECK(sandbox_id_of(R"({"annotations": {"io.kubernetes.cri.sandbox-id": ""}})", "c") == "c");
  CHECK(sandbox_id_of(R"({"annotations": null})", "c") == "c");
  CHECK(sandbox_id_of("{}", "c") == "c");
  CHECK_THROWS_AS(sandbox_id_of("{", "c"), Error);
  CHECK(containerd_socket("/a.sock", "ns", "c") != containerd_socket("/b.sock", "ns", "c"));
  CHECK(containerd_root("k8s.io") == "/run/nacre/containerd/k8s.io");
  CHECK_THROWS_AS(containerd_root("../x"), Error);
}

namespace {

Arguments start_flags(const std::string& id, const std::string& namespace_name) {
  Arguments flags;
  flags.action = Arguments::Action::start;
  flags.id = id;
  flags.namespace_name = namespace_name;
  flags.address = "/flag.sock";
  return flags;
}

std::string start_message(const std::string& id, const std::string& namespace_name) {
  containerd::runtime::bootstrap::v1::BootstrapParams message;
  message.set_instance_id(id);
  message.set_namespace_(namespace_name);
  message.set_log_level(-8);
  message.set_containerd_version("2.3.0");
  message.set_containerd_ttrpc_address("/run/c.sock.ttrpc");
  message.set_containerd_grpc_address("/run/c.sock");
  return message.SerializeAsString();
}

} // namespace

TEST_CASE("start answers a bare address unless containerd asks for more") {
  const auto answer = [](const char* max_version) {
    return start_answer(read_bootstrap(start_flags("c1", "ns"), "", max_version), "/s");
  };
  CHECK(answer(nullptr) == "unix:///s");
  CHECK(answer("1") == "unix:///s");
  CHECK(answer("2") == R"({"version":2,"address":"unix:///s","protocol":"ttrpc"})");
  CHECK(answer("9") == R"({"version":3,"address":"unix:///s","protocol":"ttrpc"})");
}

TEST_CASE("start takes a message on standard input and answers with one") {
  for (const auto& flags : {start_flags("c1", "ns"), start_flags("", "")}) {
    const auto bootstrap = read_bootstrap(flags, start_message("c1", "ns"), "2");
    CHECK(bootstrap.arguments.id == "c1");
    CHECK(bootstrap.arguments.namespace_name == "ns");
    CHECK(bootstrap.arguments.address == "/run/c.sock");
    CHECK(bootstrap.arguments.debug);
    CHECK(bootstrap.events_address == "/run/c.sock.ttrpc");
    CHECK(start_answer(bootstrap, "/s") == std::string("\x08\x03\x12\x09unix:///s\x1a\x05ttrpc"));
  }
}

TEST_CASE("start does not take a runtime's options for the message") {
  runtimeoptions::v1::Options options;
  options.set_config_path("/etc/x.toml");
  containerd::runc::v1::Options runc;
  runc.set_systemd_cgroup(true);
  ttrpc::wire::Any packed;
  packed.set_type_url("runtimeoptions.v1.Options");
  packed.set_value(options.SerializeAsString());
  const auto inputs = {packed.SerializeAsString(), runc.SerializeAsString(), start_message("other", "ns"),
                       std::string("\xff\xff damaged"), std::string("plain text")};
  for (const auto& input : inputs) {
    const auto bootstrap = read_bootstrap(start_flags("c1", "ns"), input, "3");
    CHECK(bootstrap.answer == Bootstrap::Answer::json);
    CHECK(bootstrap.arguments.address == "/flag.sock");
  }
  CHECK_THROWS_AS(read_bootstrap(start_flags("", ""), "", nullptr), Error);
}

TEST_CASE("arguments come in containerd's form and in ours") {
  const char* theirs[] = {
      "shim", "-namespace", "ns",     "-address", "/c.sock", "-publish-binary", "/bin/containerd",
      "-id",  "c1",         "-debug", "start"};
  const auto start = parse_arguments(11, theirs);
  CHECK(start.action == Arguments::Action::start);
  CHECK(start.namespace_name == "ns");
  CHECK(start.id == "c1");
  CHECK(start.debug);
  const char* ours[] = {
      "shim",  "sandbox",          "--id",        "c1", "--root",         "/r", "--state-dir",
      "/r/c1", "--systemd-cgroup", "--listen-fd", "3",  "--fd-listen-fd", "4"};
  const auto sandbox = parse_arguments(13, ours);
  CHECK(sandbox.action == Arguments::Action::sandbox);
  CHECK(sandbox.state_dir == "/r/c1");
  CHECK(sandbox.systemd_cgroup);
  CHECK(sandbox.descriptor_listen_fd == 4);
  const char* version[] = {"shim", "-v"};
  CHECK(parse_arguments(2, version).action == Arguments::Action::version);
  const char* info[] = {"shim", "-info"};
  CHECK(parse_arguments(2, info).action == Arguments::Action::info);
  const char* no_id[] = {"shim", "-namespace", "n", "delete"};
  CHECK_THROWS_AS(parse_arguments(4, no_id), Error);
  const char* unknown[] = {"shim", "-id", "c", "-namespace", "n", "dance"};
  CHECK_THROWS_AS(parse_arguments(6, unknown), Error);
  const char* no_sockets[] = {"shim", "sandbox", "--id", "c1", "--state-dir", "/r/c1"};
  CHECK_THROWS_AS(parse_arguments(6, no_sockets), Error);
}

TEST_CASE("options come from every door") {
  ttrpc::wire::Any any;
  nacre::task::v1::CreateOptions own;
  own.set_fd_token("t");
  ttrpc::pack_any(any, own);
  CHECK(any.type_url() == "nacre.task.v1.CreateOptions");
  CHECK(read_create_options(any).fd_token() == "t");

  runtimeoptions::v1::Options generic;
  generic.set_config_path("/etc/other.toml");
  ttrpc::pack_any(any, generic);
  CHECK(read_create_options(any).config_path() == "/etc/other.toml");
  any.set_type_url("cri.runtimeoptions.v1.Options");
  CHECK(read_create_options(any).config_path() == "/etc/other.toml");
  any.set_type_url("type.googleapis.com/runtimeoptions.v1.Options");
  CHECK(read_create_options(any).config_path() == "/etc/other.toml");
  any.set_value("\xff\xff");
  CHECK_THROWS_AS(read_create_options(any), Error);

  containerd::runc::v1::Options runc;
  runc.set_systemd_cgroup(true);
  runc.set_binary_name("/usr/bin/other");
  ttrpc::pack_any(any, runc);
  CHECK(read_create_options(any).systemd_cgroup());
  CHECK(read_create_options(any).config_path().empty());

  any.set_type_url("types.containerd.io/opencontainers/runtime-spec/1/Process");
  any.set_value("{}");
  CHECK(read_exec_options(any).process_json() == "{}");
}

TEST_CASE("mount options are flags, propagation and data") {
  const std::vector<std::string> options{"ro", "nosuid", "rprivate", "lowerdir=/a:/b", "index=off", "rw"};
  const auto parsed = parse_mount_options(options);
  CHECK(parsed.flags == MS_NOSUID);
  CHECK(parsed.propagation == (MS_PRIVATE | MS_REC));
  CHECK(parsed.data == "lowerdir=/a:/b,index=off");
  const std::vector<std::string> loop{"loop"};
  CHECK_THROWS_AS(parse_mount_options(loop), Error);
}

TEST_CASE("the guest's counters become containerd's metrics, whatever the guest writes") {
  sandbox::ContainerStats stats;
  stats.cgroup = {{"pids.current", "3\n"},
                  {"pids.max", "max\n"},
                  {"cpu.stat", "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnonsense\n"},
                  {"memory.stat", "anon 4096\ninactive_file 8192\nworkingset_refault_file 7\nanon x\n"},
                  {"memory.current", "12345\n"},
                  {"memory.max", "max\n"},
                  {"memory.events", "low 0\noom_kill 2\n"},
                  {"io.stat", "254:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0\n:\n7:x rbytes=1\n"},
                  {"hugetlb.2MB.current", "0\n"},
                  {"hugetlb.2MB.rsvd.current", "0\n"}};
  stats.interfaces = {{"eth0", 1, 2, 3, 4, 5, 6, 7, 8}};
  const auto metrics = guest_metrics(stats);
  CHECK(metrics.pids().current() == 3);
  CHECK(metrics.pids().limit() == 0);
  CHECK(metrics.cpu().usage_usec() == 1500);
  CHECK(metrics.memory().anon() == 4096);
  CHECK(metrics.memory().workingset_refault() == 7);
  CHECK(metrics.memory().usage() == 12345);
  CHECK(metrics.memory().usage_limit() == UINT64_MAX);
  CHECK(metrics.memory_events().oom_kill() == 2);
  REQUIRE(metrics.io().usage_size() == 1);
  CHECK(metrics.io().usage(0).major() == 254);
  CHECK(metrics.io().usage(0).wbytes() == 20);
  REQUIRE(metrics.hugetlb_size() == 1);
  CHECK(metrics.hugetlb(0).pagesize() == "2MB");
  REQUIRE(metrics.network_size() == 1);
  CHECK(metrics.network(0).tx_bytes() == 5);
}

TEST_CASE("-info names the runtime and its features") {
  containerd::types::RuntimeInfo info;
  REQUIRE(info.ParseFromString(runtime_info()));
  CHECK(info.name() == "io.containerd.nacre.v2");
  CHECK(info.features().value().find("ociVersionMax") != std::string::npos);
}
