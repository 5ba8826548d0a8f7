#include "rpc_server.hpp"

#include "error.hpp"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>

namespace nacre::agent {

namespace {

// Flow-control windows are fixed: probing for the best one costs round trips and lets a stream hold
// megabytes, while stdio has its own credit, which bounds what is under way.
constexpr int stream_window = 262144;
constexpr int largest_message = 16 << 20; // an OCI document with a large seccomp section stays far below

} // namespace

RpcServer::RpcServer() = default;
RpcServer::~RpcServer() = default;

void RpcServer::start(grpc::Service& service) {
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
  auto server = builder.BuildAndStart();
  if (!server) throw Error(Code::internal, "gRPC refuses to start its server");

  const std::lock_guard lock(mutex_);
  server_ = std::move(server);
  for (auto& socket : waiting_)
    grpc::AddInsecureChannelFromFd(server_.get(), socket.release());
  waiting_.clear();
}

void RpcServer::add_connection(UniqueFd socket) {
  const std::lock_guard lock(mutex_);
  if (server_) {
    grpc::AddInsecureChannelFromFd(server_.get(), socket.release());
  } else {
    waiting_.push_back(std::move(socket));
  }
}

} // namespace nacre::agent
