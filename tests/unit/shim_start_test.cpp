// The action `start` and what comes after it, as each generation of containerd does it: the built program,
// over a Sandbox that runs host processes.
#include "catch.hpp"
#include "shim_event_server.hpp"

#include "ttrpc/proto/bootstrap.pb.h"
#include "ttrpc/task_client.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nacre;
using namespace nacre::shim;
using namespace std::chrono_literals;

namespace {

class Bundle {
public:
  Bundle() {
    char name[] = "/tmp/nacre-test-XXXXXX";
    REQUIRE(::mkdtemp(name));
    folder = name;
    std::ofstream(folder + "/config.json")
        << R"({"process":{"cwd":"/","args":["/bin/sh","-c","exit 5"],"env":["PATH=/usr/bin:/bin"]}})";
    REQUIRE(::mkfifo((folder + "/log").c_str(), 0600) == 0); // containerd reads it
    log_.reset(::open((folder + "/log").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }
  ~Bundle() { std::filesystem::remove_all(folder); }

  std::string folder;

private:
  UniqueFd log_;
};

// What the program printed; its exit code must be 0.
std::string run_start(const Bundle& bundle, std::vector<std::string> words, const std::string& input,
                      const std::vector<std::pair<std::string, std::string>>& variables) {
  int in[2], out[2];
  REQUIRE(::pipe2(in, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
  words.insert(words.begin(), "shim");
  words.push_back("start");
  std::vector<char*> argv;
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    for (const auto& [name, value] : variables)
      ::setenv(name.c_str(), value.c_str(), 1);
    if (::chdir(bundle.folder.c_str()) == 0) ::execv(NACRE_FAKE_SHIM, argv.data());
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  REQUIRE(::write(in[1], input.data(), input.size()) == static_cast<ssize_t>(input.size()));
  ::close(in[1]);
  std::string answer;
  char bytes[4096];
  for (ssize_t count; (count = ::read(out[0], bytes, sizeof bytes)) > 0;)
    answer.append(bytes, static_cast<std::size_t>(count));
  ::close(out[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  CHECK(status == 0);
  return answer;
}

std::string between(const std::string& text, const std::string& before, const std::string& after) {
  const auto start = text.find(before);
  REQUIRE(start != std::string::npos);
  const auto end = text.find(after, start + before.size());
  return text.substr(start + before.size(), end - start - before.size());
}

// A container from its creation to its removal, by the named service.
void check_life(const std::string& socket, const char* service, const Bundle& bundle, const std::string& id) {
  auto client = ttrpc::Client::connect(socket);
  ttrpc::task::CreateTaskRequest create;
  create.set_id(id);
  create.set_bundle(bundle.folder);
  ttrpc::task::CreateTaskResponse created;
  REQUIRE(created.ParseFromString(client.call(service, "Create", create.SerializeAsString())));
  CHECK(created.pid() > 0);
  ttrpc::task::StartRequest start;
  start.set_id(id);
  client.call(service, "Start", start.SerializeAsString());
  ttrpc::task::WaitRequest wait;
  wait.set_id(id);
  ttrpc::task::WaitResponse ended;
  REQUIRE(ended.ParseFromString(client.call(service, "Wait", wait.SerializeAsString(), 20s)));
  CHECK(ended.exit_status() == 5);
  ttrpc::task::DeleteRequest remove;
  remove.set_id(id);
  client.call(service, "Delete", remove.SerializeAsString());
  ttrpc::task::ShutdownRequest shutdown;
  shutdown.set_id(id);
  client.call(service, "Shutdown", shutdown.SerializeAsString());
}

} // namespace

TEST_CASE("every generation of containerd starts a shim and runs a container") {
  const Bundle bundle;
  EventServer events(bundle.folder + "/events");
  const auto id = "c" + std::to_string(::getpid());
  const std::vector<std::string> flags{"-namespace",      "nacre-test", "-address", bundle.folder + "/c.sock",
                                       "-publish-binary", "/bin/true",  "-id",      id};
  const std::string events_address = "unix://" + bundle.folder + "/events";
  const char* service = ttrpc::task_service_v2;
  std::string socket;
  SECTION("1.6, which sends the runtime's options") {
    ttrpc::wire::Any options;
    options.set_type_url("runtimeoptions.v1.Options");
    const auto answer =
        run_start(bundle, flags, options.SerializeAsString(), {{"TTRPC_ADDRESS", events_address}});
    socket = answer.substr(std::strlen("unix://"));
  }
  SECTION("1.7 to 2.2, which take JSON") {
    const auto answer =
        run_start(bundle, flags, "", {{"TTRPC_ADDRESS", events_address}, {"MAX_SHIM_VERSION", "3"}});
    CHECK(answer.starts_with(R"({"version":3,)"));
    socket = between(answer, "unix://", "\"");
    service = ttrpc::task_service_v3;
  }
  for (const bool with_flags : {true, false}) {
    DYNAMIC_SECTION("2.3, which sends and takes a message, " << (with_flags ? "with" : "without")
                                                             << " flags") {
      containerd::runtime::bootstrap::v1::BootstrapParams message;
      message.set_instance_id(id);
      message.set_namespace_("nacre-test");
      message.set_containerd_version("2.3.0");
      message.set_containerd_ttrpc_address(events_address);
      message.set_containerd_grpc_address(bundle.folder + "/c.sock");
      containerd::runtime::bootstrap::v1::BootstrapResult result;
      REQUIRE(result.ParseFromString(run_start(bundle, with_flags ? flags : std::vector<std::string>(),
                                               message.SerializeAsString(), {{"MAX_SHIM_VERSION", "2"}})));
      CHECK(result.version() == 3);
      CHECK(result.protocol() == "ttrpc");
      socket = result.address().substr(std::strlen("unix://"));
      service = ttrpc::task_service_v3;
    }
  }
  check_life(socket, service, bundle, id);
  CHECK(events.wait_for_topics(4) ==
        std::vector<std::string>{"/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"});
  CHECK(events.events.front().namespace_() == "nacre-test");
}
