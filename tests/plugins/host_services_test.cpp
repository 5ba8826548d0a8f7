// What a plugin is lent by the host, called as a plugin does.
#include "catch.hpp"

#include "plugin/host_services.hpp"
#include "plugin/registry.hpp"

#include <nacre/sdk/host.hpp>

#include <fcntl.h>
#include <filesystem>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <string>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

using namespace nacre::plugin;
namespace sdk = nacre::sdk;

namespace {

const Plugin& null_plugin() {
  static Registry registry("", NACRE_TEST_PLUGINS);
  return registry.load(Kind::hypervisor, "null");
}

ino_t namespace_of_this_thread() {
  struct stat status {};
  ::stat("/proc/thread-self/ns/net", &status);
  return status.st_ino;
}

// A network namespace that lives as long as its descriptor.
nacre::UniqueFd new_namespace() {
  nacre::UniqueFd fd;
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) == 0) fd.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  }).join();
  return fd;
}

bool has_link(int netns, const std::string& name) {
  bool found = false;
  std::thread([&] {
    ::setns(netns, CLONE_NEWNET);
    nacre::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    found = ::ioctl(socket.get(), SIOCGIFINDEX, &request) == 0;
  }).join();
  return found;
}

} // namespace

TEST_CASE("a socket and a tap are made in another network namespace without moving the caller there") {
  const nacre::UniqueFd netns = new_namespace();
  if (!netns) {
    WARN("skipped: making a network namespace needs root");
    return;
  }
  HostEnvironment environment;
  const HostServices services(environment, null_plugin());
  const sdk::Host host(services.raw());
  const ino_t before = namespace_of_this_thread();

  const sdk::Fd socket = host.netns_socket(netns.get(), AF_INET, SOCK_DGRAM, 0);
  CHECK((::fcntl(socket.get(), F_GETFD) & FD_CLOEXEC) != 0);
  {
    const auto taps = host.tap_open(netns.get(), "nacre-test", IFF_NO_PI | IFF_VNET_HDR, 2);
    CHECK(taps.size() == 2);
    CHECK(has_link(netns.get(), "nacre-test"));
    ifreq request{};
    std::string("nacre-test").copy(request.ifr_name, IFNAMSIZ - 1);
    CHECK(::ioctl(socket.get(), SIOCGIFINDEX, &request) == 0); // the socket is where the tap is
  }
  CHECK_FALSE(has_link(netns.get(), "nacre-test"));
  CHECK(namespace_of_this_thread() == before);
}

TEST_CASE("a refused tap says why") {
  HostEnvironment environment;
  const HostServices services(environment, null_plugin());
  const sdk::Host host(services.raw());
  CHECK_THROWS_WITH(host.tap_open(-1, "a-name-that-is-too-long", 0, 1), "a tap's name has at most 15 bytes");
  CHECK_THROWS_WITH(host.tap_open(-1, "t", 0, 0), "a tap has 1 to 256 queues");
}

TEST_CASE("a spawn reaches the sandbox with the plugin's name and its own descriptors") {
  HostEnvironment environment;
  SpawnRequest seen;
  const nacre::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  environment.spawn = [&](const Limits&, SpawnRequest request) {
    seen = std::move(request);
    return SpawnedProcess{4711, pidfd.get()};
  };
  const HostServices services(environment, null_plugin());
  const sdk::Host host(services.raw());

  sdk::Spawn plan{.role = "vmm", .argv = {"/usr/bin/vmm", "-x"}, .env = {"A=b"}};
  const int number = ::eventfd(0, EFD_CLOEXEC);
  plan.fds.push_back({sdk::Fd(number), 7});
  plan.in_pod_mounts = true;
  const sdk::Process process = host.spawn(sdk::Call(nullptr), std::move(plan));
  CHECK(process.pid == 4711);
  CHECK(process.pidfd != pidfd.get());
  CHECK(::fcntl(process.pidfd, F_GETFD) >= 0);
  CHECK(seen.plugin == "hypervisor/null");
  CHECK(seen.argv == std::vector<std::string>{"/usr/bin/vmm", "-x"});
  CHECK(seen.env == std::vector<std::string>{"A=b"});
  REQUIRE(seen.fds.size() == 1);
  CHECK(seen.fds[0].fd.get() == number);
  CHECK(seen.fds[0].target == 7);
  CHECK(seen.in_pod_mounts);
  CHECK_FALSE(seen.netns);
}

TEST_CASE("a spawn that cannot be is refused, and its descriptors are closed") {
  HostEnvironment environment;
  const HostServices services(environment, null_plugin());
  const sdk::Host host(services.raw());
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  sdk::Spawn plan{.role = "vmm", .argv = {"/usr/bin/vmm"}};
  plan.fds.push_back({sdk::Fd(pipe[1]), 7});
  CHECK_THROWS_WITH(host.spawn(sdk::Call(nullptr), std::move(plan)),
                    Catch::Matchers::ContainsSubstring("not during probe() or undo()"));
  char byte;
  CHECK(::read(pipe[0], &byte, 1) == 0);
  ::close(pipe[0]);

  environment.spawn = [](const Limits&, SpawnRequest) { return SpawnedProcess{1, -1}; };
  CHECK_THROWS_WITH(host.spawn(sdk::Call(nullptr), {.role = "vmm", .argv = {"vmm"}}),
                    Catch::Matchers::ContainsSubstring("absolute path"));
  CHECK_THROWS_WITH(host.spawn(sdk::Call(nullptr), {.role = "", .argv = {"/vmm"}}),
                    Catch::Matchers::ContainsSubstring("role"));
}

TEST_CASE("each plugin has a folder of its own in the pod's") {
  std::string folder = "/tmp/nacre-pod-XXXXXX";
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  HostEnvironment environment;
  environment.pod_folder = folder;
  const HostServices services(environment, null_plugin());
  const sdk::Host host(services.raw());
  const sdk::PodFolder own = host.pod_folder();
  CHECK(own.path == folder + "/hypervisor-null");
  struct stat status {};
  CHECK(::fstat(own.fd.get(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
  CHECK(host.pod_folder().path == own.path);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a process that is run to its end is asked for with its mounts, and tells how it ended") {
  HostEnvironment environment;
  SpawnRequest asked;
  environment.run = [&](const Limits&, SpawnRequest request) {
    asked = std::move(request);
    return EndedProcess{3 << 8, "why"};
  };
  const HostServices services(environment, null_plugin());
  const sdk::Host host(services.raw());
  sdk::Spawn plan;
  plan.role = "builder";
  plan.argv = {"/bin/true"};
  plan.mounts.push_back({"/tree", sdk::Fd(::open("/usr", O_PATH | O_CLOEXEC)), {}, {}});
  plan.fds.push_back({sdk::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), 7});
  plan.mounts.push_back({"/merged", {}, "overlay", "lowerdir=/tree"});
  const auto ended = host.run(sdk::Call(nullptr), std::move(plan));
  CHECK(ended.status == 3 << 8);
  CHECK(ended.words == "why");
  REQUIRE(asked.mounts.size() == 2);
  CHECK(asked.mounts[0].target == "/tree");
  struct stat tree {
  }, usr{};
  CHECK(::fstat(asked.mounts[0].tree.get(), &tree) == 0);
  CHECK(::stat("/usr", &usr) == 0);
  CHECK(tree.st_ino == usr.st_ino);
  CHECK(!asked.mounts[1].tree);
  CHECK(asked.mounts[1].fstype == "overlay");
  CHECK(asked.mounts[1].data == "lowerdir=/tree");
  REQUIRE(asked.fds.size() == 1); // the tree is not passed on
  CHECK(asked.fds[0].target == 7);

  sdk::Spawn relative;
  relative.role = "builder";
  relative.argv = {"/bin/true"};
  relative.mounts.push_back({"tree", {}, "tmpfs", {}});
  CHECK_THROWS_AS(host.run(sdk::Call(nullptr), std::move(relative)), sdk::Error);
  environment.run = nullptr;
  CHECK_THROWS_AS(host.run(sdk::Call(nullptr), {}), sdk::Error);
}

TEST_CASE("an undo record stays until its change has been undone") {
  std::string folder = "/tmp/nacre-pod-XXXXXX";
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  nacre::journal::Journal journal(folder + "/journal");
  HostEnvironment environment;
  environment.journal = &journal;
  const HostServices services(environment, null_plugin());
  const sdk::Host host(services.raw());
  int undone = 0;
  {
    const sdk::Change change = host.change("bytes", [&] { ++undone; });
    REQUIRE(journal.records().size() == 1);
    CHECK(journal.records()[0].bytes == "bytes");
  }
  CHECK(undone == 1);
  CHECK(journal.records().empty());
  {
    const sdk::Change change = host.change("more", [] { throw sdk::Error(NACRE_E_INTERNAL, "cannot"); });
  }
  CHECK(journal.records().size() == 1);
  CHECK_THROWS(host.change(std::string(65 * 1024, 'x'), [] {}));
  std::filesystem::remove_all(folder);
}
