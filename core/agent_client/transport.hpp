// What AgentClient and its streams share of gRPC: channel, stub, completion queue and the thread that empties
// it.
#pragma once

#include "agent_client/agent_client.hpp"
#include "agent_client/proto/agent.grpc.pb.h"

#include <condition_variable>
#include <grpcpp/grpcpp.h>
#include <mutex>
#include <thread>

namespace nacre::agent_client {

struct AgentClient::Transport {
  Transport(IoLoop& io_loop, UniqueFd fd, HelloResult result);
  ~Transport();

  // Streams count themselves, so that the queue is shut down only when nobody will start an operation on it.
  void begin_use();
  void end_use();

  IoLoop& loop;
  HelloResult hello;
  UniqueFd control; // second descriptor of the connection, to end it
  std::unique_ptr<v1::Agent::Stub> stub;
  grpc::CompletionQueue queue;
  std::mutex mutex;
  std::condition_variable idle;
  int users = 0; // under mutex
  std::thread thread;
};

} // namespace nacre::agent_client
