// The .so: its filter on real processes, QEMU among them, and what it says to profiles of bundles.
#include "guest.hpp"
#include "hypervisor_handle.hpp"
#include "test_host.hpp"

#include <nacre/sdk/security.hpp>

#include <catch.hpp>
#include <fstream>
#include <sstream>

namespace {

using namespace nacre;

const nacre_security_ops& ops() {
  return *static_cast<const nacre_security_ops*>(test::load_plugin("security", "seccomp").ops);
}

// The caller's side of the table.
class Guard {
public:
  explicit Guard(test::TestHost& host, std::string_view options = "{}") {
    REQUIRE(ops().create(host.raw(), nullptr, options.data(), options.size(), &guard_, error()) == 0);
  }
  ~Guard() { ops().destroy(guard_); }
  sdk::ProcessRules confine(std::string role) {
    sdk::Arena arena;
    nacre_process_rules rules{};
    rules.struct_size = sizeof rules;
    sdk::ProcessRequest request;
    request.role = std::move(role);
    REQUIRE(ops().confine(guard_, nullptr, sdk::to_c(request, arena), &rules, error()) == 0);
    return sdk::from_c(rules);
  }
  int check(std::string linux_section, sdk::GuestRules* ret = nullptr) {
    sdk::Arena arena;
    nacre_guest_rules rules{};
    rules.struct_size = sizeof rules;
    const sdk::GuestRequest request{false, "{}", std::move(linux_section)};
    const int status = ops().guest_process(guard_, nullptr, sdk::to_c(request, arena), &rules, error());
    if (status == 0 && ret) *ret = sdk::from_c(rules);
    return status;
  }
  std::string why() const { return error_.what; }

private:
  nacre_error* error() {
    error_ = {};
    error_.struct_size = sizeof error_;
    return &error_;
  }
  nacre_guard* guard_ = nullptr;
  nacre_error error_{};
};

std::string status_line(int pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name)) return line.substr(line.find_first_not_of(" \t", name.size()));
  return {};
}

} // namespace

TEST_CASE("the VMM's list denies what a VMM has no use for, and threads still start", "[seccomp]") {
  test::TestHost host;
  Guard guard(host);
  const auto rules = guard.confine("vmm");
  CHECK(rules.no_new_privileges);
  host.filter = rules.filter;
  sdk::Spawn plan;
  plan.role = "vmm";
  plan.argv = {NACRE_TEST_DENIED_CALLS};
  const auto process = host.host().spawn(sdk::Call(nullptr), std::move(plan));
  const std::string said = host.output_of(process.pid);
  CHECK(said ==
        "mount=1\ninet=1\nunix=0\nunshare=1\nptrace=1\nbpf=1\nsetuid=1\nfork=1\nclone3=38\nthread=0\n");
}

TEST_CASE("roles without a list, and a configuration without it, get no filter", "[seccomp]") {
  test::TestHost host;
  Guard guard(host);
  CHECK(guard.confine("hook").filter.empty());
  CHECK_FALSE(guard.confine("hook").no_new_privileges);
  Guard off(host, R"({"disable_seccomp":true})");
  CHECK(off.confine("vmm").filter.empty());
}

TEST_CASE("QEMU boots a guest and adds a disk under the list alone, and with its own filter on top",
          "[seccomp][qemu]") {
  if (!test::have_guest()) return;
  const char* own = GENERATE("", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
  test::TestHost host;
  Guard guard(host);
  host.filter = guard.confine("vmm").filter;
  test::Console console;
  test::HypervisorHandle vm(host, "qemu",
                            std::string(R"({"use_vsock":false,"seccompsandbox":")") + own + "\"}");
  auto machine = test::small_machine(console, "wait");
  machine.vcpus = machine.vcpus_max = 2;
  sdk::Device share;
  share.guest.kind = NACRE_DEVICE_SHARE;
  share.guest.id = "share";
  share.guest.tag = "share";
  share.host.kind = NACRE_END_PATH;
  share.host.path = "/usr";
  machine.devices.push_back(std::move(share));
  const int started = vm.start(std::move(machine));
  INFO(vm.why());
  REQUIRE(started == 0);
  const int pid = vm.processes().pids[0];
  CHECK(status_line(pid, "Seccomp:") == "2");
  CHECK(status_line(pid, "NoNewPrivs:") == "1");
  CHECK(console.await("GUEST-UP"));
  std::string address;
  CHECK(vm.add(test::memory_disk("disk0"), address) == 0);
  CHECK(console.await("PCI-ADDED"));
  vm.stop(false);
  CHECK(host.reap(pid) == 0);
}

TEST_CASE("without the list QEMU has no filter but its own", "[seccomp][qemu]") {
  if (!test::have_guest()) return;
  test::TestHost host;
  test::Console console;
  test::HypervisorHandle vm(host, "qemu", R"({"use_vsock":false,"seccompsandbox":""})");
  REQUIRE(vm.start(test::small_machine(console, "wait")) == 0);
  CHECK(status_line(vm.processes().pids[0], "Seccomp:") == "0");
}

TEST_CASE("profiles of bundles", "[seccomp]") {
  test::TestHost host;
  Guard guard(host);
  const auto section = [](const std::string& profile) {
    return R"({"resources":{},"seccomp":)" + profile + "}";
  };

  SECTION("good ones stay as they are") {
    const auto profile = GENERATE(
        as<std::string>(), R"({"defaultAction":"SCMP_ACT_ALLOW"})",
        R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32"],
            "flags":["SECCOMP_FILTER_FLAG_LOG"],"syscalls":[{"names":["read","write"],"action":"SCMP_ACT_ALLOW"},
            {"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]},
            {"names":["clone"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":2114060288,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]},
            {"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":13}]})");
    sdk::GuestRules rules;
    const int status = guard.check(section(profile), &rules);
    INFO(guard.why());
    REQUIRE(status == 0);
    CHECK(rules.linux_section.empty());
  }
  SECTION("a call that is not known is left out, and told") {
    CHECK(
        guard.check(section(
            R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["frobnicate"],"action":"SCMP_ACT_KILL"}]})")) ==
        0);
    CHECK(host.log().back().ends_with(": frobnicate"));
  }
  SECTION("no profile, no answer") {
    CHECK(guard.check("{}") == 0);
    CHECK(guard.check(section("null")) == 0);
  }
  SECTION("bad ones are refused in words") {
    struct Case {
      std::string profile, words;
    };
    const auto [profile, words] = GENERATE(values<Case>({
        {"[]", "linux.seccomp is not an object"},
        {"{}", "linux.seccomp.defaultAction is missing"},
        {R"({"defaultAction":"ALLOW"})", R"(linux.seccomp.defaultAction "ALLOW" is no action)"},
        {R"({"defaultAction":"SCMP_ACT_NOTIFY"})", "needs a listener on the host"},
        {R"({"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/run/l.sock"})",
         R"(linux.seccomp.listenerPath "/run/l.sock")"},
        {R"({"defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":1})",
         "defaultErrnoRet goes with SCMP_ACT_ERRNO"},
        {R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":5000})", "is above 4095"},
        {R"({"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_VAX"]})",
         R"("SCMP_ARCH_VAX" is no architecture)"},
        {R"({"defaultAction":"SCMP_ACT_ALLOW","flags":["FAST"]})", R"("FAST" is no flag)"},
        {R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"action":"SCMP_ACT_KILL"}]})",
         "syscalls[0].names is missing"},
        {R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[],"action":"SCMP_ACT_KILL"}]})",
         "syscalls[0].names is empty"},
        {R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"KILL"}]})",
         R"(syscalls[0].action "KILL" is no action)"},
        {R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_KILL","args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}]})",
         "args[0].index is above 5"},
        {R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_KILL","args":[{"index":0,"value":-1,"op":"SCMP_CMP_EQ"}]}]})",
         "args[0].value is not a number"},
        {R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_KILL","args":[{"index":0,"value":1,"op":"EQ"}]}]})",
         R"(args[0].op "EQ" is no comparison)"},
    }));
    CHECK(guard.check(section(profile)) < 0);
    INFO(guard.why());
    CHECK(guard.why().find(words) != std::string::npos);
  }
  SECTION("a configuration without guest seccomp takes the profile out and leaves the rest") {
    Guard off(host, R"({"disable_guest_seccomp":true})");
    sdk::GuestRules rules;
    REQUIRE(off.check(section(R"({"defaultAction":"SCMP_ACT_NOTIFY"})"), &rules) == 0);
    CHECK(rules.linux_section == R"({"resources":{}})");
  }
}
