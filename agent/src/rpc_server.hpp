// The gRPC server, over descriptors that the channel hands in.
#pragma once

#include "unique_fd.hpp"

#include <memory>
#include <mutex>
#include <vector>

namespace grpc {
class Server;
class Service;
} // namespace grpc

namespace nacre::agent {

// Thread-safe.
class RpcServer {
public:
  RpcServer();
  ~RpcServer();

  // Begins to serve, first the connections that came before.
  void start(grpc::Service& service, grpc::Service* further = nullptr);
  void add_connection(UniqueFd socket);

private:
  std::mutex mutex_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<UniqueFd> waiting_;
};

} // namespace nacre::agent
