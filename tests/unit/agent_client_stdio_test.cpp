#include "catch.hpp"

#include "agent_client/agent_client.hpp"
#include "agent_client/event_stream.hpp"
#include "agent_client/stdio_pump.hpp"
#include "fake_agent.hpp"

#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <future>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace nacre::agent_client;
using nacre::Error;
using nacre::UniqueFd;
using nacre::fakes::FakeAgent;
using nacre::fakes::StdioServer;
using Frame = nacre::agent::v1::StdioFrame;
using namespace std::chrono_literals;

namespace {

// The test's own writers meet closed readers; the relay must not need this.
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

std::string read_to_end(int fd) {
  std::string all;
  char bytes[65536];
  ssize_t got;
  while ((got = ::read(fd, bytes, sizeof(bytes))) > 0)
    all.append(bytes, static_cast<std::size_t>(got));
  return all;
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

// The agent's side of one stream.
struct Peer {
  explicit Peer(StdioServer& server, std::uint64_t stdin_offset = 0) : stream(server) {
    Frame frame;
    if (!stream.Read(&frame)) return;
    open = frame.open();
    acknowledge(Frame::STDIN, stdin_offset);
  }
  void acknowledge(Frame::Channel channel, std::uint64_t offset) {
    Frame frame;
    frame.mutable_ack()->set_channel(channel);
    frame.mutable_ack()->set_offset(offset);
    stream.Write(frame);
  }
  void send(Frame::Channel channel, std::uint64_t offset, const std::string& bytes, bool eof = false) {
    Frame frame;
    frame.mutable_data()->set_channel(channel);
    frame.mutable_data()->set_offset(offset);
    frame.mutable_data()->set_bytes(bytes);
    frame.mutable_data()->set_eof(eof);
    stream.Write(frame);
  }
  void drain() {
    Frame frame;
    while (stream.Read(&frame)) {
    }
  }
  StdioServer& stream;
  Frame::Open open;
};

// Declared after what the test's agent refers to: its threads end with it.
struct Fixture {
  ~Fixture() {
    if (pump) pump->abort();
    pump.reset();
    if (client) {
      client->disconnect();
      client->wait_idle();
    }
  }
  void start(StdioEnds ends) {
    client = agent.connect(loop);
    pump = StdioPump::create(loop, "c1", "", std::move(ends), [this] { drained.set_value(); });
    pump->connect(client);
  }
  void wait_drained() { REQUIRE(drained.get_future().wait_for(20s) == std::future_status::ready); }

  std::promise<void> drained; // set on the loop's thread, so it outlives the loop
  IoLoop loop;
  FakeAgent agent;
  std::shared_ptr<AgentClient> client;
  std::shared_ptr<StdioPump> pump;
};

} // namespace

TEST_CASE("output arrives whole and in order, and each descriptor is closed when its channel ends") {
  Fixture f;
  f.agent.on_stdio = [](StdioServer& server) {
    Peer peer(server);
    peer.send(Frame::STDOUT, 0, "hel");
    peer.send(Frame::STDERR, 0, "oops", true);
    peer.send(Frame::STDOUT, 3, "lo", true);
    peer.drain();
    return grpc::Status::OK;
  };
  Pipe out, err;
  f.start({UniqueFd(), std::move(out.write_end), std::move(err.write_end), false});
  CHECK(read_to_end(err.read_end.get()) == "oops");
  CHECK(read_to_end(out.read_end.get()) == "hello");
  f.wait_drained();
}

TEST_CASE("stdin is relayed to its end of file") {
  std::promise<std::string> received;
  Fixture f;
  f.agent.on_stdio = [&](StdioServer& server) {
    Peer peer(server);
    std::string all;
    Frame frame;
    while (server.Read(&frame)) {
      if (!frame.has_data()) continue;
      CHECK(frame.data().offset() == all.size());
      all += frame.data().bytes();
      peer.acknowledge(Frame::STDIN, all.size());
      if (frame.data().eof()) break;
    }
    received.set_value(all);
    peer.send(Frame::STDOUT, 0, "", true);
    peer.send(Frame::STDERR, 0, "", true);
    peer.drain();
    return grpc::Status::OK;
  };
  Pipe in;
  f.start({std::move(in.read_end), UniqueFd(), UniqueFd(), false});
  const std::string text(1 << 20, 'x');
  write_all(in.write_end.get(), text);
  in.write_end.reset();
  CHECK(received.get_future().get() == text);
  f.wait_drained();
}

TEST_CASE("stdin of a regular file and of a closed pipe reach their end as well") {
  const bool file = GENERATE(true, false);
  std::promise<std::string> received;
  Fixture f;
  f.agent.on_stdio = [&](StdioServer& server) {
    Peer peer(server);
    std::string all;
    Frame frame;
    while (server.Read(&frame)) {
      if (!frame.has_data()) continue;
      all += frame.data().bytes();
      if (frame.data().eof()) break;
    }
    received.set_value(all);
    return grpc::Status::OK;
  };
  UniqueFd in;
  std::string expected;
  if (file) {
    in = UniqueFd(::memfd_create("input", MFD_CLOEXEC));
    expected = "some text";
    write_all(in.get(), expected);
    ::lseek(in.get(), 0, SEEK_SET);
  } else {
    Pipe pipe;
    in = std::move(pipe.read_end);
  }
  f.start({std::move(in), UniqueFd(), UniqueFd(), false});
  auto future = received.get_future();
  REQUIRE(future.wait_for(20s) == std::future_status::ready);
  CHECK(future.get() == expected);
}

TEST_CASE("no more than the window is read ahead of the guest") {
  std::atomic<std::uint64_t> received = 0;
  std::promise<void> full;
  Fixture f;
  f.agent.on_stdio = [&](StdioServer& server) {
    Peer peer(server);
    Frame frame;
    while (server.Read(&frame)) {
      received += frame.data().bytes().size();
      if (received == stdio_window_bytes) full.set_value();
    }
    return grpc::Status::OK;
  };
  Pipe in;
  f.start({std::move(in.read_end), UniqueFd(), UniqueFd(), false});
  std::thread writer([&] { write_all(in.write_end.get(), std::string(1 << 20, 'x')); });
  full.get_future().get();
  f.loop.run([] {});
  CHECK(received == stdio_window_bytes);
  f.pump->abort(); // closes the read end, so the writer ends with EPIPE
  f.loop.run([] {});
  writer.join();
}

TEST_CASE("a sleeping reader stops its own channel only, and nothing is lost when it wakes") {
  std::atomic<std::uint64_t> acknowledged = 0;
  const std::string text(stdio_window_bytes, 'o');
  Fixture f;
  f.agent.on_stdio = [&](StdioServer& server) {
    Peer peer(server);
    for (std::size_t i = 0; i < text.size(); i += 65536)
      peer.send(Frame::STDOUT, i, text.substr(i, 65536));
    peer.send(Frame::STDOUT, text.size(), "", true);
    peer.send(Frame::STDERR, 0, "still here", true);
    peer.drain();
    return grpc::Status::OK;
  };
  Pipe out, err;
  const int flags_before = ::fcntl(out.write_end.get(), F_GETFL);
  const UniqueFd shared(::fcntl(out.write_end.get(), F_DUPFD_CLOEXEC, 3)); // the caller's copy
  f.start({UniqueFd(), std::move(out.write_end), std::move(err.write_end), false});
  CHECK(read_to_end(err.read_end.get()) == "still here");
  CHECK(::fcntl(shared.get(), F_GETFL) == flags_before);
  std::string got(text.size(), '\0');
  std::size_t at = 0;
  while (at < got.size()) {
    const ssize_t part = ::read(out.read_end.get(), got.data() + at, got.size() - at);
    REQUIRE(part > 0);
    at += static_cast<std::size_t>(part);
  }
  CHECK(got == text);
  f.wait_drained();
}

TEST_CASE("a guest that sends more than its credit loses its stream") {
  std::promise<bool> ended;
  Fixture f;
  f.agent.on_stdio = [&](StdioServer& server) {
    Peer peer(server);
    std::uint64_t offset = 0;
    for (int i = 0; i < 64; ++i, offset += 65536)
      peer.send(Frame::STDOUT, offset, std::string(65536, 'x'));
    Frame frame;
    while (server.Read(&frame)) {
    }
    ended.set_value(true);
    return grpc::Status::OK;
  };
  Pipe out;
  f.start({UniqueFd(), std::move(out.write_end), UniqueFd(), false});
  auto future = ended.get_future();
  CHECK(future.wait_for(20s) == std::future_status::ready);
}

TEST_CASE("after a reconnect both sides go on where the other stopped") {
  std::atomic<int> connection = 0;
  std::promise<void> first_half;
  std::promise<std::string> received;
  Frame::Open second_open;
  Fixture f;
  f.agent.on_stdio = [&](StdioServer& server) {
    if (connection++ == 0) {
      Peer peer(server);
      peer.send(Frame::STDOUT, 0, "first ");
      Frame frame;
      std::string seen;
      bool acknowledged = false;
      while ((seen.size() < 6 || !acknowledged) && server.Read(&frame)) {
        seen += frame.data().bytes();
        acknowledged = acknowledged || (frame.has_ack() && frame.ack().offset() == 6);
      }
      first_half.set_value();
      peer.drain();
      return grpc::Status::OK;
    }
    Peer peer(server, 2); // only two bytes of stdin were delivered
    second_open = peer.open;
    peer.send(Frame::STDOUT, 0, "first second", true); // starts too early: the known part is skipped
    peer.send(Frame::STDERR, 0, "", true);
    std::string all;
    Frame frame;
    while (server.Read(&frame)) {
      all += frame.data().bytes();
      if (frame.data().eof()) break;
    }
    received.set_value(all);
    peer.drain();
    return grpc::Status::OK;
  };
  Pipe in, out;
  f.start({std::move(in.read_end), std::move(out.write_end), UniqueFd(), false});
  write_all(in.write_end.get(), "abcdef");
  first_half.get_future().get();
  const auto old = std::exchange(f.client, f.agent.connect(f.loop));
  in.write_end.reset();
  f.pump->connect(f.client);
  CHECK(received.get_future().get() == "cdef");
  CHECK(second_open.stdout_offset() == 6);
  CHECK(read_to_end(out.read_end.get()) == "first second");
  f.wait_drained();
  old->disconnect();
  old->wait_idle();
}

TEST_CASE("the guest is told when nobody reads its output any more") {
  std::promise<int> told;
  Fixture f;
  f.agent.on_stdio = [&](StdioServer& server) {
    Peer peer(server);
    peer.send(Frame::STDOUT, 0, "y\n");
    Frame frame;
    while (server.Read(&frame)) {
      if (frame.has_data() && frame.data().eof()) told.set_value(frame.data().channel());
    }
    return grpc::Status::OK;
  };
  Pipe out;
  out.read_end.reset();
  f.start({UniqueFd(), std::move(out.write_end), UniqueFd(), false});
  auto future = told.get_future();
  REQUIRE(future.wait_for(20s) == std::future_status::ready);
  CHECK(future.get() == Frame::STDOUT);
}

namespace {

struct SocketPair {
  SocketPair() {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    ours = UniqueFd(fds[0]);
    theirs = UniqueFd(fds[1]);
  }
  UniqueFd ours, theirs;
};

StdioEnds with_descriptors(std::vector<UniqueFd> fds) {
  StdioEnds ends;
  for (auto& fd : fds)
    ends.descriptors.emplace_back(std::move(fd), 3 + ends.descriptors.size());
  return ends;
}

// Frames about descriptors above 2.
void send_of(StdioServer& server, std::uint32_t descriptor, const std::string& bytes, bool eof, bool closed) {
  Frame frame;
  frame.mutable_data()->set_channel(Frame::STDOUT);
  frame.mutable_data()->set_descriptor(descriptor);
  frame.mutable_data()->set_bytes(bytes);
  frame.mutable_data()->set_eof(eof);
  frame.mutable_data()->set_closed(closed);
  server.Write(frame);
}
void acknowledge_of(StdioServer& server, std::uint32_t descriptor, std::uint64_t offset) {
  Frame frame;
  frame.mutable_ack()->set_channel(Frame::STDIN);
  frame.mutable_ack()->set_descriptor(descriptor);
  frame.mutable_ack()->set_offset(offset);
  server.Write(frame);
}
void lose_reader_of(StdioServer& server, std::uint32_t descriptor, bool closed) {
  Frame frame;
  frame.mutable_data()->set_channel(Frame::STDIN);
  frame.mutable_data()->set_descriptor(descriptor);
  frame.mutable_data()->set_eof(true);
  frame.mutable_data()->set_closed(closed);
  server.Write(frame);
}

} // namespace

TEST_CASE("descriptors above 2 are channels of their own, and all of them end before the process does") {
  std::promise<std::string> received;
  Fixture f;
  f.agent.on_stdio = [&](StdioServer& server) {
    Peer peer(server);
    CHECK(peer.open.descriptor_offsets_size() == 2);
    acknowledge_of(server, 3, 0);
    std::string all;
    Frame frame;
    while (server.Read(&frame)) {
      if (frame.data().descriptor() != 3) continue;
      CHECK(frame.data().channel() == Frame::STDIN);
      all += frame.data().bytes();
      acknowledge_of(server, 3, all.size());
      if (frame.data().eof()) break;
    }
    received.set_value(all);
    peer.send(Frame::STDOUT, 0, "", true);
    peer.send(Frame::STDERR, 0, "", true);
    send_of(server, 4, "from the process", true, false);
    peer.drain();
    return grpc::Status::OK;
  };
  Pipe in, out;
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(in.read_end));
  fds.push_back(std::move(out.write_end));
  f.start(with_descriptors(std::move(fds)));
  const std::string text(1 << 20, 'x');
  write_all(in.write_end.get(), text);
  in.write_end.reset();
  CHECK(received.get_future().get() == text);
  CHECK(read_to_end(out.read_end.get()) == "from the process");
  f.wait_drained();
}

TEST_CASE("a socket's directions end apart, and it is shut down only where the process has shut it down") {
  const bool closed = GENERATE(true, false);
  std::promise<void> eof_seen;
  Fixture f;
  f.agent.on_stdio = [&](StdioServer& server) {
    Peer peer(server);
    acknowledge_of(server, 3, 0);
    send_of(server, 3, "word", true, closed);
    Frame frame;
    while (server.Read(&frame) && !(frame.data().descriptor() == 3 && frame.data().eof())) {
    }
    eof_seen.set_value();
    lose_reader_of(server, 3, closed);
    peer.send(Frame::STDOUT, 0, "", true);
    peer.send(Frame::STDERR, 0, "", true);
    peer.drain();
    return grpc::Status::OK;
  };
  SocketPair pair;
  const UniqueFd shared = pair.theirs.duplicate();
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(pair.theirs));
  f.start(with_descriptors(std::move(fds)));
  char word[4];
  REQUIRE(::recv(pair.ours.get(), word, 4, MSG_WAITALL) == 4);
  ::shutdown(pair.ours.get(), SHUT_WR);
  eof_seen.get_future().get();
  f.wait_drained();
  const auto sent = ::send(shared.get(), "y", 1, MSG_NOSIGNAL);
  CHECK((closed ? sent == 1 : (sent < 0 && errno == EPIPE)));
}

TEST_CASE("a reader of a descriptor that goes is told to the guest without a byte") {
  const bool socket = GENERATE(true, false);
  std::promise<std::uint32_t> told;
  Fixture f;
  f.agent.on_stdio = [&](StdioServer& server) {
    Peer peer(server);
    if (socket)
      acknowledge_of(server, 3, 0); // a pipe's writing end takes no input that could be acknowledged
    Frame frame;
    while (server.Read(&frame)) {
      if (frame.has_data() && frame.data().eof() && frame.data().channel() == Frame::STDOUT)
        told.set_value(frame.data().descriptor());
    }
    return grpc::Status::OK;
  };
  SocketPair pair;
  Pipe pipe;
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(socket ? pair.theirs : pipe.write_end));
  f.start(with_descriptors(std::move(fds)));
  pair.ours.reset();
  pipe.read_end.reset();
  auto future = told.get_future();
  REQUIRE(future.wait_for(20s) == std::future_status::ready);
  CHECK(future.get() == 3);
}

TEST_CASE("a descriptor that the guest has not been promised ends its stream") {
  std::promise<void> ended;
  Fixture f;
  f.agent.on_stdio = [&](StdioServer& server) {
    Peer peer(server);
    send_of(server, 7, "forged", false, false);
    peer.drain();
    ended.set_value();
    return grpc::Status::OK;
  };
  f.start({});
  CHECK(ended.get_future().wait_for(20s) == std::future_status::ready);
}

TEST_CASE("what is neither a pipe's end nor a stream socket is no descriptor to pass on") {
  SocketPair pair;
  CHECK(PassedDescriptor(std::move(pair.ours), 3).kind == nacre::agent::v1::PassedDescriptor::STREAM_SOCKET);
  CHECK_THROWS_WITH(PassedDescriptor(UniqueFd(::memfd_create("file", MFD_CLOEXEC)), 4),
                    Catch::Matchers::ContainsSubstring("descriptor 4"));
}

TEST_CASE("closing stdin sends what waits first") {
  std::promise<std::string> received;
  Fixture f;
  f.agent.on_stdio = [&](StdioServer& server) {
    Peer peer(server);
    std::string all;
    Frame frame;
    while (server.Read(&frame)) {
      all += frame.data().bytes();
      if (frame.data().eof()) break;
    }
    received.set_value(all);
    return grpc::Status::OK;
  };
  Pipe in;
  write_all(in.write_end.get(), "last words");
  f.start({std::move(in.read_end), UniqueFd(), UniqueFd(), false});
  f.pump->close_stdin(); // the writer's end stays open
  CHECK(received.get_future().get() == "last words");
}

TEST_CASE("the guest's refusal reaches the caller in its own words") {
  std::promise<std::string> words;
  Fixture f;
  f.agent.on_signal = [](const auto&) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such\nprocess");
  };
  f.client = f.agent.connect(f.loop);
  nacre::agent::v1::SignalProcessRequest request;
  request.set_container_id("c1");
  CHECK_THROWS_WITH(f.client->signal_process(request, 20s), "signal container \"c1\": no such process");
  f.client->signal_process_async(
      request, 20s, [&](const std::optional<Error>& error) { words.set_value(error ? error->what() : ""); });
  CHECK(words.get_future().get() == "signal container \"c1\": no such process");
}

TEST_CASE("a call fails at once when the connection ends") {
  std::promise<void> called;
  std::promise<void> leave;
  Fixture f;
  f.agent.on_signal = [&](const auto&) {
    called.set_value();
    leave.get_future().wait();
    return grpc::Status::OK;
  };
  f.client = f.agent.connect(f.loop);
  std::thread ender([&] {
    called.get_future().wait();
    f.client->disconnect();
  });
  CHECK_THROWS_AS(f.client->signal_process({}, 60s), Error);
  ender.join();
  leave.set_value();
}

TEST_CASE("events come in order, each once") {
  std::promise<void> over;
  Fixture f;
  f.agent.on_events = [](const nacre::agent::v1::EventsRequest& request,
                         grpc::ServerWriter<nacre::agent::v1::Event>& writer) {
    CHECK(request.after() == 4);
    for (const std::uint64_t number : {5, 6, 6, 5, 7}) {
      nacre::agent::v1::Event event;
      event.set_number(number);
      event.mutable_oom()->set_container_id("c1");
      writer.Write(event);
    }
    return grpc::Status::OK;
  };
  f.client = f.agent.connect(f.loop);
  std::vector<std::uint64_t> numbers;
  f.loop.run([&] {
    EventStream::open(f.client, 4,
                      {[&](const auto& event) { numbers.push_back(event.number()); },
                       [&](const auto&) { over.set_value(); }});
  });
  over.get_future().wait();
  CHECK(numbers == std::vector<std::uint64_t>{5, 6, 7});
}
