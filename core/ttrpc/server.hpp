// The serving end of ttrpc: connections live on an EventLoop, handlers run on workers, answers come from any
// thread.
#pragma once

#include "base/unique_fd.hpp"
#include "ttrpc/event_loop.hpp"
#include "ttrpc/frame.hpp"
#include "ttrpc/worker_pool.hpp"

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nacre::ttrpc {

using ConnectionId = std::uint64_t; // never used twice in one process

struct Request {
  std::string service, method, payload;
  ConnectionId connection = 0;
};

class Connection;

// The answer to one request; may be kept and used later from any thread, and copied. The first answer counts,
// others are ignored, and so are answers to a connection that is gone. When the last copy goes without an
// answer the caller gets an internal error.
class Responder {
public:
  Responder() = default;
  void reply(std::string payload) const; // a serialized response message
  void fail(const std::exception& error) const;

private:
  friend class Connection;
  struct Pending;
  explicit Responder(std::shared_ptr<Pending> pending) : pending_(std::move(pending)) {}
  std::shared_ptr<Pending> pending_;
};

// Runs on a worker; an exception is the answer.
using Handler = std::function<void(Request, Responder)>;

struct ServerLimits {
  std::size_t connections = 64;
  std::size_t requests_per_connection = 4096;          // unanswered; a Wait may be open for days
  std::size_t request_bytes_per_connection = 8u << 20; // of unanswered requests
  std::size_t answer_bytes_per_connection = 16u << 20; // that the peer does not read
  std::size_t workers = 64;
};

class Server {
public:
  // `log` gets a sentence for every connection that is closed for a fault of its peer; on the loop's thread.
  Server(EventLoop& loop, ServerLimits limits, std::function<void(const std::string&)> log);
  ~Server(); // on the loop's thread or after it has ended: closes the connections, waits for the workers
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Before any connection. Requests to other services are answered `unimplemented`.
  void add_service(std::string name, Handler handler);
  // Called on the loop's thread. The callback may not destroy the server.
  void on_connection_closed(std::function<void(ConnectionId)> callback) { closed_ = std::move(callback); }

  // These on the loop's thread, or before it runs.
  void listen(UniqueFd listening_socket);
  ConnectionId add_connection(UniqueFd socket);
  void stop_listening();
  std::size_t connection_count() const { return connections_.size(); }

private:
  friend class Connection;
  void accept_one();
  void readable(const std::shared_ptr<Connection>& connection);
  bool take_frame(const std::shared_ptr<Connection>& connection, Frame frame);
  void dispatch(const std::shared_ptr<Connection>& connection, std::uint32_t stream, Request request);
  void close(ConnectionId id, const std::string& reason);

  EventLoop& loop_;
  const ServerLimits limits_;
  std::function<void(const std::string&)> log_;
  std::function<void(ConnectionId)> closed_;
  std::map<std::string, std::shared_ptr<const Handler>, std::less<>> services_;
  UniqueFd listener_, spare_; // spare: given up to accept and refuse when descriptors run out
  std::map<ConnectionId, std::shared_ptr<Connection>> connections_;
  ConnectionId next_id_ = 1;
  std::unique_ptr<WorkerPool> workers_;
};

} // namespace nacre::ttrpc
