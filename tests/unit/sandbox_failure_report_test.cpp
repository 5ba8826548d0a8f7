// What a user reads of a start that failed.
#include "sandbox/boot_trouble.hpp"
#include "sandbox/failure_report.hpp"
#include "sandbox/guest_initrd.hpp"

#include <catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace {

using namespace nacre;
using namespace nacre::sandbox;
using Catch::Matchers::ContainsSubstring;
using Lines = std::vector<std::string>;

const BootFiles files{"/k", "/i", "", 96};

FailureFacts facts_of(std::string phase) {
  FailureFacts facts;
  facts.phase = std::move(phase);
  facts.plugin = "hypervisor/qemu";
  facts.plugin_version = "1.2";
  facts.files = files;
  return facts;
}

Error lost_agent() {
  return Error(ErrorCode::unavailable, "wait for the agent").because("its channel was closed");
}

std::string trouble(const Lines& lines) {
  const auto found = find_boot_trouble(lines, files, true);
  return found ? found->cause + "; " + found->remedy : "";
}

std::string panic(const std::string& words) {
  return "[    1.5] Kernel panic - not syncing: " + words;
}

// A cpio archive of one file, as the kernel has it.
std::string archive(const std::string& name, unsigned mode, const std::string& content) {
  const auto entry = [](const std::string& path, unsigned bits, const std::string& data) {
    char header[111];
    std::snprintf(header, sizeof header, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1u,
                  bits, 0u, 0u, 1u, 0u, static_cast<unsigned>(data.size()), 0u, 0u, 0u, 0u,
                  static_cast<unsigned>(path.size() + 1), 0u);
    std::string text = header + path + '\0';
    text.resize((text.size() + 3) / 4 * 4);
    text += data;
    text.resize((text.size() + 3) / 4 * 4);
    return text;
  };
  return entry(name, mode, content) + entry("TRAILER!!!", 0, "");
}

struct InitrdFile {
  explicit InitrdFile(const std::string& content)
      : path((std::filesystem::temp_directory_path() / ("nacre-initrd-" + std::to_string(::getpid())))
                 .string()) {
    std::ofstream(path, std::ios::binary) << content;
  }
  ~InitrdFile() { std::filesystem::remove(path); }
  const std::string path;
};

std::string refusal(const std::string& content, const std::string& kernel_params = "") {
  const InitrdFile file(content);
  try {
    check_initrd(file.path, kernel_params, "mend it");
    return "";
  } catch (const Error& error) {
    CHECK_THAT(error.what(),
               ContainsSubstring("initrd \"" + file.path + "\"") && ContainsSubstring("mend it"));
    return error.cause();
  }
}

} // namespace

TEST_CASE("a failed start names the phase, the plugin and everybody's last words") {
  auto facts = facts_of("guest-sandbox");
  facts.vmm_started = facts.agent_answered = true;
  facts.vmm_ending = "exited with status 1";
  facts.vmm_words = "no such file";
  facts.console = {"hello", "bye"};
  const auto error = report_failure(lost_agent(), facts);
  const std::string text = error.what();
  for (const char* part : {"wait for the agent: its channel was closed", "phase \"guest-sandbox\"",
                           "hypervisor/qemu 1.2", "exited with status 1", "no such file", "hello | bye"})
    CHECK_THAT(text, ContainsSubstring(part));
  CHECK(error.code() == ErrorCode::unavailable);
}

TEST_CASE("a VMM that refuses is quoted where the cause stands") {
  auto facts = facts_of("vmm");
  facts.vmm_ending = "exited with status 1";
  facts.vmm_words = "no property \"x\"";
  const std::string text =
      report_failure(Error(ErrorCode::unavailable, "start the VM").because("it ended"), facts).what();
  CHECK_THAT(text, ContainsSubstring(
                       "it ended: no property \"x\"; correct what it names in [hypervisor.qemu] (phase"));
}

TEST_CASE("a VMM that ends without a word is not taken for a guest that does") {
  auto facts = facts_of("vmm");
  facts.vmm_ending = "exited with status 1";
  const std::string text =
      report_failure(Error(ErrorCode::unavailable, "start the VM").because("\"/x\" ended"), facts).what();
  CHECK_THAT(text, ContainsSubstring("virtual machine: \"/x\" ended (phase \"vmm\""));
}

TEST_CASE("the cause comes first, and what the kernel writes after a panic is left out") {
  auto facts = facts_of("agent");
  facts.vmm_started = true;
  facts.vmm_ending = "exited with status 0";
  facts.console = {"before", panic("System is deadlocked on memory"), "Call Trace:", "RAX: 0"};
  const std::string text = report_failure(lost_agent(), facts).what();
  CHECK_THAT(text,
             ContainsSubstring("virtual machine: the guest's kernel ran out of memory; raise default_memory, "
                               "which is 96 MiB (phase"));
  CHECK_THAT(text, !ContainsSubstring("Call Trace") && !ContainsSubstring("channel was closed"));
}

TEST_CASE("what the agent answered is not replaced by older words of the console") {
  auto facts = facts_of("guest-sandbox");
  facts.vmm_started = facts.agent_answered = true;
  facts.console = {"nacre-agent: something harmless"};
  CHECK_THAT(report_failure(lost_agent(), facts).what(), ContainsSubstring("its channel was closed"));
}

TEST_CASE("the console's words become causes") {
  const auto no_root = panic("VFS: Unable to mount root fs on unknown-block(0,0)");
  CHECK_THAT(trouble({no_root}), ContainsSubstring("finds no program /init in initrd \"/i\""));
  CHECK_THAT(trouble({"Initramfs unpacking failed: junk", no_root}),
             ContainsSubstring("cannot unpack initrd \"/i\": junk"));
  CHECK_THAT(trouble({"Initramfs unpacking failed: write error", no_root}),
             ContainsSubstring("default_memory"));
  CHECK_THAT(trouble({"Failed to execute /init (error -8)", panic("No working init found.")}),
             ContainsSubstring("cannot run \"/init\" of initrd \"/i\": Exec format error"));
  CHECK_THAT(trouble({panic("Attempted to kill init! exitcode=0x00000100")}),
             ContainsSubstring("ended with status 1"));
  CHECK_THAT(trouble({panic("Attempted to kill init! exitcode=0x0000000b")}),
             ContainsSubstring("by signal 11"));
  CHECK_THAT(trouble({panic("hung_task")}), ContainsSubstring("panicked: hung_task"));
  CHECK_THAT(trouble({"nacre-agent: no port", "reboot: x"}), ContainsSubstring("agent says: no port"));
  CHECK_THAT(trouble({}), ContainsSubstring("before its kernel said a word") && ContainsSubstring("96 MiB"));
  CHECK(trouble({"nothing known"}).empty());
}

TEST_CASE("words of a hostile console are bounded") {
  CHECK(trouble({panic(std::string(100000, 'x'))}).size() < 1000);
  CHECK_FALSE(trouble({"Failed to execute ", panic("No working init found.")}).empty());
  CHECK_FALSE(trouble({panic("Attempted to kill init! exitcode=0x")}).empty());
}

TEST_CASE("an initrd that cannot start an agent is refused in words") {
  CHECK(refusal(archive("init", 0100755, "agent")) == "");
  CHECK(refusal(archive("./init", 0100755, "agent")) == "");
  CHECK(refusal(archive("init", 0120777, "sbin/init")) == ""); // a link
  CHECK(refusal(archive("first", 0100644, "x") + archive("init", 0100755, "x")) == "");
  CHECK(refusal(archive("first", 0100644, "x") + std::string(512, '\0') + "\x1f\x8b...") == "");
  CHECK(refusal("\x1f\x8b...") == "");
  CHECK(refusal("") == "it is empty");
  CHECK_THAT(refusal("hello"), ContainsSubstring("neither a cpio archive"));
  CHECK_THAT(refusal(archive("etc", 0100644, "x")), ContainsSubstring("no program \"/init\""));
  CHECK_THAT(refusal(archive("init", 0100644, "x")), ContainsSubstring("not executable"));
  CHECK_THAT(refusal(archive("init", 0100755, std::string(4096, 'x')).substr(0, 2000)),
             ContainsSubstring("cut off or damaged at byte 0"));
  CHECK_THAT(refusal("070701" + std::string(200, 'z')), ContainsSubstring("cut off or damaged"));
}

TEST_CASE("the kernel's parameters decide which program must be there") {
  const auto initrd = archive("init", 0100755, "x");
  CHECK_THAT(refusal(initrd, "rdinit=/init a=b rdinit=/sbin/x"), ContainsSubstring("no program \"/sbin/x\""));
  CHECK(refusal(archive("sbin/x", 0100755, "x"), "rdinit=/sbin/x") == "");
  CHECK(refusal(archive("etc", 0100644, "x"), "root=/dev/vda") == "");
}
