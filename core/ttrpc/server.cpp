#include "ttrpc/server.hpp"

#include "base/error.hpp"
#include "ttrpc/connection.hpp"
#include "ttrpc/status.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <vector>

namespace nacre::ttrpc {
namespace {

UniqueFd open_spare() {
  return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void refuse(Connection& connection, std::uint32_t stream, ErrorCode code, std::string_view message) {
  wire::Response response;
  *response.mutable_status() = to_status(code, message);
  connection.send(stream, response);
}

void run_handler(const Handler& handler, Request request, const Responder& responder) noexcept {
  try {
    handler(std::move(request), responder);
  } catch (const std::exception& error) {
    responder.fail(error);
  }
}

} // namespace

Server::Server(EventLoop& loop, ServerLimits limits, std::function<void(const std::string&)> log)
    : loop_(loop), limits_(limits), log_(std::move(log)), spare_(open_spare()),
      workers_(std::make_unique<WorkerPool>(limits.workers)) {}

Server::~Server() {
  stop_listening();
  for (auto& [id, connection] : connections_) {
    loop_.remove(connection->fd());
    connection->close();
  }
  workers_.reset();
}

void Server::add_service(std::string name, Handler handler) {
  services_[std::move(name)] = std::make_shared<const Handler>(std::move(handler));
}

void Server::listen(UniqueFd listening_socket) {
  listener_ = std::move(listening_socket);
  loop_.add(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_one(); });
}

void Server::stop_listening() {
  if (!listener_) return;
  loop_.remove(listener_.get());
  listener_.reset();
}

void Server::accept_one() {
  // The listener may be a blocking descriptor that `nacre` made; a client that is gone again would block
  // accept(). poll said that one is there, and Linux leaves it in the queue.
  UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (socket && connections_.size() < limits_.connections) {
    add_connection(std::move(socket));
    return;
  }
  if (socket) {
    log_("refused a connection: " + std::to_string(connections_.size()) + " are open");
  } else if (errno == EMFILE || errno == ENFILE) {
    spare_.reset();
    UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    spare_ = open_spare();
    log_("refused a connection: no descriptors are left");
  }
}

ConnectionId Server::add_connection(UniqueFd socket) {
  const auto id = next_id_++;
  const auto connection = std::make_shared<Connection>(loop_, limits_, id, std::move(socket));
  connections_.emplace(id, connection);
  loop_.add(connection->fd(), EPOLLIN | EPOLLRDHUP, [this, connection](std::uint32_t events) {
    if (events & EPOLLOUT) connection->flush();
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) readable(connection);
  });
  return id;
}

void Server::readable(const std::shared_ptr<Connection>& connection) {
  char bytes[8192];
  const auto count = ::recv(connection->fd(), bytes, sizeof(bytes), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    close(connection->id(),
          connection->reader().inside_frame() ? "the peer left in the middle of a message" : "");
    return;
  }
  connection->reader().feed(std::string_view(bytes, static_cast<std::size_t>(count)));
  while (auto frame = connection->reader().next())
    if (!take_frame(connection, std::move(*frame))) return;
  if (connection->overflowed()) close(connection->id(), "the peer does not read its answers");
}

// False: the connection has been closed.
bool Server::take_frame(const std::shared_ptr<Connection>& connection, Frame frame) {
  if (frame.oversized) {
    refuse(*connection, frame.stream, ErrorCode::resource_exhausted,
           "message is longer than ttrpc's limit of 4 MiB");
    return true;
  }
  if (frame.type == static_cast<std::uint8_t>(FrameType::response)) {
    close(connection->id(), "the peer answered what was not asked");
    return false;
  }
  if (frame.type == static_cast<std::uint8_t>(FrameType::data)) {
    refuse(*connection, frame.stream, ErrorCode::invalid_argument, "no stream of that number is open");
    return true;
  }
  if (frame.type != static_cast<std::uint8_t>(FrameType::request)) return true; // for peers of the future
  if (frame.stream % 2 != 1) {
    refuse(*connection, frame.stream, ErrorCode::invalid_argument,
           "StreamID must be odd for client initiated streams");
    return true;
  }
  wire::Request envelope;
  if (!envelope.ParseFromString(frame.payload)) {
    refuse(*connection, frame.stream, ErrorCode::invalid_argument, "the payload is no ttrpc request");
    close(connection->id(), "a payload is no ttrpc request");
    return false;
  }
  switch (connection->begin(frame.stream, frame.payload.size())) {
  case Connection::Admission::stream_in_use:
    close(connection->id(), "stream " + std::to_string(frame.stream) + " was used again before its answer");
    return false;
  case Connection::Admission::too_many:
    refuse(*connection, frame.stream, ErrorCode::resource_exhausted,
           "too many calls of this connection are unanswered");
    return true;
  case Connection::Admission::accepted:
    break;
  }
  dispatch(connection, frame.stream,
           Request{std::move(*envelope.mutable_service()), std::move(*envelope.mutable_method()),
                   std::move(*envelope.mutable_payload()), connection->id()});
  return true;
}

void Server::dispatch(const std::shared_ptr<Connection>& connection, std::uint32_t stream, Request request) {
  auto responder = connection->responder(stream);
  const auto service = services_.find(request.service);
  if (service == services_.end()) {
    responder.fail(Error(ErrorCode::unimplemented, "service", request.service).because("not served here"));
    return;
  }
  // A copyable function object must hold its request by pointer to be moved into the queue without copies.
  auto held = std::make_shared<Request>(std::move(request));
  workers_->submit(
      [handler = service->second, held, responder] { run_handler(*handler, std::move(*held), responder); });
}

void Server::close(ConnectionId id, const std::string& reason) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const auto connection = found->second;
  loop_.remove(connection->fd());
  connection->close();
  connections_.erase(found);
  if (!reason.empty()) log_("closed a connection: " + reason);
  if (closed_) closed_(id);
}

} // namespace nacre::ttrpc
