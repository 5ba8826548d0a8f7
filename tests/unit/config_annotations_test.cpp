// Annotations that change a pod's configuration: which are admitted, and in which words the others are
// refused.
#include "catch.hpp"

#include "base/error.hpp"
#include "config/config.hpp"

#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace nacre::config;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

const std::string kata = "io.katacontainers.config.";

Config with(const Annotations& annotations, const std::string& allowed, const std::string& more = "") {
  Problems problems;
  auto config = parse_text("[runtime]\nhypervisor = \"vmm\"\nnetwork = \"net\"\nstorage = \"one\"\n"
                           "[hypervisor.vmm]\ndefault_memory = 512\nenable_annotations = " +
                               allowed + "\n" + more,
                           "/etc/c.toml", problems, annotations);
  REQUIRE(problems.text() == "");
  return config;
}

std::string refusal(const std::string& name, const std::string& value,
                    const std::string& allowed = "[\".*\"]") {
  try {
    with({{kata + name, value}}, allowed);
  } catch (const nacre::Error& error) {
    return error.what();
  }
  return "admitted";
}

} // namespace

TEST_CASE("annotations that are listed change the configuration") {
  const auto config = with({{kata + "hypervisor.default_memory", "1024"},
                            {"io.nacre.config.hypervisor.kernel_params", "quiet x=1"},
                            {kata + "runtime.disable_guest_seccomp", "t"},
                            {"org.example.other", "1"}},
                           R"(["default_memory", "kernel_.*", "runtime\\.disable_guest_seccomp"])",
                           "kernel_params = \"y=2\"\n");
  CHECK(config.guest().memory_mib == 1024);
  CHECK(config.guest().kernel_params == "y=2 quiet x=1"); // after the configuration's own
  CHECK(config.runtime().disable_guest_seccomp);
  CHECK_THAT(config.show(true),
             ContainsSubstring("default_memory = 1024  # annotation io.katacontainers.config.hypervisor."
                               "default_memory"));
}

TEST_CASE("values of annotations are text as Kata's runtimes read it") {
  CHECK(with({{kata + "hypervisor.default_memory", "2 GiB"}}, "[\".*\"]").guest().memory_mib == 2048);
  CHECK(with({{kata + "hypervisor.default_vcpus", "0.5"}}, "[\".*\"]").guest().vcpus == 1);
  CHECK(with({{kata + "runtime.disable_guest_seccomp", "1"}}, "[\".*\"]").runtime().disable_guest_seccomp);
  CHECK_THAT(refusal("hypervisor.default_memory", "much"),
             ContainsSubstring("must be an integer, not a string"));
  CHECK_THAT(refusal("hypervisor.default_memory", "63"), ContainsSubstring("it must be between 64 and"));
  CHECK_THAT(refusal("runtime.disable_guest_seccomp", "yes"), ContainsSubstring("must be a boolean"));
  CHECK_THAT(refusal("hypervisor.default_vcpus", "100000"), ContainsSubstring("ask for fewer"));
}

TEST_CASE("an annotation's name that differs from the key's means the key") {
  const auto config = with({{kata + "hypervisor.default_max_vcpus", "3"}}, "[\"default_maxvcpus\"]");
  CHECK(config.guest().max_vcpus == 3);
  CHECK(with({{kata + "hypervisor.default_max_vcpus", "3"}}, "[\"default_max_vcpus\"]").guest().max_vcpus ==
        3);
  CHECK(refusal("hypervisor.blk_logical_sector_size", "512") ==
        "admitted"); // block_device_logical_sector_size
}

TEST_CASE("nothing is enabled by default, and the list's expressions are anchored") {
  const std::string sentence =
      "apply annotation \"io.katacontainers.config.hypervisor.default_memory\": it is not enabled; add "
      "\"default_memory\" to enable_annotations in [hypervisor.vmm], or remove it";
  CHECK(refusal("hypervisor.default_memory", "1024", "[]") == sentence);
  CHECK(refusal("hypervisor.default_memory", "1024", "[\"memory\", \"default_mem\", \"efault_memory\"]") ==
        sentence);
  CHECK_THAT(refusal("runtime.disable_guest_seccomp", "true", "[\"disable_guest_seccomp\"]"),
             ContainsSubstring("add \"runtime\\\\.disable_guest_seccomp\" to enable_annotations"));
}

TEST_CASE("no annotation can name a program, plugin, library, socket or device") {
  const auto name = GENERATE(
      as<std::string>(), "hypervisor.path", "hypervisor.jailer_path", "hypervisor.virtio_fs_daemon",
      "hypervisor.virtio_fs_extra_args", "hypervisor.entropy_source", "hypervisor.vhost_user_store_path",
      "hypervisor.file_mem_backend", "hypervisor.shared_fs", "hypervisor.machine_accelerators",
      "hypervisor.seccompsandbox", "hypervisor.extra_monitor_socket", "hypervisor.ctlpath",
      "hypervisor.enable_annotations", "hypervisor.disable_selinux", "runtime.internetworking_model",
      "runtime.hypervisor_name", "runtime.sandbox_bind_mounts", "runtime.shared_mounts", "runtime.dan_conf",
      "agent.debug_console_enabled");
  CHECK_THAT(refusal(name, "/bin/sh"), ContainsSubstring("no annotation may set \""));
}

TEST_CASE("what is no setting of Kata's cannot be set at all") {
  for (const auto* name : {"runtime.hypervisor", "runtime.network", "runtime.storage", "runtime.security",
                           "runtime.extra_plugin_dir", "hypervisor.valid_kernel_paths", "runtime.kata_assets",
                           "hypervisor.kernel_hash"})
    CHECK_THAT(refusal(name, "x"), ContainsSubstring("there is no such setting"));
  CHECK_THAT(refusal("hypervisor.default_memry", "1"), ContainsSubstring("did you mean \"default_memory\"?"));
  CHECK_THAT(refusal("network.x", "1"), ContainsSubstring("after the prefix"));
  CHECK_THAT(refusal("hypervisor", "1"), ContainsSubstring("after the prefix"));
  CHECK_THROWS_WITH(with({{"io.katacontainers.config_path", "/tmp/x"}}, "[\".*\"]"),
                    ContainsSubstring("no annotation may set this"));
}

TEST_CASE("an annotation that asks for what is not supported is refused, one that asks for nothing is not") {
  CHECK_THAT(refusal("hypervisor.enable_iommu", "true"), ContainsSubstring("the guest would have no IOMMU"));
  CHECK(refusal("hypervisor.enable_iommu", "false") == "admitted");
  CHECK_THAT(refusal("agent.policy", "cGFja2FnZQ=="), ContainsSubstring("the policy forbids"));
}

TEST_CASE("a kernel by annotation is a file of root's on the list") {
  if (::geteuid() != 0) {
    WARN("skipped: only root can make files that are trusted");
    return;
  }
  char name[] = "/root/nacre-annotations-XXXXXX";
  const fs::path folder = ::mkdtemp(name);
  ::chmod(folder.c_str(), 0755);
  std::ofstream(folder / "good") << "x";
  std::ofstream(folder / "open") << "x";
  ::chmod((folder / "open").c_str(), 0666);
  fs::create_symlink("/etc/hostname", folder / "link");
  const auto ask = [&](const std::string& file) -> std::string {
    try {
      return with({{kata + "hypervisor.kernel", file}}, "[\"kernel\"]",
                  "valid_kernel_paths = [\"" + folder.string() + "/*\"]\n")
          .guest()
          .kernel;
    } catch (const nacre::Error& error) {
      return error.what();
    }
  };
  CHECK(ask(folder / "good") == folder / "good");
  CHECK_THAT(ask("/etc/hostname"), ContainsSubstring("\"/etc/hostname\" is not in valid_kernel_paths"));
  CHECK_THAT(ask(folder / "link"), ContainsSubstring("is not in valid_kernel_paths"));
  CHECK_THAT(ask(folder / "a/../good"), ContainsSubstring("is not in valid_kernel_paths"));
  CHECK_THAT(ask(folder / "open"), ContainsSubstring("can be changed by others than root"));
  CHECK_THAT(ask(folder / "none"), ContainsSubstring("there is no file"));
  ::chmod(folder.c_str(), 0777);
  CHECK_THAT(ask(folder / "good"), ContainsSubstring("can be changed by others than root"));
  fs::remove_all(folder);
  CHECK_THAT(refusal("hypervisor.kernel", "/boot/vmlinuz"),
             ContainsSubstring("is not in valid_kernel_paths"));
}

TEST_CASE("a list of annotations that is no list of regular expressions is refused with its place") {
  Problems problems;
  parse_text("[runtime]\nhypervisor = \"vmm\"\nnetwork = \"net\"\nstorage = \"one\"\n[hypervisor.vmm]\n"
             "enable_annotations = [\"(\"]\nvalid_kernel_paths = [\"boot/*\"]\n",
             "/etc/c.toml", problems);
  CHECK_THAT(problems.text(),
             ContainsSubstring("/etc/c.toml:6:22: \"enable_annotations\" in [hypervisor.vmm] "
                               "holds \"(\", which is no regular expression"));
  CHECK_THAT(problems.text(), ContainsSubstring("/etc/c.toml:7:22: \"valid_kernel_paths\""));
}
