// A virtio-serial port is one endless byte stream in each direction and no socket, so the agent relays
// between it and a socketpair whose other end gRPC has, and looks for the next hello in all that arrives.
#include "channel.hpp"

#include "device_wait.hpp"
#include "error.hpp"
#include "file.hpp"
#include "greeting.hpp"

#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <optional>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <vector>

namespace nacre::agent {

namespace {

constexpr auto port_name = "nacre.agent.0";
// The largest piece that the kernel's port driver takes in one write.
constexpr std::size_t piece_size = 32768;

std::optional<std::string> find_port() {
  const std::string folder = "/sys/class/virtio-ports";
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
  if (!dir) return std::nullopt;
  while (const auto* entry = ::readdir(dir.get())) {
    if (entry->d_name[0] == '.') continue;
    if (try_read_line(folder + "/" + entry->d_name + "/name") == port_name)
      return std::string("/dev/") + entry->d_name;
  }
  return std::nullopt;
}

// Bytes on their way from one descriptor to another.
class Transfer {
public:
  Transfer() : buffer_(piece_size) {}

  bool empty() const { return begin_ == end_; }
  void clear() { begin_ = end_ = 0; }
  std::string_view bytes() const { return {buffer_.data() + begin_, end_ - begin_}; }
  void consumed(std::size_t count) { begin_ += count; }

  // As read(2), into an empty buffer.
  ssize_t read_from(int fd) {
    clear();
    const auto n = ::read(fd, buffer_.data(), buffer_.size());
    if (n > 0) end_ = static_cast<std::size_t>(n);
    return n;
  }
  // Writes `count` bytes at most; false when the descriptor takes no more for now, or is closed.
  bool write_to(int fd, std::size_t count) {
    while (count > 0) {
      const auto n = ::write(fd, buffer_.data() + begin_, count);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      begin_ += static_cast<std::size_t>(n);
      count -= static_cast<std::size_t>(n);
    }
    return true;
  }

private:
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

class PortChannel : public Channel {
public:
  explicit PortChannel(UniqueFd port) : port_(std::move(port)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    watch(port_.get());
  }

  [[noreturn]] void serve(const Callbacks& callbacks) override {
    while (true) {
      // Edge-triggered: the port reports a hang-up for as long as no host is there, and only its change
      // matters.
      bool moved = true;
      while (moved) {
        moved = receive(callbacks);
        moved = send() || moved;
      }
      epoll_event events[4];
      if (::epoll_wait(epoll_.get(), events, 4, -1) < 0 && errno != EINTR)
        throw system_error("cannot wait for", port_name);
    }
  }

private:
  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0)
      throw system_error("cannot watch", port_name);
  }

  // Host to gRPC. True when something moved.
  bool receive(const Callbacks& callbacks) {
    if (incoming_.empty() && !refill()) return false;
    const auto before = incoming_.bytes().size();
    while (!incoming_.empty()) {
      if (payload_ == 0) step(callbacks);
      if (!pass_payload()) break;
    }
    return incoming_.bytes().size() < before;
  }

  bool refill() {
    const auto n = incoming_.read_from(port_.get());
    if (n < 0 && errno != EAGAIN && errno != EINTR) throw system_error("cannot read from", port_name);
    if (n == 0) { // the host has closed its end
      end_connection();
      reader_.disconnect();
    }
    return n > 0;
  }

  // False when gRPC takes no more for now.
  bool pass_payload() {
    if (socket_ && payload_ > 0) {
      const auto before = incoming_.bytes().size();
      const bool done = incoming_.write_to(socket_.get(), payload_);
      payload_ -= before - incoming_.bytes().size();
      if (!done && errno == EAGAIN) return false;
    }
    // All written, or nobody is there to read it.
    incoming_.consumed(payload_);
    if (payload_ > 0) end_connection();
    return true;
  }

  void step(const Callbacks& callbacks) {
    const auto step = reader_.step(incoming_.bytes());
    if (step.connection_ended) end_connection();
    payload_ = step.payload.size();
    incoming_.consumed(step.consumed - payload_);
    if (step.hello) begin_connection(*step.hello, callbacks);
  }

  void begin_connection(const std::string& hello, const Callbacks& callbacks) {
    auto greeting = answer_hello(hello, resumed_);
    answer_ += greeting.answer;
    if (!greeting.accepted) return;
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
      throw system_error("cannot make", "socket for a connection");
    }
    socket_.reset(ends[0]);
    watch(socket_.get());
    reader_.accept(greeting.next_key);
    resumed_ = true;
    callbacks.connected(UniqueFd(ends[1]), greeting.stdio_window);
  }

  // What gRPC has not sent yet belongs to nobody any more; an answer to a hello stays.
  void end_connection() {
    socket_.reset();
    outgoing_.clear();
    payload_ = 0;
  }

  // gRPC to host. True when something moved.
  bool send() {
    while (!answer_.empty()) {
      const auto n = ::write(port_.get(), answer_.data(), answer_.size());
      if (n <= 0) return false;
      answer_.erase(0, static_cast<std::size_t>(n));
    }
    bool moved = false;
    while (socket_) {
      if (outgoing_.empty()) {
        const auto n = outgoing_.read_from(socket_.get());
        if (n == 0) end_connection(); // gRPC has closed it
        if (n <= 0) return moved;
      }
      if (!outgoing_.write_to(port_.get(), outgoing_.bytes().size())) {
        if (errno != EAGAIN) throw system_error("cannot write to", port_name);
        return moved;
      }
      moved = true;
      if (++turns_ % 4 == 0) return true; // let the other direction have its turn
    }
    return moved;
  }

  UniqueFd port_;
  UniqueFd epoll_;
  UniqueFd socket_; // our end of the connection in place
  HelloReader reader_;
  Transfer incoming_;
  std::size_t payload_ = 0; // how much of `incoming_` is payload that the reader has seen
  Transfer outgoing_;
  std::string answer_;
  bool resumed_ = false;
  unsigned turns_ = 0;
};

} // namespace

std::unique_ptr<Channel> open_port_channel() {
  std::optional<std::string> path;
  wait_for_device("virtio-serial port", port_name, [&] {
    path = find_port();
    return path.has_value();
  });
  // Non-blocking: a blocking write to a port spins in the kernel until the host has taken the data.
  UniqueFd port(::open(path->c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!port) throw system_error("cannot open virtio-serial port", *path);
  return std::make_unique<PortChannel>(std::move(port));
}

} // namespace nacre::agent
