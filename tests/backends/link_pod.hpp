// A pod's network namespace with one veth, and a network plugin's .so at work on it.
#pragma once

#include "test_host.hpp"

#include <nacre/sdk/network.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace nacre::test {

// Of a command of the shell, which must succeed.
std::string output_of(const std::string& command);

// A process that does nothing but keep a network namespace, as the holder of a container does.
class Namespace {
public:
  Namespace();
  ~Namespace() { end(); }
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;

  int fd() const { return fd_.get(); }
  int pid() const { return pid_; }
  void end();
  std::string entering() const; // the words before a command that is to run there
  std::string run(const std::string& command) const { return output_of(entering() + command); }

private:
  int pid_ = -1;
  sdk::Fd fd_;
};

// "eth0" (198.18.0.2/30) in the pod, "peer" in a namespace beside it.
struct LinkNet {
  Namespace outside, pod;
  std::string name; // of the pod's link
  std::uint32_t mtu;
  explicit LinkNet(std::string name = "eth0", std::uint32_t mtu = 1400);

  sdk::Link link() const;
  sdk::Fd packet_socket() const;
  void give_addresses() const; // fd00:1::2/64 in the pod; 198.18.0.1/30 and fd00:1::1/64 beside it
  // Links with all that belongs to them: addresses, routes, neighbours, qdiscs, filters, sysctls.
  std::string state() const;
};

// The caller's side of the table: one pod with one endpoint.
class LinkPod {
public:
  LinkPod(TestHost& host, const std::string& plugin, const std::string& options = "{}");
  ~LinkPod();
  LinkPod(const LinkPod&) = delete;
  LinkPod& operator=(const LinkPod&) = delete;

  const nacre_network_ops& ops() const { return *ops_; }
  bool claims(const sdk::Link& link);
  int open(const LinkNet& net, std::vector<sdk::Fd>& fds, std::uint32_t queues = 1);
  std::vector<sdk::Fd> opened(const LinkNet& net, std::uint32_t queues = 1); // which must succeed
  int bind(const LinkNet& net, sdk::Binding* binding = nullptr) { return bind(net.link(), net.pod, binding); }
  int bind(const sdk::Link& link, const Namespace& pod, sdk::Binding* binding = nullptr);
  int unbind() { return ops_->unbind(endpoint_, nullptr, error()); }
  nacre_endpoint_stats stats();
  const std::string& end() const { return end_; } // name of the host's end
  std::string why() const { return error_.what; }
  void leave() { endpoint_ = nullptr, net_ = nullptr; } // as a process that is killed

private:
  nacre_error* error();

  const nacre_network_ops* ops_;
  nacre_net* net_ = nullptr;
  nacre_endpoint* endpoint_ = nullptr;
  std::string end_;
  nacre_error error_{};
};

// The lines that one state has and the other has not; "" when they are equal.
std::string difference(const std::string& before, const std::string& after);

// From the peer's MAC to the link's.
std::string frame(const std::string& payload);
// The next frame or datagram that holds `payload`; others (the kernel's own) are skipped.
bool arrives(int fd, const std::string& payload);

// In a process of its own, as `nacre delete` does it for a sandbox process that was killed. The test program
// must have a test case that calls undo_given().
void undo_elsewhere(const std::string& plugin, const std::string& record);
void undo_given();

} // namespace nacre::test
