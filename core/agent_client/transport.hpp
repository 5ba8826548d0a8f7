// What AgentClient and its streams share: the channel to the agent, and the count of those who use it.
#pragma once

#include "agent_client/agent_client.hpp"
#include "agent_client/rpc.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>

namespace nacre::agent_client {

// "Check" is "/nacre.agent.v1.Agent/Check"; what begins with a slash is complete.
std::string method_path(std::string_view method);

struct AgentClient::Transport {
  Transport(IoLoop& io_loop, UniqueFd fd, HelloResult result, const RpcLibrary& library);
  ~Transport();

  // Streams count themselves, so that the channel goes only when nobody will start an operation on it.
  void begin_use();
  void end_use();

  IoLoop& loop;
  HelloResult hello;
  UniqueFd control; // second descriptor of the connection, to end it
  std::mutex mutex;
  std::condition_variable idle;
  int users = 0;                       // under mutex
  std::unique_ptr<RpcChannel> channel; // last: its thread uses the others
};

} // namespace nacre::agent_client
