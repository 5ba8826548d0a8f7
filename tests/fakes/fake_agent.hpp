// An agent in this process: gRPC over a socketpair, scripted by the test.
#pragma once

#include "agent_client/agent_client.hpp"
#include "agent_client/proto/agent.grpc.pb.h"
#include "agent_client/rpc_library.hpp"
#include "base/unique_fd.hpp"

#include <fcntl.h>
#include <functional>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <memory>
#include <sys/socket.h>

namespace nacre::fakes {

using StdioServer = grpc::ServerReaderWriter<agent::v1::StdioFrame, agent::v1::StdioFrame>;

class FakeAgent : public agent::v1::Agent::Service {
public:
  FakeAgent() {
    grpc::ServerBuilder builder;
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeAgent() override { server_->Shutdown(std::chrono::system_clock::now()); }

  // A new connection to it, as after the hello.
  std::shared_ptr<agent_client::AgentClient> connect(agent_client::IoLoop& loop) {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) std::abort();
    ::fcntl(fds[1], F_SETFL, ::fcntl(fds[1], F_GETFL) | O_NONBLOCK);
    grpc::AddInsecureChannelFromFd(server_.get(), fds[1]);
    const std::string path =
        NACRE_RPC_LIBRARY; // named: g++ 14 takes a temporary for what the library refers to
    const auto& library = agent_client::RpcLibrary::load(path);
    return agent_client::AgentClient::connect(loop, UniqueFd(fds[0]), {}, library);
  }

  std::function<grpc::Status(StdioServer&)> on_stdio;
  std::function<grpc::Status(const agent::v1::SignalProcessRequest&)> on_signal;
  std::function<grpc::Status(const agent::v1::EventsRequest&, grpc::ServerWriter<agent::v1::Event>&)>
      on_events;

  grpc::Status Stdio(grpc::ServerContext*, StdioServer* stream) override {
    return on_stdio ? on_stdio(*stream) : grpc::Status::OK;
  }
  grpc::Status SignalProcess(grpc::ServerContext*, const agent::v1::SignalProcessRequest* request,
                             agent::v1::SignalProcessReply*) override {
    return on_signal ? on_signal(*request) : grpc::Status::OK;
  }
  grpc::Status Events(grpc::ServerContext*, const agent::v1::EventsRequest* request,
                      grpc::ServerWriter<agent::v1::Event>* writer) override {
    return on_events ? on_events(*request, *writer) : grpc::Status::OK;
  }

private:
  std::unique_ptr<grpc::Server> server_;
};

} // namespace nacre::fakes
