#include "netlink.hpp"

#include <sys/socket.h>

namespace nacre::agent::netlink {

Socket connect() {
  Socket socket(nl_socket_alloc());
  if (!socket) throw Error(Code::resource_exhausted, "no memory for a netlink socket");
  check(nl_connect(socket.get(), NETLINK_ROUTE), "cannot connect to", "rtnetlink");
  return socket;
}

void check(int result, std::string_view operation, std::string_view object, int tolerated) {
  if (result >= 0 || (tolerated != 0 && result == -tolerated)) return;
  throw Error(Code::internal, std::string(operation) + " " + quoted(object) + ": " + nl_geterror(result));
}

int kernel_family(unsigned family) {
  if (family == 4) return AF_INET;
  if (family == 6) return AF_INET6;
  throw Error(Code::invalid_argument, "address family " + std::to_string(family) + " is neither 4 nor 6");
}

unsigned protocol_family(int family) {
  return family == AF_INET ? 4 : family == AF_INET6 ? 6 : 0;
}

RawAddress raw_address(unsigned family, std::string_view bytes, unsigned prefix_length) {
  const auto kernel = kernel_family(family);
  const std::size_t size = family == 4 ? 4 : 16;
  if ((!bytes.empty() && bytes.size() != size) || prefix_length > size * 8) {
    throw Error(Code::invalid_argument, "an address of family " + std::to_string(family) + " has " +
                                            std::to_string(bytes.size()) + " bytes and prefix length " +
                                            std::to_string(prefix_length));
  }
  RawAddress address(nl_addr_build(kernel, bytes.data(), bytes.size()));
  if (!address) throw Error(Code::resource_exhausted, "no memory for an address");
  nl_addr_set_prefixlen(address.get(), static_cast<int>(prefix_length));
  return address;
}

std::string bytes_of(nl_addr* address) {
  if (address == nullptr) return {};
  return {static_cast<const char*>(nl_addr_get_binary_addr(address)), nl_addr_get_len(address)};
}

std::string text_of(nl_addr* address) {
  char text[128];
  return nl_addr2str(address, text, sizeof text);
}

namespace {

template <typename Fill> Cache filled(Fill fill, const char* what) {
  nl_cache* cache = nullptr;
  check(fill(&cache), "cannot list", what);
  return Cache(cache);
}

} // namespace

Cache links(nl_sock* socket) {
  return filled([&](nl_cache** out) { return rtnl_link_alloc_cache(socket, AF_UNSPEC, out); }, "links");
}

Cache addresses(nl_sock* socket) {
  return filled([&](nl_cache** out) { return rtnl_addr_alloc_cache(socket, out); }, "addresses");
}

Cache routes(nl_sock* socket) {
  return filled([&](nl_cache** out) { return rtnl_route_alloc_cache(socket, AF_UNSPEC, 0, out); }, "routes");
}

Cache neighbours(nl_sock* socket) {
  return filled([&](nl_cache** out) { return rtnl_neigh_alloc_cache(socket, out); }, "neighbours");
}

} // namespace nacre::agent::netlink
