// The agent's answer to a hello.
#pragma once

#include "hello.hpp"

#include <cstddef>
#include <string>

namespace nacre::agent {

inline constexpr unsigned protocol_version = 1; // of agent.proto

struct Greeting {
  bool accepted = false;
  HelloKey next_key{};          // when accepted
  std::size_t stdio_window = 0; // bytes; when accepted
  std::string answer; // nonce, length and HelloReply; empty when the hello cannot be answered at all
};

// `resumed`: a connection has been served before.
Greeting answer_hello(const std::string& hello, bool resumed);

} // namespace nacre::agent
