// One connection of the server: its socket, the requests that wait for an answer, and the answers that wait
// for the peer. Shared by the loop's thread and those that answer.
#pragma once

#include "base/unique_fd.hpp"
#include "ttrpc/frame.hpp"
#include "ttrpc/proto/wire.pb.h"
#include "ttrpc/server.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace nacre::ttrpc {

class Connection : public std::enable_shared_from_this<Connection> {
public:
  Connection(EventLoop& loop, ServerLimits limits, ConnectionId id, UniqueFd socket);

  ConnectionId id() const { return id_; }
  int fd() const { return socket_.get(); } // loop's thread

  // Loop's thread.
  FrameReader& reader() { return reader_; }
  enum class Admission { accepted, stream_in_use, too_many };
  Admission begin(std::uint32_t stream, std::size_t bytes); // counts a request until it is answered
  Responder responder(std::uint32_t stream);
  void flush();            // the socket takes more
  void close();            // further answers are dropped
  bool overflowed() const; // the peer does not read its answers

  // From any thread.
  void send(std::uint32_t stream, const wire::Response& response);

private:
  friend struct Responder::Pending;
  void answer(std::uint32_t stream, const wire::Response& response); // ends what begin() started
  void write_locked();
  void append_locked(std::uint32_t stream, const wire::Response& response);

  EventLoop& loop_;
  const ServerLimits limits_;
  const ConnectionId id_;
  FrameReader reader_;

  mutable std::mutex mutex_;
  UniqueFd socket_;
  std::map<std::uint32_t, std::size_t> unanswered_; // stream -> bytes of its request
  std::size_t unanswered_bytes_ = 0;
  std::string out_;
  bool waiting_for_room_ = false;
};

struct Responder::Pending {
  Pending(std::weak_ptr<Connection> to, std::uint32_t number) : connection(std::move(to)), stream(number) {}
  ~Pending();
  void answer(const wire::Response& response);

  std::weak_ptr<Connection> connection;
  std::uint32_t stream;
  std::atomic<bool> answered = false;
};

} // namespace nacre::ttrpc
