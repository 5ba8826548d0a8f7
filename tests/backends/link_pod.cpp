#include "link_pod.hpp"

#include <arpa/inet.h>
#include <catch.hpp>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sched.h>
#include <set>
#include <sstream>
#include <sys/socket.h>
#include <sys/wait.h>

namespace nacre::test {

using sdk::Fd;

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = ::popen(("exec 2>&1; " + command).c_str(), "r");
  char buffer[4096];
  while (std::fgets(buffer, sizeof buffer, pipe))
    text += buffer;
  const int status = ::pclose(pipe);
  INFO(command << ": " << text);
  REQUIRE(status == 0);
  return text;
}

Namespace::Namespace() {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  pid_ = ::fork();
  if (pid_ == 0) {
    const char ready = ::unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
    if (::write(writing.get(), &ready, 1) == 1) ::pause();
    ::_exit(1);
  }
  char ready = 'n';
  REQUIRE(::read(reading.get(), &ready, 1) == 1);
  REQUIRE(ready == 'y');
  fd_ = Fd(::open(("/proc/" + std::to_string(pid_) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
}

void Namespace::end() {
  fd_.reset();
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_ = -1;
}

std::string Namespace::entering() const {
  return "nsenter --net=/proc/" + std::to_string(pid_) + "/ns/net ";
}

LinkNet::LinkNet(std::string link_name, std::uint32_t link_mtu) : name(std::move(link_name)), mtu(link_mtu) {
  outside.run("ip link add peer address 02:00:00:00:00:01 mtu " + std::to_string(mtu) +
              " type veth peer name " + name + " address 02:00:00:00:00:02 mtu " + std::to_string(mtu) +
              " netns " + std::to_string(pod.pid()));
  outside.run("sysctl -qw net.ipv6.conf.peer.disable_ipv6=1");
  pod.run("sysctl -qw net.ipv6.conf." + name + ".disable_ipv6=1"); // nothing but our own frames is to be seen
  outside.run("ip link set peer up");
  pod.run("ip link set " + name + " up");
  pod.run("ip addr add 198.18.0.2/30 dev " + name);
  pod.run("ip route add default via 198.18.0.1");
}

sdk::Link LinkNet::link() const {
  sdk::Link link;
  link.name = name;
  link.kind = "veth";
  link.mac = {2, 0, 0, 0, 0, 2};
  link.mtu = mtu;
  link.hardware_type = ARPHRD_ETHER;
  in_netns(pod.fd(), [&] { link.index = ::if_nametoindex(name.c_str()); });
  return link;
}

Fd LinkNet::packet_socket() const {
  Fd socket;
  in_netns(outside.fd(), [&] {
    socket = Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(::if_nametoindex("peer"));
    sdk::check_errno(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
  });
  return socket;
}

void LinkNet::give_addresses() const {
  // No addresses of the kernel's own, which come when they come.
  outside.run("ip link set peer addrgenmode none");
  pod.run("ip link set " + name + " addrgenmode none");
  outside.run("sysctl -qw net.ipv6.conf.peer.disable_ipv6=0");
  pod.run("sysctl -qw net.ipv6.conf." + name + ".disable_ipv6=0");
  outside.run("ip addr add 198.18.0.1/30 dev peer");
  outside.run("ip addr add fd00:1::1/64 dev peer nodad");
  pod.run("ip addr add fd00:1::2/64 dev " + name + " nodad");
}

std::string LinkNet::state() const {
  return pod.run("sh -c 'ip -d link; ip addr; ip route; ip -6 route; ip neigh show nud permanent; tc qdisc; "
                 "tc filter show dev " +
                 name + " ingress; sysctl -a --pattern \"conf.(all|" + name + ")\"'");
}

LinkPod::LinkPod(TestHost& host, const std::string& plugin, const std::string& options)
    : ops_(static_cast<const nacre_network_ops*>(load_plugin("network", plugin).ops)) {
  const int status = ops_->create(host.raw(), nullptr, options.data(), options.size(), &net_, error());
  INFO(why());
  REQUIRE(status == 0);
}

LinkPod::~LinkPod() {
  if (endpoint_) ops_->close_endpoint(endpoint_);
  if (net_) ops_->destroy(net_);
}

bool LinkPod::claims(const sdk::Link& link) {
  sdk::Arena arena;
  std::uint32_t taken = 0;
  REQUIRE(ops_->claim(net_, sdk::to_c(link, arena), &taken, error()) == 0);
  return taken == 1;
}

int LinkPod::open(const LinkNet& net, std::vector<Fd>& fds, std::uint32_t queues) {
  sdk::EndpointRequest request;
  request.netns_fd = net.pod.fd();
  request.id = "net0";
  request.queues = queues;
  request.mac = net.link().mac;
  request.mtu = net.mtu;
  request.link_index = net.link().index;
  sdk::Arena arena;
  std::int32_t numbers[16];
  nacre_fds_out out{sizeof out, 16, numbers, 0, 0};
  nacre_endpoint_result result{};
  result.struct_size = sizeof result;
  const int status =
      ops_->open_endpoint(net_, nullptr, sdk::to_c(request, arena), &endpoint_, &result, &out, error());
  if (status != 0) return status;
  end_ = NACRE_SDK_GET(*result.host_end, ifname);
  for (std::uint32_t i = 0; i < out.count; ++i)
    fds.emplace_back(numbers[i]);
  return 0;
}

std::vector<Fd> LinkPod::opened(const LinkNet& net, std::uint32_t queues) {
  std::vector<Fd> fds;
  const int status = open(net, fds, queues);
  INFO(why());
  REQUIRE(status == 0);
  return fds;
}

int LinkPod::bind(const sdk::Link& link, const Namespace& pod, sdk::Binding* binding) {
  sdk::Arena arena;
  nacre_bind_result result{};
  result.struct_size = sizeof result;
  const int status = ops_->bind(endpoint_, nullptr, sdk::to_c(link, arena), pod.fd(), &result, error());
  if (status == 0 && binding) *binding = sdk::from_c(result);
  return status;
}

nacre_endpoint_stats LinkPod::stats() {
  nacre_endpoint_stats stats{};
  stats.struct_size = sizeof stats;
  REQUIRE(ops_->stats(endpoint_, &stats, error()) == 0);
  return stats;
}

nacre_error* LinkPod::error() {
  error_ = {};
  error_.struct_size = sizeof error_;
  return &error_;
}

std::string difference(const std::string& before, const std::string& after) {
  const auto lines_of = [](const std::string& text) {
    std::multiset<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
      lines.insert(line);
    return lines;
  };
  const auto old_lines = lines_of(before), new_lines = lines_of(after);
  std::string text;
  for (const auto& line : old_lines)
    if (!new_lines.contains(line)) text += "- " + line + '\n';
  for (const auto& line : new_lines)
    if (!old_lines.contains(line)) text += "+ " + line + '\n';
  return text;
}

std::string frame(const std::string& payload) {
  return std::string("\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\xb5", 14) + payload + std::string(64, '.');
}

bool arrives(int fd, const std::string& payload) {
  while (true) {
    pollfd set{fd, POLLIN, 0};
    if (::poll(&set, 1, 5000) != 1) return false;
    char buffer[65600];
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count > 0 && std::string(buffer, static_cast<std::size_t>(count)).find(payload) != std::string::npos)
      return true;
  }
}

void undo_elsewhere(const std::string& plugin, const std::string& record) {
  ::setenv("NACRE_TEST_PLUGIN", plugin.c_str(), 1);
  ::setenv("NACRE_TEST_RECORD", record.c_str(), 1);
  const std::string program = output_of("readlink /proc/" + std::to_string(::getpid()) + "/exe");
  output_of(program.substr(0, program.size() - 1) + " '[.undo-helper]'");
}

void undo_given() {
  TestHost host;
  nacre_error error{};
  error.struct_size = sizeof error;
  const auto& ops =
      *static_cast<const nacre_network_ops*>(load_plugin("network", std::getenv("NACRE_TEST_PLUGIN")).ops);
  const std::string record = std::getenv("NACRE_TEST_RECORD");
  const int status = ops.undo(host.raw(), nullptr, record.data(), record.size(), &error);
  INFO(error.what);
  REQUIRE(status == 0);
}

} // namespace nacre::test
