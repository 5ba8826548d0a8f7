#include "dns_relay.hpp"

#include "error.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <set>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace nacre::agent {

namespace {

constexpr std::uint16_t dns_port = 53;
constexpr std::size_t most_queries = 256; // under way; the host has the same limit
constexpr std::size_t most_clients = 64;
constexpr std::size_t header_size = 12; // of a DNS message (RFC 1035, 4.1.1)
constexpr std::size_t length_size = 2;  // before each message on TCP (RFC 1035, 4.2.2)
constexpr std::size_t longest = 65535;
constexpr int backlog = 16;

std::string text_of(in_addr address) {
  char text[INET_ADDRSTRLEN];
  ::inet_ntop(AF_INET, &address, text, sizeof text);
  return text;
}

UniqueFd listener(int type, in_addr address) {
  UniqueFd socket(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) throw system_error("cannot make a socket for", "name servers");
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr = address;
  name.sin_port = htons(dns_port);
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  ::setsockopt(socket.get(), IPPROTO_IP, IP_FREEBIND, &yes, sizeof yes); // lo may be on its way up
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) < 0 ||
      (type == SOCK_STREAM && ::listen(socket.get(), backlog) < 0)) {
    throw system_error("cannot listen at", text_of(address) + " port " + std::to_string(dns_port));
  }
  return socket;
}

v1::DnsFrame query_frame(std::uint32_t id, in_addr server, bool tcp, std::string bytes) {
  v1::DnsFrame frame;
  auto& message = *frame.mutable_message();
  message.set_id(id);
  message.set_server(&server, sizeof server);
  message.set_tcp(tcp);
  message.set_bytes(std::move(bytes));
  return frame;
}

} // namespace

DnsRelay::~DnsRelay() {
  const std::lock_guard lock(mutex_);
  while (!clients_.empty())
    close_client(clients_.begin()->first);
  for (auto& [address, server] : servers_)
    close(server);
}

bool DnsRelay::is_full() const {
  return !sink_ || queries_.size() >= most_queries;
}

void DnsRelay::attach(std::shared_ptr<DnsSink> sink) {
  const std::lock_guard lock(mutex_);
  sink_ = std::move(sink);
  queries_.clear();
  while (!clients_.empty())
    close_client(clients_.begin()->first);
  rearm_listeners();
}

void DnsRelay::detach(const DnsSink* sink) {
  const std::lock_guard lock(mutex_);
  if (sink_.get() == sink) sink_.reset();
}

std::string DnsRelay::listen(const DnsSink* sink, const v1::DnsFrame::Listen& wanted) {
  const std::lock_guard lock(mutex_);
  if (sink_.get() != sink) return "another connection has replaced this one";
  std::set<in_addr_t> keep;
  std::string problem;
  for (const auto& bytes : wanted.addresses()) {
    in_addr address{};
    if (bytes.size() != sizeof address || bytes[0] != 127) {
      throw Error(Code::invalid_argument, "a name server to listen for is none of 127.0.0.0/8");
    }
    std::memcpy(&address, bytes.data(), sizeof address);
    keep.insert(address.s_addr);
    if (servers_.contains(address.s_addr)) continue;
    Server server;
    server.address = address;
    try {
      open(server);
      servers_.emplace(address.s_addr, std::move(server));
    } catch (const Error& error) {
      close(server);
      if (problem.empty()) problem = error.what();
    }
  }
  for (auto entry = servers_.begin(); entry != servers_.end();) {
    if (keep.contains(entry->first)) {
      ++entry;
      continue;
    }
    close(entry->second);
    entry = servers_.erase(entry);
  }
  rearm_listeners();
  return problem;
}

void DnsRelay::open(Server& server) {
  server.udp = listener(SOCK_DGRAM, server.address);
  server.tcp = listener(SOCK_STREAM, server.address);
  const auto key = server.address.s_addr;
  server.udp_token = loop_.add(server.udp.get(), [this, key](std::uint32_t) { udp_ready(key); });
  server.tcp_token = loop_.add(server.tcp.get(), [this, key](std::uint32_t) { tcp_ready(key); });
}

void DnsRelay::close(Server& server) {
  if (server.udp_token != 0) loop_.remove(server.udp_token, server.udp.get());
  if (server.tcp_token != 0) loop_.remove(server.tcp_token, server.tcp.get());
  server.udp.reset();
  server.tcp.reset();
}

void DnsRelay::rearm_listeners() {
  if (is_full()) return; // the next answer does it
  for (auto& [key, server] : servers_) {
    loop_.arm(server.udp_token, server.udp.get(), EPOLLIN);
    if (clients_.size() < most_clients) loop_.arm(server.tcp_token, server.tcp.get(), EPOLLIN);
  }
}

void DnsRelay::ask(Query query, bool tcp, std::string bytes) {
  while (queries_.contains(next_query_))
    ++next_query_;
  const auto id = next_query_++;
  queries_.emplace(id, query);
  sink_->send(query_frame(id, query.server, tcp, std::move(bytes)));
}

void DnsRelay::udp_ready(in_addr_t address) {
  const std::lock_guard lock(mutex_);
  const auto found = servers_.find(address);
  if (found == servers_.end()) return;
  auto& server = found->second;
  static thread_local std::string buffer(longest, '\0'); // on the loop's thread only
  while (!is_full()) {
    Query query;
    query.server = server.address;
    socklen_t length = sizeof query.peer;
    const auto n = ::recvfrom(server.udp.get(), buffer.data(), buffer.size(), 0,
                              reinterpret_cast<sockaddr*>(&query.peer), &length);
    if (n < 0) break;
    if (n >= static_cast<ssize_t>(header_size))
      ask(query, false, buffer.substr(0, static_cast<std::size_t>(n)));
  }
  if (!is_full()) loop_.arm(server.udp_token, server.udp.get(), EPOLLIN);
}

void DnsRelay::tcp_ready(in_addr_t address) {
  const std::lock_guard lock(mutex_);
  const auto found = servers_.find(address);
  if (found == servers_.end()) return;
  auto& server = found->second;
  while (clients_.size() < most_clients) {
    UniqueFd socket(::accept4(server.tcp.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) break;
    const auto key = next_client_++;
    auto& client = clients_[key];
    client.server = server.address;
    client.socket = std::move(socket);
    client.token = loop_.add(client.socket.get(), [this, key](std::uint32_t) { client_ready(key); });
    loop_.arm(client.token, client.socket.get(), EPOLLIN);
  }
  if (!is_full() && clients_.size() < most_clients) loop_.arm(server.tcp_token, server.tcp.get(), EPOLLIN);
}

void DnsRelay::client_ready(std::uint64_t key) {
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(key);
  if (found != clients_.end()) serve(key, found->second);
}

// One query of a connection at a time: writes what is due, then reads no further than the next message.
void DnsRelay::serve(std::uint64_t key, Client& client) {
  while (!client.output.empty()) {
    const auto n = ::send(client.socket.get(), client.output.data(), client.output.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) return loop_.arm(client.token, client.socket.get(), EPOLLOUT);
    if (n < 0) return close_client(key);
    client.output.erase(0, static_cast<std::size_t>(n));
  }
  if (client.asking) return;
  const auto wanted = [&] {
    if (client.input.size() < length_size) return length_size;
    return length_size + (static_cast<std::size_t>(static_cast<unsigned char>(client.input[0])) << 8U) +
           static_cast<unsigned char>(client.input[1]);
  };
  while (client.input.size() < wanted() || client.input.size() < length_size) {
    char bytes[4096];
    const auto room = std::min(sizeof bytes, wanted() - client.input.size());
    const auto n = ::recv(client.socket.get(), bytes, room, 0);
    if (n < 0 && errno == EAGAIN) return loop_.arm(client.token, client.socket.get(), EPOLLIN);
    if (n <= 0) return close_client(key);
    client.input.append(bytes, static_cast<std::size_t>(n));
  }
  auto message = client.input.substr(length_size);
  client.input.clear();
  if (message.size() < header_size || is_full()) return close_client(key);
  client.asking = true;
  Query query;
  query.server = client.server;
  query.client = key;
  ask(query, true, std::move(message));
}

void DnsRelay::answer(const DnsSink* sink, const v1::DnsFrame::Message& answer) {
  const std::lock_guard lock(mutex_);
  if (sink_.get() != sink) return;
  const auto found = queries_.find(answer.id());
  if (found == queries_.end()) return;
  const auto query = found->second;
  const bool was_full = is_full();
  queries_.erase(found);
  const auto& bytes = answer.bytes();
  if (query.client == 0) {
    const auto server = servers_.find(query.server.s_addr);
    if (server != servers_.end() && !bytes.empty())
      ::sendto(server->second.udp.get(), bytes.data(), bytes.size(), 0,
               reinterpret_cast<const sockaddr*>(&query.peer), sizeof query.peer);
  } else if (const auto client = clients_.find(query.client); client != clients_.end()) {
    client->second.asking = false;
    if (bytes.empty() || bytes.size() > longest) {
      close_client(query.client);
    } else {
      client->second.output = {static_cast<char>(bytes.size() >> 8U), static_cast<char>(bytes.size())};
      client->second.output += bytes;
      serve(query.client, client->second);
    }
  }
  if (was_full) rearm_listeners();
}

void DnsRelay::close_client(std::uint64_t key) {
  const auto found = clients_.find(key);
  if (found == clients_.end()) return;
  const bool was_full = clients_.size() >= most_clients;
  loop_.remove(found->second.token, found->second.socket.get());
  clients_.erase(found);
  if (was_full) rearm_listeners();
}

} // namespace nacre::agent
