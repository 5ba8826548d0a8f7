#include "ttrpc/client.hpp"

#include "base/error.hpp"
#include "base/unix_socket.hpp"
#include "ttrpc/proto/wire.pb.h"
#include "ttrpc/status.hpp"

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>

namespace nacre::ttrpc {
namespace {

using Clock = std::chrono::steady_clock;

// Milliseconds for poll(): -1 for ever.
int remaining(const std::optional<Clock::time_point>& deadline) {
  if (!deadline) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
  return left > 0 ? static_cast<int>(std::min<long long>(left, 1 << 30)) : 0;
}

void wait_for_input(int fd, const std::optional<Clock::time_point>& deadline, std::string_view method) {
  for (;;) {
    pollfd entry{fd, POLLIN, 0};
    const int ready = ::poll(&entry, 1, remaining(deadline));
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) throw_errno("wait for the sandbox process");
    if (ready == 0)
      throw Error(ErrorCode::deadline_exceeded, "call", method)
          .because("the sandbox process has not answered in time");
  }
}

} // namespace

bool somebody_listens(const std::string& path) {
  try {
    connect_unix(path, SOCK_STREAM);
    return true;
  } catch (const Error&) {
    return false;
  }
}

Client Client::connect(const std::string& path) {
  return Client(connect_unix(path, SOCK_STREAM));
}

std::uint32_t Client::send(std::string_view service, std::string_view method, std::string_view payload,
                           Timeout timeout) {
  wire::Request request;
  request.set_service(std::string(service));
  request.set_method(std::string(method));
  request.set_payload(std::string(payload));
  if (timeout) request.set_timeout_nano(std::chrono::nanoseconds(*timeout).count());
  const auto stream = next_stream_;
  const auto frame = encode_frame(stream, FrameType::request, request.SerializeAsString());
  next_stream_ += 2;
  for (std::size_t sent = 0; sent < frame.size();) {
    const auto count = ::send(socket_.get(), frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
    if (count >= 0)
      sent += static_cast<std::size_t>(count);
    else if (errno == EPIPE || errno == ECONNRESET)
      throw ConnectionLost("send " + std::string(method));
    else if (errno != EINTR)
      throw_errno("send", method);
  }
  return stream;
}

std::string Client::call(std::string_view service, std::string_view method, std::string_view payload,
                         Timeout timeout) {
  std::optional<Clock::time_point> deadline;
  if (timeout) deadline = Clock::now() + *timeout;
  const auto stream = send(service, method, payload, timeout);
  for (;;) {
    if (auto answer = take_answer(stream)) return std::move(*answer);
    if (deadline) wait_for_input(socket_.get(), deadline, method);
    read_some(0);
  }
}

std::optional<std::string> Client::try_receive(std::uint32_t stream) {
  for (;;) {
    if (auto answer = take_answer(stream)) return answer;
    if (!read_some(MSG_DONTWAIT)) return std::nullopt;
  }
}

bool Client::read_some(int flags) {
  char bytes[4096];
  for (;;) {
    const auto count = ::recv(socket_.get(), bytes, sizeof(bytes), flags);
    if (count > 0) {
      reader_.feed(std::string_view(bytes, static_cast<std::size_t>(count)));
      return true;
    }
    if (count == 0 || errno == ECONNRESET) throw ConnectionLost("wait for an answer");
    if (errno == EAGAIN) return false;
    if (errno != EINTR) throw_errno("receive from the sandbox process");
  }
}

// Answers to other streams belong to calls that have timed out, and are dropped.
std::optional<std::string> Client::take_answer(std::uint32_t stream) {
  while (auto frame = reader_.next()) {
    if (frame->stream != stream || frame->type != static_cast<std::uint8_t>(FrameType::response)) continue;
    if (frame->oversized)
      throw Error(ErrorCode::resource_exhausted, "receive an answer")
          .because("it is longer than ttrpc's 4 MiB");
    wire::Response response;
    if (!response.ParseFromString(frame->payload))
      throw Error(ErrorCode::internal, "receive an answer").because("it is no ttrpc response");
    throw_if_failed(response.status());
    return std::move(*response.mutable_payload());
  }
  return std::nullopt;
}

} // namespace nacre::ttrpc
