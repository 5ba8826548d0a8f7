#include "catch.hpp"

#include "base/error.hpp"
#include "ttrpc/client.hpp"
#include "ttrpc/proto/wire.pb.h"
#include "ttrpc/server.hpp"

#include <atomic>
#include <future>
#include <sys/socket.h>
#include <thread>

using namespace nacre;
using namespace nacre::ttrpc;
using namespace std::chrono_literals;

namespace {

std::pair<UniqueFd, UniqueFd> socket_pair() {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// A server whose loop runs on a thread of its own, with one service "echo".
class RunningServer {
public:
  explicit RunningServer(Handler handler, ServerLimits limits = {})
      : server_(std::make_unique<Server>(loop_, limits, [this](const std::string& line) {
          const std::lock_guard lock(mutex_);
          log_ += line + "\n";
        })) {
    server_->add_service("echo", std::move(handler));
    server_->on_connection_closed([this](ConnectionId) { closed_.set_value(); });
  }
  ~RunningServer() {
    if (thread_.joinable()) {
      loop_.stop();
      thread_.join();
    }
  }
  UniqueFd connect() {
    auto [ours, theirs] = socket_pair();
    std::promise<void> done;
    auto shared = std::make_shared<UniqueFd>(std::move(theirs));
    loop_.post([this, shared, &done] {
      server_->add_connection(std::move(*shared));
      done.set_value();
    });
    if (!thread_.joinable()) thread_ = std::thread([this] { loop_.run(); });
    done.get_future().wait();
    return std::move(ours);
  }
  void wait_until_closed() { REQUIRE(closed_.get_future().wait_for(10s) == std::future_status::ready); }
  std::string log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

private:
  EventLoop loop_;
  std::mutex mutex_;
  std::string log_;
  std::promise<void> closed_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

void echo(Request request, Responder responder) {
  responder.reply(request.method + ":" + request.payload);
}

void write_all(const UniqueFd& fd, std::string_view bytes) {
  REQUIRE(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

// The next response on a raw socket; empty when the server closed.
std::optional<std::pair<std::uint32_t, wire::Response>> read_response(const UniqueFd& fd,
                                                                      FrameReader& reader) {
  for (;;) {
    if (auto frame = reader.next()) {
      CHECK(frame->type == 2);
      wire::Response response;
      REQUIRE(response.ParseFromString(frame->payload));
      return std::pair(frame->stream, response);
    }
    char bytes[4096];
    const auto count = ::recv(fd.get(), bytes, sizeof(bytes), 0);
    if (count <= 0) return std::nullopt;
    reader.feed(std::string_view(bytes, static_cast<std::size_t>(count)));
  }
}

std::string request_frame(std::uint32_t stream, const std::string& service, const std::string& payload = {}) {
  wire::Request request;
  request.set_service(service);
  request.set_method("Say");
  request.set_payload(payload);
  return encode_frame(stream, FrameType::request, request.SerializeAsString());
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

TEST_CASE("a call is answered, up to the size limit") {
  RunningServer server(echo);
  Client client(server.connect());
  CHECK(client.call("echo", "Say", "hello") == "Say:hello");
  const std::string large(4'000'000, 'x');
  CHECK(client.call("echo", "Say", large) == "Say:" + large);
}

TEST_CASE("an exception of a handler is the caller's error") {
  RunningServer server([](Request, Responder) {
    throw Error(ErrorCode::failed_precondition, "start container", "c1").because("it is stopped");
  });
  Client client(server.connect());
  CHECK(code_of([&] { client.call("echo", "Say", ""); }) == ErrorCode::failed_precondition);
  CHECK_THROWS_WITH(client.call("echo", "Say", ""), "start container \"c1\": it is stopped");
}

TEST_CASE("an unknown service is unimplemented, a lost responder is an internal error") {
  RunningServer server([](Request, Responder) {});
  Client client(server.connect());
  CHECK(code_of([&] { client.call("nothing", "Say", ""); }) == ErrorCode::unimplemented);
  CHECK(code_of([&] { client.call("echo", "Say", ""); }) == ErrorCode::internal);
}

TEST_CASE("calls of one connection run side by side and answers come in any order") {
  std::promise<void> second_came;
  RunningServer server([&](Request request, Responder responder) {
    if (request.payload == "first") second_came.get_future().wait();
    if (request.payload == "second") second_came.set_value();
    responder.reply(request.payload);
  });
  auto socket = server.connect();
  FrameReader reader;
  write_all(socket, request_frame(1, "echo", "first") + request_frame(3, "echo", "second"));
  for (int i = 0; i < 2; ++i) {
    const auto answer = read_response(socket, reader);
    REQUIRE(answer);
    CHECK(answer->second.payload() == (answer->first == 1 ? "first" : "second"));
  }
}

TEST_CASE("an answer may come later, from another thread, and waiting takes no worker") {
  std::mutex mutex;
  std::vector<Responder> waiting;
  std::promise<void> all_there;
  ServerLimits limits;
  limits.workers = 2;
  RunningServer server(
      [&](Request request, Responder responder) {
        if (request.payload == "now") return responder.reply("done");
        const std::lock_guard lock(mutex);
        waiting.push_back(responder);
        if (waiting.size() == 50) all_there.set_value();
      },
      limits);
  auto socket = server.connect();
  for (std::uint32_t i = 0; i < 50; ++i)
    write_all(socket, request_frame(2 * i + 1, "echo", "wait"));
  all_there.get_future().wait();
  write_all(socket, request_frame(201, "echo", "now"));
  FrameReader reader;
  auto answer = read_response(socket, reader);
  REQUIRE(answer);
  CHECK(answer->first == 201);
  std::thread([&] {
    const std::lock_guard lock(mutex);
    for (const auto& responder : waiting) {
      responder.reply("late");
      responder.reply("ignored");
    }
  }).join();
  for (int i = 0; i < 50; ++i) {
    answer = read_response(socket, reader);
    REQUIRE(answer);
    CHECK(answer->second.payload() == "late");
  }
}

TEST_CASE("a timeout leaves the connection usable") {
  std::promise<Responder> held;
  RunningServer server([&](Request request, Responder responder) {
    if (request.payload == "slow")
      held.set_value(responder);
    else
      responder.reply("quick");
  });
  Client client(server.connect());
  CHECK(code_of([&] { client.call("echo", "Say", "slow", 20ms); }) == ErrorCode::deadline_exceeded);
  held.get_future().get().reply("too late");
  CHECK(client.call("echo", "Say", "fast", 10s) == "quick");
}

TEST_CASE("a server that goes away ends the call") {
  auto [ours, theirs] = socket_pair();
  Client client(std::move(ours));
  theirs.reset();
  CHECK(code_of([&] { client.call("echo", "Say", ""); }) == ErrorCode::unavailable);
}

TEST_CASE("the loss of a connection is noticed while its call runs") {
  std::promise<Responder> held;
  RunningServer server([&](Request, Responder responder) { held.set_value(responder); });
  {
    auto socket = server.connect();
    write_all(socket, request_frame(1, "echo"));
    held.get_future().wait();
  }
  server.wait_until_closed();
  CHECK(server.log().empty());
}

TEST_CASE("what a peer sends wrongly is refused, and answered where ttrpc says so") {
  RunningServer server(echo);
  auto socket = server.connect();
  FrameReader reader;

  SECTION("frames of unknown type are ignored, even stream numbers and data without a stream are errors") {
    auto unknown = encode_frame(1, FrameType::request, "future");
    unknown[8] = 9;
    write_all(socket, unknown);
    write_all(socket, request_frame(2, "echo"));
    auto answer = read_response(socket, reader);
    REQUIRE(answer);
    CHECK(answer->first == 2);
    CHECK(answer->second.status().code() == 3);
    write_all(socket, encode_frame(3, FrameType::data, "x"));
    answer = read_response(socket, reader);
    REQUIRE(answer);
    CHECK(answer->second.status().code() == 3);
    write_all(socket, request_frame(5, "echo", "still here"));
    answer = read_response(socket, reader);
    REQUIRE(answer);
    CHECK(answer->second.payload() == "Say:still here");
  }
  SECTION("an oversized message is answered") {
    auto header = encode_frame(1, FrameType::request, "");
    header[1] = 0x50;
    write_all(socket, header);
    const std::string part(1 << 16, 'x');
    for (std::size_t sent = 0; sent < 0x500000; sent += part.size())
      write_all(socket, part);
    const auto answer = read_response(socket, reader);
    REQUIRE(answer);
    CHECK(answer->second.status().code() == 8);
  }
  SECTION("no protobuf in the payload closes the connection") {
    write_all(socket, encode_frame(1, FrameType::request, "\xff\xff\xff"));
    const auto answer = read_response(socket, reader);
    if (answer) CHECK(answer->second.status().code() == 3);
    CHECK_FALSE(read_response(socket, reader));
    server.wait_until_closed();
    CHECK(server.log() == "closed a connection: a payload is no ttrpc request\n");
  }
  SECTION("an answer from a client closes the connection") {
    write_all(socket, encode_frame(1, FrameType::response, ""));
    CHECK_FALSE(read_response(socket, reader));
    server.wait_until_closed();
    CHECK(server.log() == "closed a connection: the peer answered what was not asked\n");
  }
  SECTION("half a message is reported") {
    write_all(socket, request_frame(1, "echo").substr(0, 5));
    socket.reset();
    server.wait_until_closed();
    CHECK(server.log() == "closed a connection: the peer left in the middle of a message\n");
  }
}

TEST_CASE("a stream number in use, and too many calls, are refused") {
  std::mutex mutex;
  std::vector<Responder> waiting;
  ServerLimits limits;
  limits.requests_per_connection = 3;
  RunningServer server(
      [&](Request, Responder responder) {
        const std::lock_guard lock(mutex);
        waiting.push_back(responder);
      },
      limits);
  auto socket = server.connect();
  FrameReader reader;
  for (const std::uint32_t stream : {1, 3, 5, 7})
    write_all(socket, request_frame(stream, "echo"));
  const auto answer = read_response(socket, reader);
  REQUIRE(answer);
  CHECK(answer->first == 7);
  CHECK(answer->second.status().code() == 8);
  write_all(socket, request_frame(3, "echo"));
  CHECK_FALSE(read_response(socket, reader));
  server.wait_until_closed();
  CHECK(server.log() == "closed a connection: stream 3 was used again before its answer\n");
}

TEST_CASE("connecting says what is missing") {
  CHECK(code_of([] { Client::connect("/nonexistent/socket"); }) == ErrorCode::not_found);
  CHECK(code_of([] { Client::connect("/" + std::string(200, 'x')); }) == ErrorCode::invalid_argument);
}
