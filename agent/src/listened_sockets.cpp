#include "listened_sockets.hpp"

#include "error.hpp"
#include "file.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <vector>

namespace nacre::agent {

namespace {

constexpr const char* own_folder = "/run/nacre/";

UniqueFd listen_at(const v1::ListenedSocket& wanted) {
  const auto& path = wanted.path();
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (!path.starts_with(own_folder) || path.find("/../") != std::string::npos ||
      path.size() >= sizeof name.sun_path) {
    throw Error(Code::invalid_argument,
                "socket " + quoted(path) + " is not a short path below " + own_folder);
  }
  path.copy(name.sun_path, path.size());
  make_folders(parent_of(path));
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) < 0) {
    throw system_error("cannot make socket", path);
  }
  // Nobody connects before it is the container's, which finds the host's owner and mode.
  if (::chown(path.c_str(), wanted.uid(), wanted.gid()) < 0 || ::chmod(path.c_str(), wanted.mode()) < 0 ||
      ::listen(fd.get(), SOMAXCONN) < 0) {
    const auto error = system_error("cannot listen at", path);
    ::unlink(path.c_str());
    throw error;
  }
  return fd;
}

} // namespace

ListenedSockets::~ListenedSockets() {
  for (const auto& [path, socket] : sockets_)
    loop_.remove(socket.token, socket.fd.get());
}

void ListenedSockets::listen(const v1::ListenedSocket& wanted) {
  const std::lock_guard lock(mutex_);
  const auto path = wanted.path();
  require_new(path);
  keep(path, listen_at(wanted));
}

void ListenedSockets::add(const std::string& name, UniqueFd listening) {
  const std::lock_guard lock(mutex_);
  require_new(name);
  keep(name, std::move(listening));
}

void ListenedSockets::require_new(const std::string& path) const {
  if (sockets_.contains(path))
    throw Error(Code::already_exists, "socket " + quoted(path) + " exists already");
}

void ListenedSockets::keep(const std::string& path, UniqueFd fd) {
  Socket socket;
  socket.fd = std::move(fd);
  socket.token = loop_.add(socket.fd.get(), [this, path](std::uint32_t) { ready(path); });
  sockets_.emplace(path, std::move(socket));
}

void ListenedSockets::close(const std::string& path) {
  Socket socket;
  {
    const std::lock_guard lock(mutex_);
    const auto found = sockets_.find(path);
    if (found == sockets_.end()) return;
    socket = std::move(found->second);
    sockets_.erase(found);
    loop_.remove(socket.token, socket.fd.get());
  }
  if (path.starts_with('/')) ::unlink(path.c_str());
  for (const auto& waiting : socket.takers)
    if (const auto taker = waiting.lock()) taker->socket_gone();
}

void ListenedSockets::take(const std::string& path, std::weak_ptr<ConnectionTaker> taker) {
  const std::lock_guard lock(mutex_);
  const auto found = sockets_.find(path);
  if (found == sockets_.end()) throw Error(Code::not_found, "socket " + quoted(path) + " does not exist");
  found->second.takers.push_back(std::move(taker));
  loop_.arm(found->second.token, found->second.fd.get(), EPOLLIN);
}

void ListenedSockets::ready(const std::string& path) {
  std::vector<std::pair<std::shared_ptr<ConnectionTaker>, UniqueFd>> taken;
  {
    const std::lock_guard lock(mutex_);
    const auto found = sockets_.find(path);
    if (found == sockets_.end()) return;
    auto& [fd, token, takers] = found->second;
    while (!takers.empty()) {
      auto taker = takers.front().lock();
      if (taker) {
        UniqueFd connection(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!connection) break;
        taken.emplace_back(std::move(taker), std::move(connection));
      }
      takers.pop_front();
    }
    if (!takers.empty()) loop_.arm(token, fd.get(), EPOLLIN);
  }
  for (auto& [taker, connection] : taken)
    taker->taken(std::move(connection));
}

} // namespace nacre::agent
