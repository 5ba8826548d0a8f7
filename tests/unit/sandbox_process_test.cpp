#include "catch.hpp"

#include "fake_agent.hpp"
#include "sandbox/process.hpp"

#include <csignal>
#include <fcntl.h>
#include <future>
#include <unistd.h>

using namespace nacre::sandbox;
using nacre::UniqueFd;
using nacre::agent_client::IoLoop;
using nacre::fakes::FakeAgent;
using nacre::fakes::StdioServer;
using Frame = nacre::agent::v1::StdioFrame;
using namespace std::chrono_literals;

namespace {

[[maybe_unused]] const auto sigpipe_ignored = ::signal(SIGPIPE, SIG_IGN);

struct Pipe {
  Pipe() {
    int fds[2];
    REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
    read_end = UniqueFd(fds[0]);
    write_end = UniqueFd(fds[1]);
  }
  UniqueFd read_end, write_end;
};

void send(StdioServer& stream, Frame::Channel channel, const std::string& bytes, bool eof) {
  Frame frame;
  frame.mutable_data()->set_channel(channel);
  frame.mutable_data()->set_bytes(bytes);
  frame.mutable_data()->set_eof(eof);
  stream.Write(frame);
}

// A process with one output pipe; what happens to it is written down in order.
struct Fixture {
  Fixture() {
    GuestProcess::Callbacks callbacks;
    callbacks.stopping = [this](GuestProcess& p) {
      log += "stopping " + std::to_string(p.state().exit_status) + ";";
    };
    callbacks.stopped = [this](GuestProcess&, const ProcessState&) {
      log += "stopped;";
      over.set_value();
    };
    callbacks.holder_died = [](GuestProcess&) {};
    ProcessIo io;
    io.out = std::move(out.write_end);
    process = GuestProcess::create(
        loop, [this] { return client; }, "c1", "", "/bundle", std::move(io), callbacks);
  }
  ~Fixture() {
    process->lost(255);
    process.reset();
    if (client) {
      client->disconnect();
      client->wait_idle();
    }
  }
  void connect() {
    client = agent.connect(loop);
    process->connect_stdio(client);
  }
  bool ends_within(std::chrono::milliseconds time) {
    return over.get_future().wait_for(time) == std::future_status::ready;
  }

  IoLoop loop;
  FakeAgent agent;
  std::shared_ptr<nacre::agent_client::AgentClient> client;
  Pipe out;
  std::string log;
  std::promise<void> over;
  std::shared_ptr<GuestProcess> process;
};

} // namespace

TEST_CASE("a process goes from created over running to stopped, and not back") {
  Fixture f;
  CHECK(f.process->state().status == ProcessStatus::created);
  f.process->started();
  CHECK(f.process->state().status == ProcessStatus::running);
  f.process->lost(137);
  CHECK(f.process->state().status == ProcessStatus::stopped);
  CHECK(f.process->state().exit_status == 137);
  f.process->started();
  f.process->set_paused(true);
  CHECK(f.process->state().status == ProcessStatus::stopped);
  CHECK(f.process->ever_started());
}

TEST_CASE("the exit is reported after the last byte was delivered") {
  Fixture f;
  std::promise<void> exit_was_sent;
  f.agent.on_stdio = [&](StdioServer& stream) {
    exit_was_sent.get_future().wait();
    send(stream, Frame::STDERR, "", true);
    send(stream, Frame::STDOUT, "last words", true);
    Frame frame;
    while (stream.Read(&frame)) {
    }
    return grpc::Status::OK;
  };
  f.connect();
  f.process->started();
  f.process->exited(3);
  f.loop.run([] {});
  CHECK(f.process->state().status == ProcessStatus::running);
  exit_was_sent.set_value();
  REQUIRE(f.ends_within(20s));
  char bytes[64];
  CHECK(::read(f.out.read_end.get(), bytes, sizeof(bytes)) == 10);
  CHECK(::read(f.out.read_end.get(), bytes, sizeof(bytes)) == 0); // closed before the end was told
  f.process->wait_stopped();
  CHECK(f.log == "stopping 3;stopped;");
  CHECK(f.process->state().exit_status == 3);
}

TEST_CASE("a reader that sleeps holds up the end for a moment only, and loses nothing") {
  Fixture f;
  const std::string text(200000, 'x');
  f.agent.on_stdio = [&](StdioServer& stream) {
    send(stream, Frame::STDERR, "", true);
    send(stream, Frame::STDOUT, text, true);
    Frame frame;
    while (stream.Read(&frame)) {
    }
    return grpc::Status::OK;
  };
  f.connect();
  f.process->started();
  f.process->exited(0);
  REQUIRE(f.ends_within(20s));
  std::string got;
  char bytes[65536];
  for (ssize_t count; (count = ::read(f.out.read_end.get(), bytes, sizeof(bytes))) > 0;)
    got.append(bytes, static_cast<std::size_t>(count));
  CHECK(got == text);
}

TEST_CASE("a guest that is slow to send the rest is waited for") {
  Fixture f;
  std::promise<void> rest;
  f.agent.on_stdio = [&](StdioServer& stream) {
    send(stream, Frame::STDERR, "", true);
    rest.get_future().wait();
    send(stream, Frame::STDOUT, "the rest", true);
    Frame frame;
    while (stream.Read(&frame)) {
    }
    return grpc::Status::OK;
  };
  f.connect();
  f.process->started();
  f.process->exited(0);
  auto end = f.over.get_future();
  CHECK(end.wait_for(1500ms) == std::future_status::timeout); // longer than a reader may sleep
  rest.set_value();
  REQUIRE(end.wait_for(20s) == std::future_status::ready);
  char bytes[64];
  CHECK(::read(f.out.read_end.get(), bytes, sizeof(bytes)) == 8);
}

TEST_CASE("who waits for an exit is called once, also when it is over") {
  Fixture f;
  int calls = 0;
  f.process->on_exit([&](const ProcessState& state) { calls += state.exit_status == 9 ? 1 : 100; });
  f.process->lost(9);
  f.process->lost(10);
  f.process->on_exit([&](const ProcessState& state) { calls += state.exit_status == 9 ? 1 : 100; });
  CHECK(calls == 2);
}
