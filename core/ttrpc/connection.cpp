#include "ttrpc/connection.hpp"

#include "base/error.hpp"
#include "ttrpc/status.hpp"

#include <cerrno>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace nacre::ttrpc {
namespace {

constexpr std::uint32_t reading = EPOLLIN | EPOLLRDHUP;

std::string response_frame(std::uint32_t stream, const wire::Response& response) {
  try {
    return encode_frame(stream, FrameType::response, response.SerializeAsString());
  } catch (const Error& error) {
    wire::Response failure;
    *failure.mutable_status() = to_status(error);
    return encode_frame(stream, FrameType::response, failure.SerializeAsString());
  }
}

} // namespace

Connection::Connection(EventLoop& loop, ServerLimits limits, ConnectionId id, UniqueFd socket)
    : loop_(loop), limits_(limits), id_(id), socket_(std::move(socket)) {}

Connection::Admission Connection::begin(std::uint32_t stream, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (unanswered_.contains(stream)) return Admission::stream_in_use;
  if (unanswered_.size() >= limits_.requests_per_connection ||
      unanswered_bytes_ + bytes > limits_.request_bytes_per_connection)
    return Admission::too_many;
  unanswered_.emplace(stream, bytes);
  unanswered_bytes_ += bytes;
  return Admission::accepted;
}

Responder Connection::responder(std::uint32_t stream) {
  return Responder(std::make_shared<Responder::Pending>(weak_from_this(), stream));
}

void Connection::send(std::uint32_t stream, const wire::Response& response) {
  const std::lock_guard lock(mutex_);
  append_locked(stream, response);
}

void Connection::answer(std::uint32_t stream, const wire::Response& response) {
  const std::lock_guard lock(mutex_);
  const auto found = unanswered_.find(stream);
  if (found != unanswered_.end()) {
    unanswered_bytes_ -= found->second;
    unanswered_.erase(found);
  }
  append_locked(stream, response);
}

void Connection::append_locked(std::uint32_t stream, const wire::Response& response) {
  if (!socket_ || out_.size() > limits_.answer_bytes_per_connection) return;
  out_ += response_frame(stream, response);
  if (!waiting_for_room_) write_locked();
}

void Connection::write_locked() {
  std::size_t sent = 0;
  while (sent < out_.size()) {
    const auto count =
        ::send(socket_.get(), out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0)
      sent += static_cast<std::size_t>(count);
    else if (errno == EAGAIN)
      break;
    else if (errno != EINTR)
      sent = out_.size(); // the peer is gone; the loop reads the end of its stream and closes
  }
  out_.erase(0, sent);
  if (out_.empty()) std::string().swap(out_);
  const bool wait = !out_.empty();
  if (wait == waiting_for_room_) return;
  waiting_for_room_ = wait;
  loop_.post([self = shared_from_this(), wait] {
    if (self->socket_) self->loop_.change(self->socket_.get(), wait ? reading | EPOLLOUT : reading);
  });
}

void Connection::flush() {
  const std::lock_guard lock(mutex_);
  if (socket_) write_locked();
}

bool Connection::overflowed() const {
  const std::lock_guard lock(mutex_);
  return out_.size() > limits_.answer_bytes_per_connection;
}

void Connection::close() {
  const std::lock_guard lock(mutex_);
  socket_.reset();
  std::string().swap(out_);
}

Responder::Pending::~Pending() {
  if (answered) return;
  wire::Response response;
  *response.mutable_status() = to_status(ErrorCode::internal, "the call ended without an answer");
  answer(response);
}

void Responder::Pending::answer(const wire::Response& response) {
  if (answered.exchange(true)) return;
  if (const auto to = connection.lock()) to->answer(stream, response);
}

void Responder::reply(std::string payload) const {
  if (!pending_) return;
  wire::Response response;
  response.set_payload(std::move(payload));
  pending_->answer(response);
}

void Responder::fail(const std::exception& error) const {
  if (!pending_) return;
  wire::Response response;
  *response.mutable_status() = to_status(error);
  pending_->answer(response);
}

} // namespace nacre::ttrpc
