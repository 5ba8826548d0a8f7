#include "agent.grpc.pb.h"
#include "catch.hpp"
#include "rpc_server.hpp"

#include <chrono>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>

using namespace nacre::agent;

namespace {

class Echo : public v1::Agent::Service {
  grpc::Status Check(grpc::ServerContext*, const v1::CheckRequest*, v1::CheckReply* reply) override {
    reply->set_boottime_ns(42);
    return grpc::Status::OK;
  }
};

} // namespace

// The channels of the guest hand in what the kernel gave them: accept(2) on vsock makes blocking sockets.
TEST_CASE("calls are answered over a socket that was blocking, whether it came before the server or after") {
  const bool before = GENERATE(true, false);
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  Echo service;
  RpcServer server;
  if (before) server.add_connection(UniqueFd(ends[0]));
  server.start(service);
  if (!before) server.add_connection(UniqueFd(ends[0]));

  const auto stub = v1::Agent::NewStub(grpc::CreateInsecureChannelFromFd("guest", ends[1]));
  for (int call = 0; call < 3; ++call) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1::CheckReply reply;
    const auto status = stub->Check(&context, {}, &reply);
    INFO(status.error_message());
    REQUIRE(status.ok());
    CHECK(reply.boottime_ns() == 42);
  }
}
