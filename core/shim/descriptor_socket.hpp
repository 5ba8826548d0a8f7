// The receiving end of the descriptor socket: keeps bundles of descriptors until the Task call that names
// their token takes them, or the connection that sent them closes.
#pragma once

#include "base/unique_fd.hpp"
#include "ttrpc/descriptors.hpp"
#include "ttrpc/event_loop.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace nacre::shim {

using DescriptorBundle = std::map<std::uint32_t, UniqueFd>; // slot -> descriptor

class DescriptorSocket {
public:
  // `log` gets a sentence for every connection closed for a fault of its peer. `loop` must outlive this
  // object.
  DescriptorSocket(ttrpc::EventLoop& loop, std::function<void(const std::string&)> log);
  ~DescriptorSocket(); // when the loop does not run any more
  DescriptorSocket(const DescriptorSocket&) = delete;
  DescriptorSocket& operator=(const DescriptorSocket&) = delete;

  // Both on the loop's thread, or before it runs. `listening_socket` is a SOCK_SEQPACKET one.
  void listen(UniqueFd listening_socket);
  void add_connection(UniqueFd socket);

  // From any thread. Throws Error(not_found) when there is no such bundle: never sent, taken, or its sender
  // gone.
  DescriptorBundle take(const std::string& token);

private:
  struct Bundle {
    int connection;
    DescriptorBundle descriptors;
  };
  void accept_one();
  void readable(int connection);
  std::string store(int connection, ttrpc::Packet packet); // the reply's error
  void close(int connection);

  ttrpc::EventLoop& loop_;
  std::function<void(const std::string&)> log_;
  UniqueFd listener_;
  std::map<int, UniqueFd> connections_; // by number; loop's thread
  std::mutex mutex_;
  std::map<std::string, Bundle> bundles_;
};

} // namespace nacre::shim
