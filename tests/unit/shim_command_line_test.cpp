// The sandbox process as `nacre` drives it: the built program, over a Sandbox that runs host processes.
#include "catch.hpp"

#include "base/error.hpp"
#include "ttrpc/descriptors.hpp"
#include "ttrpc/task_client.hpp"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nacre;
using namespace std::chrono_literals;

namespace {

UniqueFd listen_on(const std::string& path, int type) {
  UniqueFd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(::listen(socket.get(), 8) == 0);
  return socket;
}

std::string read_all(const UniqueFd& fd) {
  std::string all;
  char bytes[4096];
  for (ssize_t count; (count = ::read(fd.get(), bytes, sizeof(bytes))) > 0;)
    all.append(bytes, count);
  return all;
}

std::pair<UniqueFd, UniqueFd> make_pipe() {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

class SandboxUnderTest {
public:
  SandboxUnderTest() {
    char name[] = "/tmp/nacre-test-XXXXXX";
    REQUIRE(::mkdtemp(name));
    folder = name;
    state_dir = folder + "/state";
    std::filesystem::create_directory(state_dir);
    std::filesystem::create_directory(folder + "/bundle");
    const auto calls = listen_on(socket(), SOCK_STREAM),
               descriptors = listen_on(socket() + ".fd", SOCK_SEQPACKET);
    pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      const int high_calls = ::fcntl(calls.get(), F_DUPFD, 10),
                high_descriptors = ::fcntl(descriptors.get(), F_DUPFD, 10);
      ::dup2(high_calls, 3);
      ::dup2(high_descriptors, 4);
      ::close_range(5, ~0u, 0);
      ::execl(NACRE_FAKE_SHIM, "shim", "sandbox", "--id", "c1", "--root", folder.c_str(), "--state-dir",
              state_dir.c_str(), "--listen-fd", "3", "--fd-listen-fd", "4", static_cast<char*>(nullptr));
      ::_exit(127);
    }
    pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  }
  ~SandboxUnderTest() {
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    std::filesystem::remove_all(folder);
  }

  std::string socket() const { return folder + "/s"; }
  ttrpc::TaskClient connect() const { return ttrpc::TaskClient::connect(socket()); }
  void write_bundle(const std::string& shell, const std::string& annotations = "{}") const {
    std::ofstream(folder + "/bundle/config.json")
        << R"({"annotations":)" << annotations << R"(,"process":{"cwd":"/","args":["/bin/sh","-c",")" << shell
        << R"("],"env":["PATH=/usr/bin:/bin"]}})";
  }
  ttrpc::task::CreateTaskRequest create_request(const std::string& id = "c1",
                                                bool end_with_connection = false) const {
    nacre::task::v1::CreateOptions options;
    options.set_state_dir(state_dir);
    options.set_end_with_connection(end_with_connection);
    ttrpc::task::CreateTaskRequest request;
    request.set_id(id);
    request.set_bundle(folder + "/bundle");
    ttrpc::pack_any(*request.mutable_options(), options);
    return request;
  }
  // The exit code; -1 when it has not ended by then.
  int wait_for_end(int seconds = 20) {
    pollfd entry{pidfd.get(), POLLIN, 0};
    if (::poll(&entry, 1, seconds * 1000) <= 0) return -1;
    int status = 0;
    ::waitpid(pid, &status, 0);
    pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  bool left_anything() const {
    return std::filesystem::exists(state_dir) || std::filesystem::exists(socket()) ||
           std::filesystem::exists(socket() + ".fd");
  }

  std::string folder, state_dir;
  pid_t pid = 0;
  UniqueFd pidfd;
};

ErrorCode code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  FAIL("nothing was thrown");
  return ErrorCode::unknown;
}

} // namespace

TEST_CASE("a container's life with descriptors of the caller") {
  SandboxUnderTest sandbox;
  sandbox.write_bundle("cat; echo err >&2; exit 5");
  auto client = sandbox.connect();
  auto [in_read, in_write] = make_pipe();
  auto [out_read, out_write] = make_pipe();
  auto [err_read, err_write] = make_pipe();
  auto request = sandbox.create_request();
  {
    auto descriptors = ttrpc::DescriptorConnection::connect(sandbox.socket() + ".fd");
    const ttrpc::PassedDescriptor passed[]{{0, in_read.get()}, {1, out_write.get()}, {2, err_write.get()}};
    const auto token = descriptors.send(passed);
    request.set_stdin(ttrpc::descriptor_uri(token, 0));
    request.set_stdout(ttrpc::descriptor_uri(token, 1));
    request.set_stderr(ttrpc::descriptor_uri(token, 2));
    CHECK(client.create(request).pid() > 0);
  }
  in_read.reset();
  out_write.reset();
  err_write.reset();
  CHECK(client.state("c1").status() == containerd::v1::types::CREATED);
  CHECK(client.state("c1").stdin() == request.stdin());
  const auto pid = client.start("c1").pid();
  CHECK(client.connect_task("c1").task_pid() == pid);
  CHECK(client.connect_task("c1").shim_pid() == static_cast<std::uint32_t>(sandbox.pid));
  REQUIRE(client.pids("c1").processes_size() == 1);
  CHECK(code_of([&] { client.remove("c1"); }) == ErrorCode::failed_precondition);
  CHECK(code_of([&] { client.start("c1"); }) == ErrorCode::failed_precondition);
  CHECK(code_of([&] { client.create(request); }) == ErrorCode::already_exists);

  REQUIRE(::write(in_write.get(), "through\n", 8) == 8);
  in_write.reset();
  CHECK(read_all(out_read) == "through\n");
  CHECK(read_all(err_read) == "err\n");
  const auto exit = client.wait("c1", "", 20s);
  CHECK(exit.exit_status() == 5);
  CHECK(exit.exited_at().seconds() > 1'600'000'000);
  CHECK(client.state("c1").status() == containerd::v1::types::STOPPED);
  CHECK_THROWS_WITH(client.kill("c1", "", SIGTERM, false), "process already finished");
  CHECK(client.remove("c1").exit_status() == 5);
  CHECK(code_of([&] { client.state("c1"); }) == ErrorCode::not_found);
  client.shutdown("c1");
  CHECK(sandbox.wait_for_end() == 0);
  CHECK_FALSE(std::filesystem::exists(sandbox.socket()));
  CHECK(std::filesystem::exists(sandbox.state_dir)); // `nacre delete` removes it
}

TEST_CASE("execs run beside, and end with the connection when asked to") {
  SandboxUnderTest sandbox;
  sandbox.write_bundle("sleep 1000");
  auto client = sandbox.connect();
  client.create(sandbox.create_request());
  client.start("c1");
  const auto exec = [&](ttrpc::TaskClient& over, const std::string& id, const std::string& shell,
                        bool with_connection) {
    nacre::task::v1::ExecOptions options;
    options.set_process_json(R"({"args":["/bin/sh","-c",")" + shell + R"("],"env":["PATH=/usr/bin:/bin"]})");
    options.set_end_with_connection(with_connection);
    ttrpc::task::ExecProcessRequest request;
    request.set_id("c1");
    request.set_exec_id(id);
    ttrpc::pack_any(*request.mutable_spec(), options);
    over.exec(request);
    over.start("c1", id);
  };
  exec(client, "e1", "exit 3", false);
  CHECK(client.wait("c1", "e1", 20s).exit_status() == 3);
  CHECK(code_of([&] { exec(client, "e1", "exit 3", false); }) == ErrorCode::already_exists);
  CHECK(client.remove("c1", "e1").exit_status() == 3);
  CHECK(code_of([&] { client.state("c1", "e1"); }) == ErrorCode::not_found);
  CHECK(code_of([&] { client.wait("c1", "e2"); }) == ErrorCode::not_found);
  std::uint32_t waiting = 0;
  {
    auto other = sandbox.connect();
    exec(other, "e2", "sleep 1000", true);
    ttrpc::task::WaitRequest request;
    request.set_id("c1");
    request.set_exec_id("e2");
    waiting = client.client().send(ttrpc::task_service_v3, "Wait", request.SerializeAsString());
    CHECK(client.state("c1", "e2").status() == containerd::v1::types::RUNNING);
  }
  std::optional<std::string> answer;
  while (!answer) {
    pollfd entry{client.client().fd(), POLLIN, 0};
    REQUIRE(::poll(&entry, 1, 20'000) == 1);
    answer = client.client().try_receive(waiting);
  }
  ttrpc::task::WaitResponse ended;
  REQUIRE(ended.ParseFromString(*answer));
  CHECK(ended.exit_status() == 128 + SIGKILL);
  CHECK(client.state("c1").status() == containerd::v1::types::RUNNING);
  client.kill("c1", "", SIGKILL, true);
  client.wait("c1", "", 20s);
}

TEST_CASE("a creator that goes before the answer leaves nothing") {
  SandboxUnderTest sandbox;
  sandbox.write_bundle("true", R"({"fake.create": "block"})");
  {
    auto client = sandbox.connect();
    client.client().send(ttrpc::task_service_v2, "Create", sandbox.create_request().SerializeAsString());
  }
  CHECK(sandbox.wait_for_end() == 0);
  CHECK_FALSE(sandbox.left_anything());
}

TEST_CASE("a creator that goes before it has asked leaves nothing") {
  SandboxUnderTest sandbox;
  sandbox.connect();
  CHECK(sandbox.wait_for_end() == 0);
  CHECK_FALSE(sandbox.left_anything());
}

TEST_CASE("a container of nacre run ends with its connection") {
  SandboxUnderTest sandbox;
  sandbox.write_bundle("sleep 1000");
  {
    auto client = sandbox.connect();
    client.create(sandbox.create_request("c1", true));
    client.start("c1");
  }
  CHECK(sandbox.wait_for_end() == 0);
  CHECK_FALSE(sandbox.left_anything());
}

TEST_CASE("a container of nacre create outlives its connection") {
  SandboxUnderTest sandbox;
  sandbox.write_bundle("sleep 1000");
  {
    auto client = sandbox.connect();
    client.create(sandbox.create_request());
  }
  auto client = sandbox.connect();
  CHECK(client.state("c1").status() == containerd::v1::types::CREATED);
  client.shutdown("c1"); // not while there is a container
  client.kill("c1", "", SIGKILL, true);
  CHECK(client.wait("c1", "", 20s).exit_status() == 128 + SIGKILL);
  client.remove("c1");
}

TEST_CASE("a failed create says why, and the process goes with its caller") {
  SandboxUnderTest sandbox;
  sandbox.write_bundle("true", R"({"fake.create": "fail"})");
  {
    auto client = sandbox.connect();
    CHECK_THROWS_WITH(client.create(sandbox.create_request()), "create container: told to fail");
    CHECK(code_of([&] { client.state("c1"); }) == ErrorCode::not_found);
    auto request = sandbox.create_request("../c1");
    CHECK(code_of([&] { client.create(request); }) == ErrorCode::invalid_argument);
    request = sandbox.create_request();
    request.set_stdout("fd://" + std::string(32, 'f') + "/1");
    CHECK(code_of([&] { client.create(request); }) == ErrorCode::not_found);
  }
  CHECK(sandbox.wait_for_end() == 0);
  CHECK_FALSE(sandbox.left_anything());
}

TEST_CASE("SIGTERM ends the containers and leaves their state for a delete") {
  SandboxUnderTest sandbox;
  sandbox.write_bundle("sleep 1000");
  auto client = sandbox.connect();
  client.create(sandbox.create_request());
  const auto container = static_cast<pid_t>(client.start("c1").pid());
  ::kill(sandbox.pid, SIGTERM);
  CHECK(sandbox.wait_for_end() == 0);
  CHECK(::kill(container, 0) < 0);
  CHECK(std::filesystem::exists(sandbox.state_dir));
  CHECK_FALSE(std::filesystem::exists(sandbox.socket()));
  CHECK(code_of([&] { client.state("c1"); }) == ErrorCode::unavailable);
}

TEST_CASE("unknown calls are unimplemented") {
  SandboxUnderTest sandbox;
  auto client = sandbox.connect();
  CHECK(code_of([&] { client.client().call(ttrpc::task_service_v2, "Dance", ""); }) ==
        ErrorCode::unimplemented);
  CHECK(code_of([&] { client.checkpoint("none", "/image"); }) == ErrorCode::not_found);
  CHECK(code_of([&] { client.client().call(ttrpc::task_service_v2, "Create", "\xff"); }) ==
        ErrorCode::invalid_argument);
  CHECK(client.connect_task("none").shim_pid() == static_cast<std::uint32_t>(sandbox.pid));
}
