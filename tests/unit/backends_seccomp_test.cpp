// The inside of the seccomp plugin: lists of system calls as text and as filters.
#include "filter.hpp"
#include "lists.hpp"
#include "rule_list.hpp"

#include <catch.hpp>
#include <set>

namespace {

using namespace nacre::seccomp;
using Catch::Matchers::ContainsSubstring;

} // namespace

TEST_CASE("a list's lines", "[seccomp]") {
  const auto list = RuleList::parse("# words\n\ndefault errno EPERM\n  allow read\nerrno ENOSYS clone3\n"
                                    "allow clone arg0&0x10000=0x10000 arg2=7\n");
  CHECK(list.default_error == EPERM);
  REQUIRE(list.rules.size() == 3);
  CHECK(list.rules[0].call == "read");
  CHECK(list.rules[1].error == ENOSYS);
  REQUIRE(list.rules[2].conditions.size() == 2);
  CHECK(list.rules[2].conditions[0].mask == 0x10000);
  CHECK(list.rules[2].conditions[1].argument == 2);
  CHECK(list.rules[2].conditions[1].value == 7);
}

TEST_CASE("a bad line is told by its number", "[seccomp]") {
  const auto line = GENERATE("permit read", "allow", "allow read arg6=1", "allow read arg0",
                             "allow read arg0=x", "allow read arg0&1", "errno EBADF read", "default allow");
  CHECK_THROWS_WITH(RuleList::parse(std::string("default errno EPERM\n") + line + "\n"),
                    ContainsSubstring("line 2: "));
  CHECK_THROWS_WITH(RuleList::parse("allow read\n"), ContainsSubstring("no default"));
}

TEST_CASE("the VMM's list has each call once and none that reaches other processes or the kernel itself",
          "[seccomp]") {
  const auto list = RuleList::parse(list_for_role("vmm"));
  std::set<std::string> calls;
  for (const auto& rule : list.rules) {
    INFO(rule.call);
    CHECK(calls.insert(rule.call).second);
  }
  for (const char* call : {"ptrace",
                           "process_vm_readv",
                           "process_vm_writev",
                           "mount",
                           "setns",
                           "unshare",
                           "bpf",
                           "kexec_load",
                           "init_module",
                           "finit_module",
                           "keyctl",
                           "perf_event_open",
                           "io_uring_setup",
                           "setuid",
                           "fork",
                           "vfork",
                           "pidfd_getfd",
                           "open_by_handle_at",
                           "userfaultfd",
                           "reboot",
                           "chroot",
                           "pivot_root"})
    CHECK_FALSE(calls.contains(call));
  CHECK(compile(list).size() % 8 == 0);
  CHECK(list_for_role("hook").empty());
}
