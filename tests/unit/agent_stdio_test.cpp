#include "catch.hpp"

#include "process_stdio.hpp"
#include "stdio_pipes.hpp"

#include <condition_variable>
#include <csignal>
#include <deque>
#include <sys/socket.h>
#include <unistd.h>

using namespace nacre::agent;
using Frame = v1::StdioFrame;
using Passed = v1::PassedDescriptor;

namespace {

[[maybe_unused]] const auto sigpipe_ignored = ::signal(SIGPIPE, SIG_IGN);

// The host: takes every frame at once.
class Host : public StdioSink, public std::enable_shared_from_this<Host> {
public:
  void send(Frame frame) override {
    const std::lock_guard lock(mutex_);
    frames_.push_back(std::move(frame));
    changed_.notify_all();
  }
  void finish() override { fail(Error(Code::internal, "")); }
  void fail(const Error&) override {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  }

  // The next frame that is about `descriptor`; the others go by.
  Frame next(ProcessStdio& stdio, std::uint32_t descriptor) {
    for (;;) {
      Frame frame;
      {
        std::unique_lock lock(mutex_);
        REQUIRE(changed_.wait_for(lock, std::chrono::seconds(20), [&] { return !frames_.empty(); }));
        frame = std::move(frames_.front());
        frames_.pop_front();
      }
      stdio.frame_sent(this);
      if ((frame.has_ack() ? frame.ack().descriptor() : frame.data().descriptor()) == descriptor)
        return frame;
    }
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Frame> frames_;
  bool finished_ = false;
};

struct Guest {
  explicit Guest(std::vector<Passed::Kind> kinds) : pipes({false, false, 0, 0, std::move(kinds)}) {
    for (const int fd : pipes.descriptors_for_process())
      process.emplace_back(::dup(fd));
    stdio->start(pipes.take_own_ends());
    stdio->attach(host, {});
  }
  ~Guest() { stdio->close(); }
  void give(std::uint32_t descriptor, const std::string& bytes, bool eof) {
    Frame frame;
    frame.mutable_data()->set_descriptor(descriptor);
    frame.mutable_data()->set_bytes(bytes);
    frame.mutable_data()->set_eof(eof);
    stdio->receive(host.get(), frame);
  }
  void refuse_output(std::uint32_t descriptor) {
    Frame frame;
    frame.mutable_data()->set_channel(Frame::STDOUT);
    frame.mutable_data()->set_descriptor(descriptor);
    frame.mutable_data()->set_eof(true);
    stdio->receive(host.get(), frame);
  }

  EventLoop loop;
  StdioPipes pipes;
  std::vector<UniqueFd> process; // its 3, 4, ...
  std::shared_ptr<ProcessStdio> stdio = std::make_shared<ProcessStdio>(loop, default_stdio_window);
  std::shared_ptr<Host> host = std::make_shared<Host>();
};

std::string read_all(int fd) {
  std::string all;
  char bytes[4096];
  ssize_t got;
  while ((got = ::read(fd, bytes, sizeof bytes)) > 0)
    all.append(bytes, static_cast<std::size_t>(got));
  return all;
}

} // namespace

TEST_CASE("each descriptor that is read says first what it has, and carries to its end") {
  Guest guest({Passed::PIPE_READ_END, Passed::PIPE_WRITE_END});
  const auto first = guest.host->next(*guest.stdio, 3);
  REQUIRE(first.has_ack());
  CHECK(first.ack().offset() == 0);
  guest.give(3, "hello", true);
  CHECK(read_all(guest.process[0].get()) == "hello");
  REQUIRE(::write(guest.process[1].get(), "there", 5) == 5);
  guest.process[1].reset();
  auto frame = guest.host->next(*guest.stdio, 4);
  CHECK(frame.data().channel() == Frame::STDOUT);
  CHECK(frame.data().bytes() == "there");
  if (!frame.data().eof()) frame = guest.host->next(*guest.stdio, 4);
  CHECK(frame.data().eof());
}

TEST_CASE("a socket of the process ends each direction apart") {
  Guest guest({Passed::STREAM_SOCKET});
  CHECK(guest.host->next(*guest.stdio, 3).has_ack());
  guest.give(3, "in", true);
  CHECK(read_all(guest.process[0].get()) == "in"); // the end, though the other direction is open
  REQUIRE(::write(guest.process[0].get(), "out", 3) == 3);
  Frame frame;
  do
    frame = guest.host->next(*guest.stdio, 3);
  while (!frame.has_data());
  CHECK(frame.data().bytes() == "out");
  guest.refuse_output(3);
  CHECK(::write(guest.process[0].get(), "x", 1) < 0);
  CHECK(errno == EPIPE);
}

TEST_CASE("a socket that is shut down is told apart from one that is closed") {
  const bool closed = GENERATE(true, false);
  Guest guest({Passed::STREAM_SOCKET});
  if (closed)
    guest.process[0].reset();
  else
    ::shutdown(guest.process[0].get(), SHUT_WR);
  Frame frame;
  do
    frame = guest.host->next(*guest.stdio, 3);
  while (!(frame.has_data() && frame.data().channel() == Frame::STDOUT));
  CHECK(frame.data().eof());
  CHECK(frame.data().closed() == closed);
}

TEST_CASE("a descriptor whose reader has closed it is told to the host") {
  Guest guest({Passed::PIPE_READ_END});
  CHECK(guest.host->next(*guest.stdio, 3).has_ack());
  guest.process[0].reset();
  const auto frame = guest.host->next(*guest.stdio, 3);
  CHECK(frame.data().channel() == Frame::STDIN);
  CHECK(frame.data().eof());
}

TEST_CASE("a host that speaks of a descriptor that is none loses its stream") {
  Guest guest({Passed::PIPE_READ_END});
  CHECK_THROWS_AS(guest.give(4, "x", false), Error);
  CHECK_THROWS_AS(guest.refuse_output(3), Error);
}

TEST_CASE("descriptors of unknown kind and too many are refused") {
  CHECK_THROWS_AS(StdioPipes({false, false, 0, 0, {Passed::UNKNOWN}}), Error);
  google::protobuf::RepeatedPtrField<Passed> many;
  for (int i = 0; i < 61; ++i)
    many.Add()->set_kind(Passed::STREAM_SOCKET);
  CHECK_THROWS_AS(descriptor_kinds(many), Error);
}
