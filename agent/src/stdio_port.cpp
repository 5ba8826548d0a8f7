#include "stdio_port.hpp"

#include <cerrno>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace nacre::agent {

namespace {

using Frame = v1::StdioFrame;

constexpr std::size_t pipe_size = 65536; // the kernel's default, also more than a terminal's buffer
// A process can ask for twice net.core.wmem_max (socket(7)), whose default is 212992.
constexpr std::size_t socket_buffer_size = 524288;

// A stream socket hangs up when both directions are shut down, as by the last close(2) of the other end.
bool has_hung_up(int socket) {
  pollfd asked{socket, 0, 0};
  return ::poll(&asked, 1, 0) > 0 && (asked.revents & POLLHUP) != 0;
}

} // namespace

bool InputPort::write_blocks() {
  while (fd && !data.empty()) {
    const auto pending = data.pending();
    const auto n = ::writev(fd.get(), pending.data(), static_cast<int>(pending.size()));
    if (n >= 0) {
      data.delivered(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      loop->arm(token, fd.get(), EPOLLOUT);
      return true;
    } else if (errno != EINTR) {
      lose_reader(); // EPIPE
      return false;
    }
  }
  return false;
}

void InputPort::finish() {
  if (fd && socket) ::shutdown(fd.get(), SHUT_WR);
  close();
}

void InputPort::lose_reader() {
  if (!fd || terminal) return;
  closed = socket && has_hung_up(fd.get());
  close();
  reader_gone = true;
  reader_gone_due = true;
}

void InputPort::close() {
  if (fd) {
    loop->remove(token, fd.get());
    fd.reset();
  }
  data.discard();
}

void InputPort::resume() noexcept {
  first_acknowledgement_due = true;
  reader_gone_due = reader_gone;
}

bool InputPort::next_frame(Frame& frame) {
  const auto acknowledge = [&](std::uint64_t offset) {
    frame.mutable_ack()->set_channel(Frame::STDIN);
    frame.mutable_ack()->set_descriptor(descriptor);
    frame.mutable_ack()->set_offset(offset);
    return true;
  };
  if (first_acknowledgement_due) {
    first_acknowledgement_due = false;
    return acknowledge(data.resume());
  }
  if (const auto offset = data.next_acknowledgement()) return acknowledge(*offset);
  if (!reader_gone_due) return false;
  reader_gone_due = false;
  auto& gone = *frame.mutable_data();
  gone.set_channel(Frame::STDIN);
  gone.set_descriptor(descriptor);
  gone.set_eof(true);
  gone.set_closed(closed);
  return true;
}

void OutputPort::read() {
  if (!fd) return;
  const auto wanted = std::min(data.room(), largest_stdio_piece);
  if (wanted == 0) return;
  const auto space = data.free_space(wanted);
  const auto n = ::readv(fd.get(), space.data(), static_cast<int>(space.size()));
  if (n > 0) {
    data.filled(static_cast<std::size_t>(n));
    active = true;
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    closed = socket && has_hung_up(fd.get());
    end(); // EIO of a terminal: nobody has it open any more
    return;
  }
  loop->arm(token, fd.get(), EPOLLIN);
}

void OutputPort::drain() {
  while (fd && data.room() > 0) {
    const auto room = data.room();
    read();
    if (data.room() == room) return;
  }
}

void OutputPort::end() {
  if (!fd) return;
  loop->remove(token, fd.get());
  fd.reset();
  data.end();
}

void OutputPort::abandon() {
  if (fd && socket) ::shutdown(fd.get(), SHUT_RD);
  end();
  data.abandon();
}

bool OutputPort::next_frame(Frame& frame) {
  if (!present) return false;
  auto piece = data.next();
  if (!piece) return false;
  auto& out = *frame.mutable_data();
  out.set_channel(channel);
  out.set_descriptor(descriptor);
  out.set_offset(piece->offset);
  out.set_bytes(std::move(piece->bytes));
  out.set_eof(piece->eof);
  out.set_closed(piece->eof && closed);
  return true;
}

void OutputPort::release_limit() {
  data.release_limit(socket ? socket_buffer_size : pipe_size);
}

} // namespace nacre::agent
