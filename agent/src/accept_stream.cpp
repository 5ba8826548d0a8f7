#include "accept_stream.hpp"

#include "error.hpp"
#include "port_address.hpp"
#include "status.hpp"

#include <cerrno>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <utility>

namespace nacre::agent {

namespace {

constexpr std::size_t largest_piece = 65536;

} // namespace

grpc::ServerBidiReactor<v1::TunnelFrame, v1::TunnelFrame>*
AcceptStream::begin(EventLoop& loop, ListenedSockets& sockets, SharedPorts& ports) {
  std::shared_ptr<AcceptStream> stream(new AcceptStream(loop, sockets, ports));
  stream->self_ = stream;
  stream->StartRead(&stream->incoming_);
  return stream.get();
}

void AcceptStream::OnReadDone(bool ok) {
  const std::lock_guard lock(mutex_);
  reading_ = false;
  host_left_ = !ok;
  if (ok) {
    const auto status = as_status([&] { handle(incoming_); });
    if (!status.ok()) return end(status);
  }
  progress();
}

void AcceptStream::handle(const v1::TunnelFrame& frame) {
  if (frame.has_open()) return open(frame.open());
  input_ = frame.data(); // what came before has been delivered
  shutdown_due_ = frame.eof();
}

void AcceptStream::open(const v1::TunnelFrame::Open& open) {
  if (open.service() == "connect")
    carry(connect_to_port(ports_.told(open.path()))); // what is sent before the connection is there waits
  else
    sockets_.take(open.path(), weak_from_this());
}

void AcceptStream::taken(UniqueFd connection) {
  const std::lock_guard lock(mutex_);
  carry(std::move(connection));
}

void AcceptStream::carry(UniqueFd connection) {
  if (ending_) return;
  connection_ = std::move(connection);
  token_ = loop_.add(connection_.get(), [weak = weak_from_this()](std::uint32_t) {
    const auto self = weak.lock();
    if (!self) return;
    const std::lock_guard locked(self->mutex_);
    self->progress();
  });
  outgoing_.set_accepted(true);
  send();
}

void AcceptStream::socket_gone() {
  const std::lock_guard lock(mutex_);
  end(grpc::Status::OK);
}

void AcceptStream::progress() {
  if (ending_) return;
  deliver();
  const bool delivered = input_.empty();
  if (delivered && host_left_) return end(grpc::Status::OK);
  if (delivered && !reading_) read_on();
  send_more();
  rearm();
}

void AcceptStream::read_on() {
  reading_ = true;
  StartRead(&incoming_);
}

void AcceptStream::deliver() {
  while (connection_ && !input_.empty()) {
    const auto n = ::send(connection_.get(), input_.data(), input_.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0)
      input_.clear(); // nobody reads any more
    else
      input_.erase(0, static_cast<std::size_t>(n));
  }
  if (connection_ && std::exchange(shutdown_due_, false)) ::shutdown(connection_.get(), SHUT_WR);
}

// The peer has closed it, or each side has shut down its own direction.
bool AcceptStream::hung_up() const {
  pollfd query{connection_.get(), 0, 0};
  return ::poll(&query, 1, 0) > 0;
}

void AcceptStream::send_more() {
  if (!connection_ || writing_ || ending_) return;
  if (read_end_) {
    if (hung_up()) end(grpc::Status::OK);
    return;
  }
  outgoing_.Clear();
  auto& bytes = *outgoing_.mutable_data();
  bytes.resize(largest_piece);
  const auto n = ::recv(connection_.get(), bytes.data(), bytes.size(), 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n < 0) return end(grpc::Status::OK); // ECONNRESET: the peer has closed it with bytes unread
  if (n == 0) {
    read_end_ = true;
    if (hung_up()) return end(grpc::Status::OK);
    outgoing_.set_eof(true);
  } else {
    bytes.resize(static_cast<std::size_t>(n));
  }
  send();
}

void AcceptStream::send() {
  writing_ = true;
  StartWrite(&outgoing_);
}

void AcceptStream::rearm() {
  if (!connection_) return;
  const std::uint32_t reading = writing_ || read_end_ ? 0U : std::uint32_t{EPOLLIN};
  const std::uint32_t writing = input_.empty() ? 0U : std::uint32_t{EPOLLOUT};
  if (writing_ && writing == 0) return;                    // OnWriteDone comes back here
  loop_.arm(token_, connection_.get(), reading | writing); // its hang-up in any case
}

void AcceptStream::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  if (ending_) {
    Finish(status_);
    return;
  }
  if (!ok) return end(grpc::Status::CANCELLED);
  progress();
}

void AcceptStream::OnCancel() {
  const std::lock_guard lock(mutex_);
  end(grpc::Status::CANCELLED);
}

void AcceptStream::OnDone() {
  const auto self = std::move(self_); // the last reference may go here
  const std::lock_guard lock(mutex_);
  close();
}

void AcceptStream::end(grpc::Status status) {
  close();
  if (ending_) return;
  ending_ = true;
  status_ = std::move(status);
  if (!writing_) Finish(status_);
}

void AcceptStream::close() {
  if (!connection_) return;
  loop_.remove(token_, connection_.get());
  connection_.reset();
}

} // namespace nacre::agent
