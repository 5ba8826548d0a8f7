#include "sandbox/dns_upstream.hpp"

#include "base/error.hpp"
#include "sandbox/netns_scan.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <utility>

namespace nacre::sandbox {
namespace {

constexpr std::uint16_t port = 53;
constexpr std::size_t header_size = 12; // RFC 1035, 4.1.1
constexpr std::size_t longest = 65535;
constexpr unsigned char response_bit = 0x80; // of the third byte
constexpr unsigned char server_failure = 2;  // in the fourth

unsigned char byte(const std::string& text, std::size_t index) {
  return static_cast<unsigned char>(text[index]);
}

bool is_query(const std::string& message) {
  return message.size() >= header_size && message.size() <= longest && (byte(message, 2) & response_bit) == 0;
}

bool is_answer(const std::string& message) {
  return message.size() >= header_size && (byte(message, 2) & response_bit) != 0;
}

void set_id(std::string& message, std::uint16_t id) {
  message[0] = static_cast<char>(id >> 8);
  message[1] = static_cast<char>(id);
}

std::uint16_t id_of(const std::string& message) {
  return static_cast<std::uint16_t>((byte(message, 0) << 8) | byte(message, 1));
}

// The question, sent back as one that could not be answered.
std::string failure_of(std::string query) {
  query[2] = static_cast<char>(byte(query, 2) | response_bit);
  query[3] = static_cast<char>(server_failure);
  return query;
}

sockaddr_in name_of(std::uint32_t address) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = address;
  name.sin_port = htons(port);
  return name;
}

// Not to be guessed: whoever else can send to the socket must not answer for the server.
std::uint16_t random_id() {
  std::uint16_t id = 0;
  if (::getrandom(&id, sizeof id, 0) != sizeof id) throw_errno("read random bytes");
  return id;
}

} // namespace

DnsUpstream::~DnsUpstream() {
  for (auto& [address, one] : servers_) {
    loop_.remove(one.watch);
    for (auto& [id, question] : one.questions)
      loop_.cancel(question.timer);
  }
  for (auto& [key, connection] : connections_) {
    loop_.remove(connection.watch);
    loop_.cancel(connection.question.timer);
  }
}

void DnsUpstream::ask(std::uint32_t address, bool tcp, std::string query, Answered answered) {
  if (!is_query(query)) return answered({});
  Question question{std::move(query), std::move(answered), 0};
  if (tcp)
    ask_by_tcp(address, std::move(question));
  else
    ask_by_udp(address, std::move(question));
}

DnsUpstream::Server& DnsUpstream::server(std::uint32_t address) {
  auto& one = servers_[address];
  if (one.socket) return one;
  UniqueFd socket = socket_in_netns(netns_fd_, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  const auto name = name_of(address);
  // Connected: the kernel drops what comes from anybody else, and tells when nobody listens.
  check_errno(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name),
              "reach a name server of the pod");
  one.watch = loop_.add(socket.get(), EPOLLIN, [this, address](std::uint32_t) { datagrams(address); });
  one.socket = std::move(socket);
  return one;
}

void DnsUpstream::ask_by_udp(std::uint32_t address, Question question) {
  std::string packet = question.query;
  try {
    auto& one = server(address);
    std::uint16_t id = random_id();
    while (one.questions.contains(id))
      ++id; // as many as the caller has under way, far fewer than 65536
    set_id(packet, id);
    ssize_t sent;
    do // an error that an earlier packet has met is told here, once
      sent = ::send(one.socket.get(), packet.data(), packet.size(), MSG_NOSIGNAL);
    while (sent < 0 && errno == ECONNREFUSED);
    if (sent < 0) throw_errno("ask a name server of the pod");
    question.timer = loop_.after(patience, [this, address, id] {
      auto late = servers_[address].questions.extract(id);
      if (late) late.mapped().answered({}); // who asked asks again, or gives up, as with any server
    });
    one.questions.emplace(id, std::move(question));
  } catch (const Error&) {
    question.answered(failure_of(std::move(question.query)));
  }
}

void DnsUpstream::datagrams(std::uint32_t address) {
  auto& one = servers_[address];
  static thread_local std::string buffer(longest, '\0');
  for (;;) {
    const ssize_t got = ::recv(one.socket.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == ECONNREFUSED) { // nobody listens: it says not for which of them
      for (auto& [id, question] : std::exchange(one.questions, {})) {
        loop_.cancel(question.timer);
        question.answered(failure_of(std::move(question.query)));
      }
      continue;
    }
    if (got < 0) return;
    std::string answer = buffer.substr(0, static_cast<std::size_t>(got));
    if (!is_answer(answer)) continue;
    auto asked = one.questions.extract(id_of(answer));
    if (!asked) continue; // too late
    auto& question = asked.mapped();
    loop_.cancel(question.timer);
    set_id(answer, id_of(question.query));
    question.answered(std::move(answer));
  }
}

void DnsUpstream::ask_by_tcp(std::uint32_t address, Question question) {
  const auto key = next_connection_++;
  Connection connection;
  connection.output = {static_cast<char>(question.query.size() >> 8),
                       static_cast<char>(question.query.size())};
  connection.output += question.query;
  try {
    connection.socket = socket_in_netns(netns_fd_, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const auto name = name_of(address);
    if (::connect(connection.socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) < 0 &&
        errno != EINPROGRESS)
      throw_errno("reach a name server of the pod");
    connection.watch =
        loop_.add(connection.socket.get(), EPOLLOUT, [this, key](std::uint32_t) { stream_ready(key); });
  } catch (const Error&) {
    return question.answered(failure_of(std::move(question.query)));
  }
  question.timer = loop_.after(patience, [this, key] { finish(key, {}); });
  connection.question = std::move(question);
  connections_.emplace(key, std::move(connection));
}

void DnsUpstream::stream_ready(std::uint64_t key) {
  auto& connection = connections_.at(key);
  const auto fail = [&] { finish(key, failure_of(connection.question.query)); };
  while (!connection.output.empty()) {
    const ssize_t sent =
        ::send(connection.socket.get(), connection.output.data(), connection.output.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return fail();
    connection.output.erase(0, static_cast<std::size_t>(sent));
    if (connection.output.empty()) loop_.modify(connection.watch, EPOLLIN);
  }
  for (;;) {
    char bytes[4096];
    const ssize_t got = ::recv(connection.socket.get(), bytes, sizeof bytes, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return fail();
    connection.input.append(bytes, static_cast<std::size_t>(got));
    if (connection.input.size() < 2) continue;
    const std::size_t length = id_of(connection.input); // two bytes, as an id
    if (connection.input.size() < 2 + length) continue;
    std::string answer = connection.input.substr(2, length);
    if (!is_answer(answer) || id_of(answer) != id_of(connection.question.query)) return fail();
    return finish(key, std::move(answer));
  }
}

void DnsUpstream::finish(std::uint64_t key, std::string answer) {
  auto connection = connections_.extract(key);
  if (!connection) return;
  auto& one = connection.mapped();
  loop_.remove(one.watch);
  loop_.cancel(one.question.timer);
  one.socket.reset();
  one.question.answered(std::move(answer));
}

} // namespace nacre::sandbox
