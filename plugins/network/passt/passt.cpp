// Network `passt`: one NIC for a network namespace that others live in. What the guest sends is translated to
// sockets in that namespace by passt, a process of the pod's own; no link, route or rule there is touched.
#include <nacre/sdk/network.hpp>
#include <nacre/sdk/options.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <net/if_arp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace nacre::sdk;

constexpr char options_schema[] = R"json([
{"key":"passt_path","type":"string","default":"","help":"the program passt, an absolute path; empty: where Debian has it"}
])json";

constexpr char debian_place[] = "/usr/bin/passt";
constexpr std::uint32_t socket_of_passt = 3;
// Of the gateway as the guest sees it: passt would take that of the namespace's link, which the guest's NIC
// may have.
constexpr char gateway_mac[] = "9a:55:9a:55:9a:55";
// Frames have no wire to fit on. passt makes them as large as IPv4 allows, whatever it was told of the MTU.
constexpr std::uint32_t mtu = 65520;

std::string program_of(const Options& options) {
  const auto path = options.string_or("passt_path", "");
  if (!path.empty() && path[0] != '/')
    throw Error(NACRE_E_INVALID_ARGUMENT, "passt_path \"" + path + "\" is not an absolute path");
  return path.empty() ? debian_place : path;
}

bool is_link_local(const Address& address) {
  return address.family == 6 && address.address[0] == 0xfe && (address.address[1] & 0xc0) == 0x80;
}

std::string text_of(const Address& address) {
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(address.family == 6 ? AF_INET6 : AF_INET, address.address.data(), text, sizeof text);
  return text;
}

// Addresses and routes are set by the agent. No port is forwarded: those that it takes on the host it would
// take for good, and they are fixed when it starts. The gateway's address is the gateway's own, as on the
// host. passt is told of link and addresses, since it finds none by itself where there is no route by a
// gateway.
std::vector<std::string> command_line(const std::string& program, const Link& link) {
  std::vector<std::string> words = {
      program,       "--foreground", "--stderr",    "--quiet", "--fd",        std::to_string(socket_of_passt),
      "--mac-addr",  gateway_mac,    "--tcp-ports", "none",    "--udp-ports", "none",
      "--no-map-gw", "--no-dhcp",    "--no-dhcpv6", "--no-ra", "--interface", link.name};
  for (const std::uint32_t family : {4u, 6u}) {
    const auto address = std::find_if(link.addresses.begin(), link.addresses.end(), [&](const Address& one) {
      return one.family == family && !is_link_local(one);
    });
    if (address == link.addresses.end()) continue;
    for (const auto* option : {"--address", "--gateway"}) {
      words.emplace_back(option);
      words.push_back(text_of(*address));
    }
  }
  return words;
}

class PasstEndpoint : public Endpoint {
public:
  PasstEndpoint(Host host, std::string program, const EndpointRequest& request)
      : host_(host), program_(std::move(program)) {
    int pair[2];
    check_errno(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "make the NIC's socket");
    passts_end_ = Fd(pair[0]);
    device_.host.kind = NACRE_END_STREAM;
    device_.host.fds.emplace_back(pair[1]);
    device_.guest.kind = NACRE_DEVICE_NET;
    device_.guest.id = request.id;
    device_.guest.mac = request.mac;
  }

  Device device() override { return std::move(device_); }

  // passt ends with the hypervisor's end of the socket, and with the sandbox.
  Binding bind(const Call& call, const Link& link, int netns_fd) override {
    Spawn spawn;
    spawn.role = "passt";
    spawn.argv = command_line(program_, link);
    spawn.fds.push_back({std::move(passts_end_), socket_of_passt});
    spawn.netns_fd = netns_fd;
    host_.spawn(call, std::move(spawn));
    Binding binding;
    binding.mac = link.mac;
    binding.mtu = mtu;
    return binding;
  }
  void unbind(const Call&) override {} // nothing was changed

private:
  Host host_;
  std::string program_;
  Fd passts_end_;
  Device device_;
};

class Passt : public Network {
public:
  Passt(Host host, const Call&, const Options& options) : host_(host), program_(program_of(options)) {}

  static Probe probe(Host, const Call&, const Options& options) {
    const auto program = program_of(options);
    if (::access(program.c_str(), X_OK) == 0) return Probe::ok(program);
    return Probe::skip("\"" + program + "\" cannot be run: " + std::strerror(errno) +
                       "; install Debian's package passt, or set passt_path in [network.passt]");
  }

  // The one that the core has made of all.
  bool claim(const Link& link) override { return link.hardware_type != ARPHRD_LOOPBACK; }

  std::unique_ptr<Endpoint> open_endpoint(const Call&, const EndpointRequest& request) override {
    return std::make_unique<PasstEndpoint>(host_, program_, request);
  }

private:
  Host host_;
  std::string program_;
};

} // namespace

NACRE_PLUGIN_DEFINE(network, "passt", "0.1.0", "Apache-2.0", 0, NACRE_NET_WHOLE_NAMESPACE, options_schema,
                    &nacre::sdk::network_table<Passt>);
