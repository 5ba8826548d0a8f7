// Network `offline`: the guest has a NIC for each link of the pod, with its addresses and routes, and
// whatever it sends is thrown away. For programs that insist on a network card in a sandbox that must have no
// way out. The links themselves are not touched.
#include <nacre/sdk/network.hpp>

#include <array>
#include <atomic>
#include <csignal>
#include <linux/if_arp.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace nacre::sdk;

// The hypervisor's end is a stream of frames, each after its length in 4 bytes (NACRE_END_STREAM). Nobody may
// stop reading: the guest's queue would fill up, and its programs would hang instead of waiting for an answer
// in vain.
class Drain {
public:
  explicit Drain(Fd fd) : fd_(std::move(fd)) {
    // A thread of a plugin has all signals blocked: the process's own are the host's.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { read_all(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  ~Drain() {
    ::shutdown(fd_.get(), SHUT_RDWR); // ends the read
    thread_.join();
  }
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;
  std::uint64_t bytes() const { return bytes_; }

private:
  void read_all() {
    std::array<char, 65536> frames;
    for (ssize_t got; (got = ::read(fd_.get(), frames.data(), frames.size())) != 0;) {
      if (got > 0)
        bytes_ += static_cast<std::uint64_t>(got);
      else if (errno != EINTR)
        return;
    }
  }

  Fd fd_;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::thread thread_;
};

class Nowhere : public Endpoint {
public:
  explicit Nowhere(const EndpointRequest& request) {
    int pair[2];
    check_errno(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "make a socket pair");
    drain_.emplace(Fd(pair[0]));
    device_.host.kind = NACRE_END_STREAM;
    device_.host.fds.push_back(Fd(pair[1]));
    device_.guest.kind = NACRE_DEVICE_NET;
    device_.guest.id = request.id;
    device_.guest.mac = request.mac;
    device_.guest.mtu = request.mtu;
  }

  Device device() override { return std::move(device_); }

  // Addresses and routes are the link's, since none are given here; so is the MAC.
  Binding bind(const Call&, const Link& link, int) override {
    Binding binding;
    binding.mac = link.mac;
    binding.mtu = link.mtu;
    return binding;
  }
  void unbind(const Call&) override {} // bind() has changed nothing

  nacre_endpoint_stats stats() override {
    nacre_endpoint_stats stats{};
    stats.struct_size = sizeof stats;
    stats.tx_bytes = drain_->bytes();
    stats.tx_dropped = stats.tx_bytes > 0 ? 1 : 0;
    return stats;
  }

private:
  Device device_;
  std::optional<Drain> drain_;
};

class Offline : public Network {
public:
  Offline(Host, const Call&, const Options&) {}

  bool claim(const Link& link) override { return link.hardware_type == ARPHRD_ETHER; }

  std::unique_ptr<Endpoint> open_endpoint(const Call&, const EndpointRequest& request) override {
    return std::make_unique<Nowhere>(request);
  }
};

} // namespace

NACRE_PLUGIN_DEFINE(network, "offline", "1.0", "Apache-2.0", 0, NACRE_NET_LATE_BIND, "[]",
                    &nacre::sdk::network_table<Offline>);
