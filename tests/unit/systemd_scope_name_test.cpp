#include "base/error.hpp"
#include "catch.hpp"
#include "systemd/scope_name.hpp"

using Catch::Matchers::ContainsSubstring;
using nacre::systemd::ScopeName;

TEST_CASE("slice, prefix and name become a scope in its slice's folders") {
  const auto path_of = [](const std::string& path) { return ScopeName::parse(path, "c1").cgroup_path(); };
  CHECK(path_of("system.slice:docker:abc") == "/system.slice/docker-abc.scope");
  CHECK(path_of("user-1000.slice:libpod:x") == "/user.slice/user-1000.slice/libpod-x.scope");
  CHECK(path_of("kubepods-burstable-pod1_2.slice:cri-containerd:x") ==
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-x.scope");
  CHECK(path_of(":p:x") == "/system.slice/p-x.scope");
  CHECK(path_of("-.slice::x") == "/x.scope");
  CHECK(path_of("system.slice:p:a-b.slice") == "/a.slice/a-b.slice");
  CHECK(path_of("") == "/system.slice/nacre-c1.scope");
}

TEST_CASE("any other path is refused in runc's words") {
  for (const char* path : {"/docker/abc", "a:b", "a.slice:b:c:d"})
    CHECK_THROWS_WITH(ScopeName::parse(path, "c1"),
                      ContainsSubstring("expected cgroupsPath to be of format"));
  for (const char* path :
       {"system:p:x", "a--b.slice:p:x", "-a.slice:p:x", "system.slice:p:.slice", ".slice:p:x"})
    CHECK_THROWS_WITH(ScopeName::parse(path, "c1"), ContainsSubstring("invalid slice name"));
  for (const std::string& path : {std::string("../x.slice:p:x"), std::string("system.slice:p:a/../b"),
                                  std::string("system.slice:p: "), "system.slice:p:" + std::string(300, 'a')})
    CHECK_THROWS_WITH(ScopeName::parse(path, "c1"), ContainsSubstring("is not the name of a systemd unit"));
}
