// Name servers of the host's loopback, listened for here: what the guest's processes ask them goes to the
// host as it is, and the host's answer back to who asked (agent.proto, Dns).
#pragma once

#include "event_loop.hpp"
#include "unique_fd.hpp"

#include "agent.pb.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <string>
#include <vector>

namespace nacre::agent {

// Where queries go. Thread-safe; must not call back.
class DnsSink {
public:
  virtual ~DnsSink() = default;
  virtual void send(v1::DnsFrame frame) = 0;
};

// Thread-safe. Bounded: so many queries are under way at most, others wait in the kernel's buffers or are
// dropped there; so many TCP connections are open.
class DnsRelay {
public:
  explicit DnsRelay(EventLoop& loop) : loop_(loop) {}
  DnsRelay(const DnsRelay&) = delete;
  DnsRelay& operator=(const DnsRelay&) = delete;
  ~DnsRelay();

  // A new sink replaces the old; what the old one was asked is forgotten.
  void attach(std::shared_ptr<DnsSink> sink);
  void detach(const DnsSink* sink); // nothing if another one has replaced it
  // Of this sink, with the complete list. Returns what went wrong; "" when all addresses are listened at.
  std::string listen(const DnsSink* sink, const v1::DnsFrame::Listen& wanted);
  void answer(const DnsSink* sink, const v1::DnsFrame::Message& answer);

private:
  struct Server {
    in_addr address{};
    UniqueFd udp, tcp;
    EventLoop::Token udp_token = 0, tcp_token = 0;
  };
  struct Client { // a TCP connection
    in_addr server{};
    UniqueFd socket;
    EventLoop::Token token = 0;
    std::string input, output;
    bool asking = false;
  };
  struct Query {
    in_addr server{};
    sockaddr_in peer{};       // UDP
    std::uint64_t client = 0; // TCP: key of clients_
  };

  void open(Server& server);
  void close(Server& server);
  void udp_ready(in_addr_t address);
  void tcp_ready(in_addr_t address);
  void client_ready(std::uint64_t key);
  void serve(std::uint64_t key, Client& client);
  void close_client(std::uint64_t key);
  void ask(Query query, bool tcp, std::string bytes);
  void rearm_listeners();
  bool is_full() const;

  EventLoop& loop_;
  std::mutex mutex_; // guards all below
  std::shared_ptr<DnsSink> sink_;
  std::map<in_addr_t, Server> servers_;
  std::map<std::uint64_t, Client> clients_;
  std::map<std::uint32_t, Query> queries_;
  std::uint64_t next_client_ = 1;
  std::uint32_t next_query_ = 1;
};

} // namespace nacre::agent
