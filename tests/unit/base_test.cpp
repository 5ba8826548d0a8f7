#include "catch.hpp"

#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "base/process_identity.hpp"
#include "base/unique_fd.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>

using nacre::Error;
using nacre::ErrorCode;
using nacre::ProcessIdentity;
using nacre::UniqueFd;

TEST_CASE("an error names the operation, the object, the cause and the remedy in one sentence") {
  const auto error = Error::from_errno(ENOENT, "open guest kernel", "/no/vmlinux").hint("build it");
  CHECK(std::string(error.what()) ==
        "open guest kernel \"/no/vmlinux\": No such file or directory; build it");
  CHECK(error.code() == ErrorCode::not_found);
  CHECK(error.error_number() == ENOENT);
}

TEST_CASE("an error without object shows no quotes") {
  const auto error = Error(ErrorCode::internal, "start the VM").because("it ended");
  CHECK(std::string(error.what()) == "start the VM: it ended");
}

TEST_CASE("errno decides the code that callers act on") {
  CHECK(Error::from_errno(EEXIST, "x").code() == ErrorCode::already_exists);
  CHECK(Error::from_errno(ENOSPC, "x").code() == ErrorCode::resource_exhausted);
  CHECK(Error::from_errno(EPERM, "x").code() == ErrorCode::permission_denied);
}

TEST_CASE("a descriptor is closed by its last owner only") {
  UniqueFd first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int number = first.get();
  UniqueFd second = std::move(first);
  CHECK(!first);
  CHECK(::fcntl(number, F_GETFD) >= 0);
  second.reset();
  CHECK(::fcntl(number, F_GETFD) == -1);
}

TEST_CASE("a duplicated descriptor is not inherited by programs that are started") {
  UniqueFd first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd copy = first.duplicate();
  CHECK(copy.get() != first.get());
  CHECK((::fcntl(copy.get(), F_GETFD) & FD_CLOEXEC) != 0);
}

#ifdef NACRE_FAILPOINTS
TEST_CASE("a failpoint fails the phase that it names and no other") {
  ::setenv("NACRE_FAILPOINT", "plan=error:no luck;vmm=error:none either", 1);
  CHECK_NOTHROW(nacre::failpoint("agent"));
  CHECK_THROWS_AS(nacre::failpoint("vmm"), Error);
  CHECK_THROWS_WITH(nacre::failpoint("plan"), Catch::Matchers::ContainsSubstring("\"plan\": no luck"));
  ::unsetenv("NACRE_FAILPOINT");
}
#endif

TEST_CASE("a process is named by pid and start time, whatever it calls itself") {
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NAME, ") R 1 (2");
    for (;;)
      ::pause();
  }
  const auto first = ProcessIdentity::of(child);
  REQUIRE(first);
  CHECK(first->start_ticks >= ProcessIdentity::of(::getpid())->start_ticks);
  CHECK(first->alive());
  auto other = *first;
  ++other.start_ticks;
  CHECK_FALSE(other.alive());
  ::kill(child, SIGKILL);
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  CHECK_FALSE(first->alive()); // a zombie runs no more
  ::waitpid(child, nullptr, 0);
  CHECK_FALSE(ProcessIdentity::of(child));
  CHECK_FALSE(ProcessIdentity::of(0));
}
