// Stdio URIs, the descriptor socket and logging programs, on real descriptors.
#include "catch.hpp"

#include "base/error.hpp"
#include "shim/stdio.hpp"
#include "ttrpc/proto/nacre_task.pb.h"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>

using namespace nacre;
using namespace nacre::shim;
using namespace std::chrono_literals;

namespace {

const std::string token(32, 'a');

class Folder {
public:
  Folder() {
    char name[] = "/tmp/nacre-test-XXXXXX";
    REQUIRE(::mkdtemp(name));
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string fifo(const std::string& name) const {
    REQUIRE(::mkfifo((path + "/" + name).c_str(), 0600) == 0);
    return path + "/" + name;
  }
  std::string path;
};

UniqueFd open_file(const std::string& path, int flags) {
  return UniqueFd(::open(path.c_str(), flags | O_CLOEXEC));
}

std::string read_all(const UniqueFd& fd) {
  std::string all;
  char bytes[4096];
  for (ssize_t count; (count = ::read(fd.get(), bytes, sizeof(bytes))) > 0;)
    all.append(bytes, count);
  return all;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void say(const UniqueFd& fd, std::string_view text) {
  REQUIRE(::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

OpenedStdio open_uris(const StdioUris& uris) {
  DescriptorBundle none;
  return open_stdio(uris, none, {"c1", "ns"});
}

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

TEST_CASE("stdio URIs are taken apart") {
  CHECK(parse_stdio_uri("/run/fifo").scheme == "fifo");
  CHECK(parse_stdio_uri("/run/a%20b").path == "/run/a%20b");
  CHECK(parse_stdio_uri("fifo:///run/a%20b").path == "/run/a b");
  const auto binary = parse_stdio_uri("binary:///bin/logger?-x=1&flag&name=a%3Db");
  CHECK(binary.path == "/bin/logger");
  const std::vector<std::pair<std::string, std::string>> query{{"-x", "1"}, {"flag", ""}, {"name", "a=b"}};
  CHECK(binary.query == query);
  const auto descriptor = parse_stdio_uri("fd://" + token + "/2");
  CHECK(descriptor.token == token);
  CHECK(descriptor.slot == 2);
  for (const std::string bad : {"", "relative", "http://x/y", "file://relative", "fd://short/0",
                                "fifo:///a%2", "fifo:///a%zz", "fifo:///a%00"})
    CHECK(code_of([&] { parse_stdio_uri(bad); }) == ErrorCode::invalid_argument);
  for (const std::string bad : {"", "x", "1x", "-1", "99999999999"})
    CHECK(code_of([&] { parse_stdio_uri("fd://" + token + "/" + bad); }) == ErrorCode::invalid_argument);
  CHECK(stdio_token({"fd://" + token + "/0", "/fifo", "", false}) == token);
  CHECK(stdio_token({"", "/fifo", "", false}).empty());
  CHECK_THROWS_AS(stdio_token({"fd://" + token + "/0", "fd://" + std::string(32, 'b') + "/1", "", false}),
                  Error);
}

TEST_CASE("an output fifo waits for its reader, outlives it, and ends with us") {
  const Folder folder;
  const auto path = folder.fifo("out");
  auto opening = std::async(std::launch::async, [&] { return open_uris({"", path, "", false}); });
  CHECK(opening.wait_for(50ms) == std::future_status::timeout);
  auto reader = open_file(path, O_RDONLY);
  auto opened = opening.get();
  CHECK_FALSE(opened.io.in);
  CHECK_FALSE(opened.io.err);
  say(opened.io.out, "one");
  reader.reset();
  ::signal(SIGPIPE, SIG_IGN);
  say(opened.io.out, "two"); // no broken pipe
  reader = open_file(path, O_RDONLY);
  opened.io.out.reset();
  CHECK(read_all(reader) == "onetwo"); // and then the end, though the keeper is still open
}

TEST_CASE("a stdin fifo ends when its keeper is closed and its writers are gone") {
  const Folder folder;
  const auto path = folder.fifo("in");
  auto opened = open_uris({path, "", "", false}); // waits for nobody
  CHECK((::fcntl(opened.io.in.get(), F_GETFL) & O_NONBLOCK) == 0);
  auto writer = open_file(path, O_WRONLY);
  say(writer, "one");
  writer.reset();
  writer = open_file(path, O_WRONLY); // another client attaches
  say(writer, "two");
  opened.stdin_keeper.reset(); // CloseIO
  say(writer, "three");
  writer.reset();
  CHECK(read_all(opened.io.in) == "onetwothree");
}

TEST_CASE("file:// appends both streams, in folders that it makes") {
  const Folder folder;
  const auto path = folder.path + "/deep/er/log";
  std::filesystem::create_directories(folder.path + "/deep/er");
  std::ofstream(path) << "old ";
  {
    auto opened = open_uris({"", "file://" + path, "", false});
    say(opened.io.out, "out ");
    say(opened.io.err, "err ");
    say(opened.io.out, "out");
  }
  CHECK(text_of(path) == "old out err out");
  auto made = open_uris({"", "file://" + folder.path + "/new/log", "", true});
  CHECK(std::filesystem::exists(folder.path + "/new/log"));
  CHECK_FALSE(made.io.err);
  CHECK(made.io.terminal);
}

TEST_CASE("missing stdio is said with its path") {
  CHECK(code_of([] { open_uris({"", "/nonexistent/fifo", "", false}); }) == ErrorCode::not_found);
  CHECK(code_of([] { open_uris({"file:///x", "", "", false}); }) == ErrorCode::invalid_argument);
  CHECK(code_of([] { open_uris({"", "", "binary:///bin/true", false}); }) == ErrorCode::invalid_argument);
}

TEST_CASE("a logging program gets both streams, its arguments and the container's name") {
  const Folder folder;
  const auto program = folder.path + "/logger";
  std::ofstream(program)
      << "#!/bin/sh\nexec 5>&-\n{ echo $CONTAINER_ID $CONTAINER_NAMESPACE $*; cat <&3; cat <&4; } > "
      << folder.path << "/log\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  {
    auto opened = open_uris({"", "binary://" + program + "?key=value", "", false});
    say(opened.io.out, "out\n");
    say(opened.io.err, "err\n");
    opened.io = {};
  }
  CHECK(text_of(folder.path + "/log") == "c1 ns key value\nout\nerr\n");
  CHECK(code_of([&] {
          open_uris({"", "binary://" + folder.path + "/missing", "", false});
        }) == ErrorCode::not_found);
}

TEST_CASE("descriptors cross the socket under a token and are taken once") {
  int ends[2], pipe_ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  REQUIRE(::pipe2(pipe_ends, O_CLOEXEC) == 0);
  UniqueFd client(ends[0]), read_end(pipe_ends[0]), write_end(pipe_ends[1]);
  ttrpc::EventLoop loop;
  std::string log;
  DescriptorSocket socket(loop, [&](const std::string& line) { log = line; });
  socket.add_connection(UniqueFd(ends[1]));
  std::thread thread([&] { loop.run(); });
  const auto exchange = [&](const nacre::task::v1::FdBundle& bundle, std::vector<int> fds) {
    ttrpc::send_packet(client.get(), bundle.SerializeAsString(), fds);
    nacre::task::v1::FdBundleReply reply;
    REQUIRE(reply.ParseFromString(ttrpc::receive_packet(client.get(), 0).payload));
    return reply.error();
  };
  nacre::task::v1::FdBundle bundle;
  bundle.set_token(token);
  bundle.add_slots(1);
  bundle.add_slots(3);
  CHECK(exchange(bundle, {write_end.get()}) == "2 slots are named and 1 descriptors came");
  CHECK(exchange(bundle, {write_end.get(), client.get()}).empty());
  CHECK(exchange(bundle, {write_end.get(), client.get()}) == "the token is in use");
  write_end.reset();

  auto taken = socket.take(token);
  CHECK(taken.size() == 2);
  auto opened = open_stdio({"", "fd://" + token + "/1", "", false}, taken, {});
  say(opened.io.out, "through");
  CHECK(code_of([&] {
          open_stdio({"", "fd://" + token + "/2", "", false}, taken, {});
        }) == ErrorCode::invalid_argument);
  opened.io = {};
  taken.clear();
  CHECK(read_all(read_end) == "through"); // and the end: no copy is left anywhere
  CHECK(code_of([&] { socket.take(token); }) == ErrorCode::not_found);

  bundle.set_token("x");
  CHECK_FALSE(exchange(bundle, {0, 0}).empty());
  bundle.set_token(token);
  bundle.set_slots(1, 1);
  CHECK(exchange(bundle, {0, 0}) == "slot 1 is named twice");
  ttrpc::send_packet(client.get(), "\xff\xff", {});
  CHECK_FALSE(ttrpc::receive_packet(client.get(), 0).payload.empty());
  loop.stop();
  thread.join();
}

TEST_CASE("bundles go with the connection that sent them") {
  int ends[2], pipe_ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  REQUIRE(::pipe2(pipe_ends, O_CLOEXEC) == 0);
  UniqueFd client(ends[0]), read_end(pipe_ends[0]), write_end(pipe_ends[1]);
  ttrpc::EventLoop loop;
  DescriptorSocket socket(loop, [](const std::string&) {});
  socket.add_connection(UniqueFd(ends[1]));
  std::thread thread([&] { loop.run(); });
  nacre::task::v1::FdBundle bundle;
  bundle.set_token(token);
  bundle.add_slots(1);
  const int fds[]{write_end.get()};
  ttrpc::send_packet(client.get(), bundle.SerializeAsString(), fds);
  ttrpc::receive_packet(client.get(), 0);
  write_end.reset();
  client.reset();
  CHECK(read_all(read_end).empty()); // the end comes when the bundle is closed
  CHECK(code_of([&] { socket.take(token); }) == ErrorCode::not_found);
  loop.stop();
  thread.join();
}
