// Name servers on the loopback of the pod's network namespace, for the guest: Docker's embedded one, at
// 127.0.0.11 in every container on a network with names, is reached from that namespace only, which holds no
// process of the container's but the holder. The agent listens at the same address in the guest; the queries
// come over its connection and are asked from sockets in the namespace.
//
// The guest is not trusted: size, number under way and rate of what it asks are bounded here, by not reading
// on.
#pragma once

#include "agent_client/dns_stream.hpp"
#include "agent_client/io_loop.hpp"
#include "base/error.hpp"
#include "sandbox/dns_upstream.hpp"
#include "sandbox/resolv_conf.hpp"

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace nacre::sandbox {

// From any thread but the loop's, unless it says so.
class PodDns {
public:
  // `netns_fd` is borrowed and stays open. `warn` is called on the loop's thread.
  PodDns(agent_client::IoLoop& loop, int netns_fd, std::function<void(const std::string&)> warn);
  ~PodDns() { stop(); }
  PodDns(const PodDns&) = delete;
  PodDns& operator=(const PodDns&) = delete;

  // Serves what a container's resolv.conf names, now and whenever it changes. "": it has none.
  void follow(const std::string& resolv_conf);
  // The guest is there. Nothing goes over the connection while no resolv.conf names a server of the loopback.
  void serve(std::shared_ptr<agent_client::AgentClient> client);
  // Until the guest listens where it is to; a guest that cannot is warned of, not waited for.
  void wait_listening(std::chrono::milliseconds patience);
  // Idempotent; before the connection ends.
  void stop() noexcept;

private:
  using Query = agent_client::v1::DnsFrame::Message;

  void update(); // these on the loop's thread
  void open();
  bool ask(Query&& query);
  bool may_ask();
  void read_on();
  void answered(std::uint32_t id, std::string answer);
  void listening(const std::string& problem);
  void ended(const std::optional<Error>& error);
  void set_awaited(bool awaited);

  agent_client::IoLoop& loop_;
  std::function<void(const std::string&)> warn_;
  std::unique_ptr<DnsUpstream> upstream_;
  std::list<ResolvConfWatch> files_;
  std::shared_ptr<agent_client::AgentClient> client_;
  std::shared_ptr<agent_client::DnsStream> stream_;
  std::vector<std::uint32_t> told_; // addresses
  std::size_t under_way_ = 0;
  double tokens_;
  std::chrono::steady_clock::time_point filled_;
  agent_client::IoLoop::Id refill_ = 0;
  bool full_ = false; // the stream waits for read_on()
  bool stopped_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool awaited_ = false; // under mutex_: the guest was told and has not answered
};

} // namespace nacre::sandbox
