// Asks name servers on the loopback of the pod's network namespace, from sockets that are in it: where
// Docker's embedded one, for one, catches port 53 of 127.0.0.11 by rules of its own.
#pragma once

#include "agent_client/io_loop.hpp"
#include "base/unique_fd.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace nacre::sandbox {

// Only on the loop's thread. The questions are the guest's and not trusted: they are carried, never parsed
// beyond the header.
class DnsUpstream {
public:
  // Empty: there is no answer.
  using Answered = std::function<void(std::string answer)>;

  // `netns_fd` is borrowed and stays open.
  DnsUpstream(agent_client::IoLoop& loop, int netns_fd) : loop_(loop), netns_fd_(netns_fd) {}
  ~DnsUpstream();
  DnsUpstream(const DnsUpstream&) = delete;
  DnsUpstream& operator=(const DnsUpstream&) = delete;

  // `server`: IPv4 address in network byte order. `answered` is called exactly once, perhaps before this
  // returns, with the query's own id; never after destruction. A query that cannot be one has no answer; a
  // server that is not there is "server failure".
  void ask(std::uint32_t server, bool tcp, std::string query, Answered answered);

  static constexpr std::chrono::seconds patience{20}; // Docker's own asks three servers, 4 s each

private:
  struct Question {
    std::string query; // as it came
    Answered answered;
    agent_client::IoLoop::Id timer = 0;
  };
  struct Server { // UDP: one socket, the questions by the id that they have on it
    UniqueFd socket;
    agent_client::IoLoop::Id watch = 0;
    std::map<std::uint16_t, Question> questions;
  };
  struct Connection { // TCP: one question each
    UniqueFd socket;
    agent_client::IoLoop::Id watch = 0;
    Question question;
    std::string output, input;
  };

  void ask_by_udp(std::uint32_t server, Question question);
  void ask_by_tcp(std::uint32_t server, Question question);
  Server& server(std::uint32_t address);
  void datagrams(std::uint32_t address);
  void stream_ready(std::uint64_t key);
  void finish(std::uint64_t key, std::string answer);

  agent_client::IoLoop& loop_;
  int netns_fd_;
  std::map<std::uint32_t, Server> servers_;
  std::map<std::uint64_t, Connection> connections_;
  std::uint64_t next_connection_ = 1;
};

} // namespace nacre::sandbox
