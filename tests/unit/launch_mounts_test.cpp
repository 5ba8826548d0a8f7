#include "catch.hpp"
#include "launch/pod_mounts.hpp"
#include "launch_support.hpp"

#include <csignal>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

using namespace nacre;
using namespace nacre::launch;
using namespace nacre::launch::test;

namespace {

UniqueFd clone_of(const std::string& path, bool recursive = false) {
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
  return UniqueFd(
      static_cast<int>(check_errno(::syscall(SYS_open_tree, AT_FDCWD, path.c_str(), flags), "clone", path)));
}

Output in_pod(Spawner& spawner, const PodMounts& pod, const std::string& script) {
  auto plan = plan_for({});
  plan.add_enter_namespaces(1);
  std::vector<UniqueFd> fds;
  fds.emplace_back(::fcntl(pod.namespace_fd(), F_DUPFD_CLOEXEC, 3));
  return run_script(spawner, plan, script, std::move(fds));
}

// What the host's mount table says of these folders. Not the whole table: other tests may mount meanwhile.
std::string host_mounts(const TemporaryFolder& folder) {
  std::istringstream lines(read_file("/proc/self/mountinfo"));
  std::string found;
  for (std::string line; std::getline(lines, line);)
    if (line.find(folder.path()) != std::string::npos || line.find(" /share") != std::string::npos)
      found += line + "\n";
  return found;
}

struct Pod {
  TemporaryFolder folder;
  Spawner spawner{program};
  PodMountsOptions options;

  Pod() {
    for (const char* name : {"staging", "sockets", "rootfs", "rootfs/below"})
      std::filesystem::create_directory(folder / name);
    std::ofstream(folder / "kernel") << "vmlinux\n";
    std::ofstream(folder / "rootfs/file") << "hello\n";
    options.staging_folder = folder / "staging";
    options.read_only = {folder / "kernel"};
    options.writable = {folder / "sockets"};
  }
};

} // namespace

TEST_CASE("the pod's mounts show what was named, read-only, and nothing else") {
  Pod test;
  const std::string host_table = host_mounts(test.folder);
  PodMounts pod(test.spawner, test.options);

  const auto root = in_pod(test.spawner, pod, "for f in /*; do echo $f; done");
  CHECK(root.text.find("/share\n") != std::string::npos);
  CHECK(root.text.find("/usr\n") != std::string::npos);
  CHECK(root.text.find("/home\n") == std::string::npos);
  CHECK(root.text.find("/root\n") == std::string::npos);
  CHECK(in_pod(test.spawner, pod, "cat " + (test.folder / "kernel")).text == "vmlinux\n");
  CHECK(in_pod(test.spawner, pod, "ls " + (test.folder / "rootfs")).status.code != 0);
  CHECK(in_pod(test.spawner, pod, "echo x > /dev/null && head -c 4 /dev/zero | wc -c").text == "4\n");
  CHECK(in_pod(test.spawner, pod, "readlink /proc/self").status.code == 0);
  CHECK(in_pod(test.spawner, pod, "ls /dev").text.find("vda") == std::string::npos);

  for (const char* path : {"/file", "/usr/file", "/dev/file"})
    CHECK(in_pod(test.spawner, pod, std::string("echo x > ") + path).text.find("Read-only file system") !=
          std::string::npos);
  CHECK(in_pod(test.spawner, pod, "echo x > " + (test.folder / "kernel")).status.code != 0);
  CHECK(in_pod(test.spawner, pod, "echo 1 > /proc/sys/vm/drop_caches").status.code != 0);
  CHECK(in_pod(test.spawner, pod, "echo x > " + (test.folder / "sockets/monitor")).status.code == 0);
  CHECK(read_file(test.folder / "sockets/monitor") == "x\n");

  CHECK(host_mounts(test.folder) == host_table);
}

TEST_CASE("a rootfs enters the pod by descriptor and leaves it again") {
  Pod test;
  PodMounts pod(test.spawner, test.options);
  const std::string host_table = host_mounts(test.folder);

  pod.add(clone_of(test.folder / "rootfs"), {"/share/c1/rootfs", false, false, false, false});
  CHECK(in_pod(test.spawner, pod, "cat /share/c1/rootfs/file").text == "hello\n");
  CHECK(in_pod(test.spawner, pod, "echo new > /share/c1/rootfs/made").status.code == 0);
  CHECK(read_file(test.folder / "rootfs/made") == "new\n");

  // A file on a file, read-only.
  pod.add(clone_of(test.folder / "rootfs/file"), {"/share/c1/mounts/0", true, false, false, false});
  CHECK(in_pod(test.spawner, pod, "cat /share/c1/mounts/0").text == "hello\n");
  CHECK(in_pod(test.spawner, pod, "echo x > /share/c1/mounts/0").text.find("Read-only") != std::string::npos);
  CHECK(read_file(test.folder / "rootfs/file") == "hello\n");
  CHECK(host_mounts(test.folder) == host_table);

  pod.remove("/share/c1/mounts/0");
  pod.remove("/share/c1/rootfs");
  pod.remove("/share/c1/rootfs"); // gone already
  CHECK(in_pod(test.spawner, pod, "ls /share/c1 /share/c1/mounts").text ==
        "/share/c1:\nmounts\n\n/share/c1/mounts:\n");
  CHECK(std::filesystem::exists(test.folder / "rootfs/file"));
}

TEST_CASE("device nodes in a share cannot be opened by the pod's processes") {
  Pod test;
  if (::mknod((test.folder / "rootfs/zero").c_str(), S_IFCHR | 0666, makedev(1, 5)) < 0) {
    WARN("skipped: device nodes cannot be made here");
    return;
  }
  PodMounts pod(test.spawner, test.options);
  pod.add(clone_of(test.folder / "rootfs"), {"/share/c1", false, false, false, false});
  CHECK(in_pod(test.spawner, pod, "head -c 1 /share/c1/zero").text.find("Permission denied") !=
        std::string::npos);
}

TEST_CASE("a mount reaches a process whose mounts are a slave of the pod's, as virtiofsd's are") {
  Pod test;
  PodMounts pod(test.spawner, test.options);
  auto plan = plan_for({"/bin/cat"});
  plan.add_enter_namespaces(2);
  plan.set_unshare(CLONE_NEWNS);
  MountStep& slave = *plan.add_mounts();
  slave.set_kind(MountStep::PROPAGATION);
  slave.set_target("/");
  slave.set_flags(MS_REC | MS_SLAVE);
  std::vector<UniqueFd> fds;
  fds.emplace_back(::fcntl(pod.namespace_fd(), F_DUPFD_CLOEXEC, 3));
  auto daemon = start_echo(test.spawner, plan, std::move(fds));
  pod.add(clone_of(test.folder / "rootfs"), {"/share/c1/rootfs", false, false, false, false});
  CHECK(read_file("/proc/" + std::to_string(daemon.process.pid()) + "/root/share/c1/rootfs/file") ==
        "hello\n");
}

TEST_CASE("what is mounted below a share later shows only where that was asked for, and never on the host") {
  Pod test;
  // A shared mount, as most hosts' `/` is.
  const std::string shared = test.folder / "rootfs";
  REQUIRE(::mount(shared.c_str(), shared.c_str(), nullptr, MS_BIND, nullptr) == 0);
  REQUIRE(::mount(nullptr, shared.c_str(), nullptr, MS_SHARED, nullptr) == 0);
  {
    PodMounts pod(test.spawner, test.options);
    pod.add(clone_of(shared, true), {"/share/private", false, true, false, false});
    pod.add(clone_of(shared, true), {"/share/following", false, true, true, false});
    CHECK(::mount("tmpfs", (shared + "/below").c_str(), "tmpfs", 0, nullptr) == 0);
    std::ofstream(shared + "/below/later") << "later\n";
    CHECK(in_pod(test.spawner, pod, "cat /share/following/below/later").text == "later\n");
    CHECK(in_pod(test.spawner, pod, "cat /share/private/below/later").status.code != 0);
    CHECK(::umount2((shared + "/below").c_str(), 0) == 0);

    const std::string host_table = host_mounts(test.folder);
    for (const char* name : {"private", "following"})
      CHECK(in_pod(test.spawner, pod, std::string("mount -t tmpfs none /share/") + name + "/below")
                .status.code == 0);
    CHECK(host_mounts(test.folder) == host_table);
  }
  CHECK(::umount2(shared.c_str(), MNT_DETACH) == 0);
}

TEST_CASE("the mounts are gone with the last descriptor of their namespace") {
  Pod test;
  REQUIRE(::mount("tmpfs", (test.folder / "rootfs").c_str(), "tmpfs", 0, nullptr) == 0);
  {
    PodMounts pod(test.spawner, test.options);
    pod.add(clone_of(test.folder / "rootfs"), {"/share/c1", false, false, false, false});
  }
  CHECK(::umount2((test.folder / "rootfs").c_str(), 0) == 0); // not detached: nothing holds it
}

TEST_CASE("targets outside /share and unclean paths are refused") {
  Pod test;
  PodMounts pod(test.spawner, test.options);
  for (const char* target : {"/usr", "/share", "/share/", "/share/../usr", "share/c1", "", "/share/./c1"}) {
    INFO(target);
    CHECK_THROWS_AS(pod.add(clone_of(test.folder / "rootfs"), {target, false, false, false, false}), Error);
    CHECK_THROWS_AS(pod.remove(target), Error);
  }
  test.options.read_only.push_back(test.folder / "missing");
  try {
    PodMounts missing(test.spawner, test.options);
    FAIL("a missing file was taken");
  } catch (const LaunchError& error) {
    CHECK(error.step() == "bind");
    CHECK(error.object() == test.folder / "missing");
  }
}
