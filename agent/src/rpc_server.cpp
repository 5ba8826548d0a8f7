#include "rpc_server.hpp"

#include "error.hpp"

#include <fcntl.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>

namespace nacre::agent {

namespace {

// Flow-control windows are fixed: probing for the best one costs round trips and lets a stream hold
// megabytes, while stdio has its own credit, which bounds what is under way.
constexpr int stream_window = 262144;
constexpr int largest_message = 16 << 20; // an OCI document with a large seccomp section stays far below

// gRPC's server leaves a descriptor as it comes (its client does not): with a blocking one its only poller
// sleeps in recvmsg(2), and what it has to write stays where it is.
void serve_on(grpc::Server& server, UniqueFd socket) {
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) < 0)
    throw system_error("cannot make non-blocking", "the connection to the host");
  grpc::AddInsecureChannelFromFd(&server, socket.release());
}

} // namespace

RpcServer::RpcServer() = default;
RpcServer::~RpcServer() = default;

void RpcServer::start(grpc::Service& service, grpc::Service* further) {
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, stream_window);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_WRITE_BUFFER_SIZE, stream_window);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CENSUS, 0);
  builder.AddChannelArgument(GRPC_ARG_MINIMAL_STACK, 1);
  builder.SetMaxReceiveMessageSize(largest_message);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
  builder.RegisterService(&service);
  if (further != nullptr) builder.RegisterService(further);
  auto server = builder.BuildAndStart();
  if (!server) throw Error(Code::internal, "gRPC refuses to start its server");

  const std::lock_guard lock(mutex_);
  server_ = std::move(server);
  for (auto& socket : waiting_)
    serve_on(*server_, std::move(socket));
  waiting_.clear();
}

void RpcServer::add_connection(UniqueFd socket) {
  const std::lock_guard lock(mutex_);
  if (server_) {
    serve_on(*server_, std::move(socket));
  } else {
    waiting_.push_back(std::move(socket));
  }
}

} // namespace nacre::agent
