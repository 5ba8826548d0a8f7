// A blocking ttrpc client: one socket, one call at a time, no thread and no event loop, because a short
// process must not pay for either. Not for use from several threads at once.
#pragma once

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "ttrpc/frame.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nacre::ttrpc {

using Timeout = std::optional<std::chrono::milliseconds>; // empty: for ever

// The peer is gone: not its own word, which may be `unavailable` too (of a VMM, say).
class ConnectionLost : public Error {
public:
  explicit ConnectionLost(std::string_view operation) : Error(ErrorCode::unavailable, operation) {
    because("the sandbox process closed the connection");
  }
};

class Client {
public:
  explicit Client(UniqueFd socket) : socket_(std::move(socket)) {}
  // Throws Error: not_found when there is no socket at `path`, unavailable when nobody listens on it.
  static Client connect(const std::string& path);

  // The method's serialized response. Throws the peer's Error; deadline_exceeded when `timeout` has passed
  // (the connection stays usable); ConnectionLost when the peer is gone.
  std::string call(std::string_view service, std::string_view method, std::string_view payload,
                   Timeout timeout = std::nullopt);

  // For a caller that waits for other things beside the answer: send, then poll fd() for input and
  // try_receive().
  std::uint32_t send(std::string_view service, std::string_view method, std::string_view payload,
                     Timeout timeout = std::nullopt);
  // Reads what is there without waiting. The payload of the answer to `stream`, or empty when it has not come
  // yet.
  std::optional<std::string> try_receive(std::uint32_t stream);

  int fd() const { return socket_.get(); }

private:
  std::optional<std::string> take_answer(std::uint32_t stream);
  bool read_some(int flags); // false: nothing there (with MSG_DONTWAIT)

  UniqueFd socket_;
  FrameReader reader_;
  std::uint32_t next_stream_ = 1; // clients use odd numbers
};

// Whether a stream socket there takes connections; false, too, when there is none.
bool somebody_listens(const std::string& path);

} // namespace nacre::ttrpc
