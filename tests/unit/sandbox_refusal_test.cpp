#include "catch.hpp"
#include "sandbox/refusal.hpp"

using namespace nacre;
using namespace nacre::sandbox;

TEST_CASE("crun's reasons are told in runc's words") {
  const std::string missing = " not found in $PATH: No such file or directory";
  // crun's, argv[0], runc's
  const std::string told[][3] = {
      {"executable file `no-such`" + missing, "no-such",
       "exec: \"no-such\": executable file not found in $PATH"},
      {"executable file `/no/such`" + missing, "/no/such",
       "exec: \"/no/such\": stat /no/such: no such file or directory"},
      {"open executable: Operation not permitted", "/tmp", "exec: \"/tmp\": permission denied"},
      {"open executable: Permission denied", "/file", "exec: \"/file\": permission denied"},
      {"chdir `/cwd`: Not a directory", "true",
       "chdir to cwd (\"/cwd\") set in config.json failed: not a directory"},
      {"the path `/tmp` is not a regular file: Operation not permitted", "/tmp",
       "exec: \"/tmp\": is a directory"},
      {"the path `/file` exists but it is not executable: Operation not permitted", "/file",
       "exec: \"/file\": permission denied"},
      {"chdir to `/cwd`: No such file or directory", "true",
       "chdir to cwd (\"/cwd\") set in config.json failed: no such file or directory"},
      {"open `/proc/sys/net/x`: No such file or directory", "true",
       "error during container init: open /proc/sys/net/x: no such file or directory"},
      {"open /proc/sys/net/Xa: No such file or directory", "true",
       "error during container init: open /proc/sys/net/Xa: no such file or directory"},
      {"mount `/share/c/mounts/10` to `/share/c/rootfs/etc`: Not a directory", "true",
       "error during container init: mount `/ten` to `/root/etc`: Not a directory"},
  };
  const std::vector<std::pair<std::string, std::string>> paths = {{"/share/c/rootfs", "/root"},
                                                                  {"/share/c/mounts/1", "/one"},
                                                                  {"/share/c/mounts/10", "/ten"},
                                                                  {"", "/none"}};
  for (const auto& [words, program, expected] : told)
    CHECK(runc_words(words, {program, "/cwd", paths}) == expected);
}

TEST_CASE("only words about a process or of a hook become a refusal") {
  Error answer(ErrorCode::not_found, "start a process in container", "c1");
  CHECK_NOTHROW(throw_if_refused(answer, "exec failed", {"true", "/", {}}));
  answer.because("mount \"share\": Operation not permitted");
  CHECK_NOTHROW(throw_if_refused(answer, "exec failed", {"true", "/", {}}));

  const auto refusal = [&](std::string_view words) -> std::string {
    answer.because(words);
    try {
      throw_if_refused(answer, "exec failed", {"x", "/", {}});
    } catch (const Refusal& refused) {
      CHECK(refused.code() == ErrorCode::not_found);
      return refused.what();
    }
    return "no refusal";
  };
  CHECK(refusal("crun: executable file `x` not found in $PATH: No such file or directory") ==
        "exec failed: exec: \"x\": executable file not found in $PATH");
  CHECK(refusal("error running createContainer hook #0 \"/hook\": exit status 1") ==
        "error running createContainer hook #0 \"/hook\": exit status 1");
}
