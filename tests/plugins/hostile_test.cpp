// Plugins that misbehave in an operation, or change under the loader's hands: the host lives, and says who it
// was.
#include "catch.hpp"
#include "quiet_host.hpp"

#include "config/option_schema.hpp"
#include "plugin/crash_line.hpp"
#include "plugin/option_defaults.hpp"
#include "plugin/registry.hpp"
#include "plugin/security.hpp"

#include <algorithm>
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace nacre::plugin;
namespace fs = std::filesystem;

namespace {

const Plugin& variant(const std::string& name) {
  static Registry registry("", NACRE_TEST_VARIANTS);
  return registry.load(Kind::security, name);
}

void make(const std::string& name, const std::string& options = "{}") {
  QuietHost host;
  Security(variant(name), host.environment, Limits::none(), options);
}

// What a child that runs `body` says on its crash line, and the signal that ended it.
std::pair<std::string, int> crash_of(const std::function<void()>& body) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  char scratch[] = "/tmp/nacre-crash-XXXXXX"; // a child that crashes does not tidy up
  REQUIRE(::mkdtemp(scratch) != nullptr);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    ::setenv("TMPDIR", scratch, 1);
    install_crash_line(ends[1]);
    body();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[512];
  for (ssize_t got; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  fs::remove_all(scratch);
  return {text, WIFSIGNALED(status) ? WTERMSIG(status) : 0};
}

// Its own folder below the build tree, since /tmp is writable by everybody.
struct Swapped {
  Swapped() {
    std::string path = std::string(NACRE_TEST_SCRATCH) + "/swap-XXXXXX";
    REQUIRE(::mkdtemp(path.data()) != nullptr);
    folder = path;
    fs::permissions(folder, fs::perms(0755));
  }
  ~Swapped() { fs::remove_all(folder); }
  void point_to(const std::string& target) const {
    fs::remove(link());
    fs::create_symlink(target, link());
  }
  std::string link() const { return folder + "/fine.so"; }
  std::string folder;
};

} // namespace

TEST_CASE("an exception that leaves a plugin becomes an error of the operation") {
  CHECK_THROWS_WITH(make("throws"),
                    "create a handle with plugin \"security/throws\": an exception left the plugin, "
                    "which it must not: thrown by create");
  CHECK_THROWS_WITH(make("throws", R"({"throw":"int"})"),
                    Catch::Matchers::ContainsSubstring("of a type that is no std::exception"));
}

TEST_CASE("a create() that fails without a word, or succeeds without a handle, is an error") {
  CHECK_THROWS_WITH(make("create-fails-silently"),
                    "create a handle with plugin \"security/create-fails-silently\": it gave no reason");
  CHECK_THROWS_WITH(make("create-gives-nothing"),
                    Catch::Matchers::ContainsSubstring("\"security/create-gives-nothing\": it gave none"));
}

TEST_CASE("an error without end and with an unknown code is bounded") {
  try {
    make("create-fails-without-end");
    FAIL("create() succeeded");
  } catch (const nacre::Error& error) {
    CHECK(error.code() == nacre::ErrorCode::unknown);
    CHECK(error.cause() == std::string(487, 'x'));
  }
}

TEST_CASE("a description of a thousand options is read") {
  const auto schema = variant("many-options").options_schema();
  CHECK(nacre::config::parse_schema(schema).size() == 1001);
  const std::string defaults = option_defaults(schema);
  CHECK(std::count(defaults.begin(), defaults.end(), ':') == 1000); // the last one has none
}

TEST_CASE("an operation that overruns its deadline is told in the log") {
  QuietHost host;
  Security::probe(variant("probe-late"), host.environment, Limits::within(std::chrono::milliseconds(1)),
                  "{}");
  REQUIRE(host.lines.size() == 2); // while it hangs, and when it has returned after all
  CHECK(host.lines.front() == "security/probe-late: probe: its deadline has passed, and it has not returned");
  CHECK_THAT(host.lines.back(), Catch::Matchers::StartsWith("security/probe-late: probe: "));
  CHECK_THAT(host.lines.back(), Catch::Matchers::EndsWith(" ms past its deadline"));
}

TEST_CASE("a crash names the plugin and the operation, and stays a crash") {
  const auto [line, signal] = crash_of([] { make("create-crashes"); });
  CHECK(line == "nacre: SIGSEGV in plugin security/create-crashes (create a handle)\n");
  CHECK(signal == SIGSEGV);
  const auto [load_line, load_signal] = crash_of([] { variant("constructor-crashes"); });
  CHECK(load_line == "nacre: SIGSEGV in plugin security/constructor-crashes (load)\n");
  CHECK(load_signal == SIGSEGV);
  const auto [abort_line, abort_signal] = crash_of([] {
    QuietHost host;
    Security::probe(variant("probe-aborts"), host.environment, Limits::none(), "{}");
  });
  CHECK(abort_line == "nacre: SIGABRT in plugin security/probe-aborts (probe)\n");
  CHECK(abort_signal == SIGABRT);
}

TEST_CASE("a crash outside of plugins accuses none") {
  const auto [line, signal] = crash_of([] { ::raise(SIGSEGV); });
  CHECK(line.empty());
  CHECK(signal == SIGSEGV);
}

TEST_CASE("a link that is swapped after the check leads to what was checked") {
  const Swapped swapped;
  const std::string variants = std::string(NACRE_TEST_VARIANTS) + "/security";
  swapped.point_to(variants + "/fine.so");
  Inspected inspected = inspect(swapped.link(), Kind::security, "fine");
  swapped.point_to(variants + "/constructor-crashes.so"); // would end this process
  const Plugin plugin = open(std::move(inspected), Kind::security, "fine");
  CHECK(plugin.path() == fs::canonical(variants + "/fine.so").string());
  CHECK_THROWS_AS(inspect(swapped.link(), Kind::security, "fine"),
                  LoadError); // the next one sees the other file
}
