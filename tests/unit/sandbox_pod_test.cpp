#include "catch.hpp"

#include "oci/pod.hpp"
#include "oci/spec.hpp"
#include "sandbox/guest_sizing.hpp"
#include "sandbox/pod_namespaces.hpp"

#include <string>
#include <unistd.h>

using namespace nacre;
using Catch::Matchers::ContainsSubstring;
using sandbox::guest_namespace_path;
using Role = oci::PodMembership::Role;

namespace {

oci::Spec spec_of(const std::string& annotations, const std::string& namespaces,
                  const std::string& resources = "{}") {
  return oci::parse_spec(R"({"ociVersion": "1.0.2", "root": {"path": "r"}, "annotations": )" + annotations +
                             R"(, "linux": {"resources": )" + resources + R"(, "namespaces": )" + namespaces +
                             "}}",
                         "config.json", "/b");
}

constexpr const char* cri_container =
    R"({"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": "pod"})";

} // namespace

TEST_CASE("the pod is named by the annotations of containerd and of CRI-O") {
  const auto cri = oci::pod_membership(
      {{"io.kubernetes.cri.container-type", "container"}, {"io.kubernetes.cri.sandbox-id", "pod"}});
  CHECK(cri.role == Role::container);
  CHECK(cri.sandbox_id == "pod");
  const auto crio = oci::pod_membership(
      {{"io.kubernetes.cri-o.ContainerType", "sandbox"}, {"io.kubernetes.cri-o.SandboxID", "pod"}});
  CHECK(crio.role == Role::sandbox);
  CHECK(oci::pod_membership({{"io.kubernetes.cri.container-type", "container"}}).role == Role::single);
  CHECK(oci::pod_membership({}).role == Role::single);
}

TEST_CASE("a namespace path is that of a container by its holder's pid") {
  const auto own = "/proc/" + std::to_string(::getpid()) + "/ns/";
  const std::vector<sandbox::NamespaceOwner> owners{{1, 5}, {::getpid(), 77}};
  CHECK(guest_namespace_path("ipc", own + "ipc", owners) == "/proc/77/ns/ipc");
  CHECK(guest_namespace_path("pid", own + "pid", owners) == "/proc/77/ns/pid");
  // This process is in the host's namespaces, so by no other path is one of them a container's.
  CHECK_THROWS_WITH(guest_namespace_path("uts", "/proc/self/ns/uts", owners),
                    ContainsSubstring("belongs to no container of this virtual machine"));
  CHECK_THROWS_WITH(guest_namespace_path("ipc", "/proc/1/ns/uts", {}), ContainsSubstring("/proc/1/ns/uts"));
}

TEST_CASE("pods that ask for the host's pid or ipc namespace are refused in words") {
  CHECK_THROWS_WITH(sandbox::refuse_host_namespaces(spec_of(cri_container, R"([{"type": "ipc"}])")),
                    ContainsSubstring("hostPID"));
  CHECK_THROWS_WITH(sandbox::refuse_host_namespaces(spec_of(cri_container, R"([{"type": "pid"}])")),
                    ContainsSubstring("hostIPC"));
  CHECK_NOTHROW(
      sandbox::refuse_host_namespaces(spec_of(cri_container, R"([{"type": "pid"}, {"type": "ipc"}])")));
  CHECK_NOTHROW(sandbox::refuse_host_namespaces(spec_of("{}", "[]")));
}

TEST_CASE("a pod's VM is sized for all of its containers by the engine's annotations") {
  const auto cri = sandbox::sizing_resources(
      spec_of(R"({"io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-id": "pod",
                  "io.kubernetes.cri.sandbox-cpu-quota": "150000", "io.kubernetes.cri.sandbox-cpu-period": "100000",
                  "io.kubernetes.cri.sandbox-memory": "268435456"})",
              "[]", R"({"cpu": {"shares": 2}})"));
  CHECK(cri.cpu_quota == 150000);
  CHECK(cri.cpu_period == 100000u);
  CHECK(cri.memory_limit == 268435456);

  const auto crio = sandbox::sizing_resources(
      spec_of(R"({"io.kubernetes.cri-o.ContainerType": "sandbox", "io.kubernetes.cri-o.SandboxID": "pod",
                  "io.kubernetes.cri-o.PodLinuxResources": "{\"cpu_period\": 100000, \"cpu_quota\": 300000, \"memory_limit_in_bytes\": 1048576}"})",
              "[]"));
  CHECK(crio.cpu_quota == 300000);
  CHECK(crio.memory_limit == 1048576);

  const auto none = sandbox::sizing_resources(
      spec_of(R"({"io.kubernetes.cri.sandbox-memory": "1"})", "[]", R"({"memory": {"limit": 5000000}})"));
  CHECK(none.memory_limit == 5000000);

  CHECK_THROWS_WITH(
      sandbox::sizing_resources(spec_of(
          R"({"io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-id": "pod",
                            "io.kubernetes.cri.sandbox-memory": "12cats"})",
          "[]")),
      ContainsSubstring("io.kubernetes.cri.sandbox-memory") && ContainsSubstring("12cats"));
}
