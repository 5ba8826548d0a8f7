// Owners for libnl's objects, and its errors as ours.
#pragma once

#include "error.hpp"

#include <memory>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>
#include <string>
#include <string_view>

namespace nacre::agent::netlink {

template <auto function> struct Releases {
  template <typename T> void operator()(T* object) const { function(object); }
};

using Socket = std::unique_ptr<nl_sock, Releases<nl_socket_free>>;
using Cache = std::unique_ptr<nl_cache, Releases<nl_cache_free>>;
using Link = std::unique_ptr<rtnl_link, Releases<rtnl_link_put>>;
using Address = std::unique_ptr<rtnl_addr, Releases<rtnl_addr_put>>;
using Route = std::unique_ptr<rtnl_route, Releases<rtnl_route_put>>;
using Neighbour = std::unique_ptr<rtnl_neigh, Releases<rtnl_neigh_put>>;
using RawAddress = std::unique_ptr<nl_addr, Releases<nl_addr_put>>;

// A socket connected to rtnetlink. Throws Error.
Socket connect();

// Throws Error unless libnl's result is good or `-tolerated`.
void check(int result, std::string_view operation, std::string_view object, int tolerated = 0);

// An address in libnl's form; family is 4 or 6, as in agent.proto. An empty one is the family's default.
// Throws Error when its length does not fit the family.
RawAddress raw_address(unsigned family, std::string_view bytes, unsigned prefix_length);
std::string bytes_of(nl_addr* address);
std::string text_of(nl_addr* address);
int kernel_family(unsigned family);   // 4 -> AF_INET
unsigned protocol_family(int family); // AF_INET -> 4; 0 for others

// Calls `visit` with each object of a cache.
template <typename T, typename Visit> void for_each(const Cache& cache, Visit&& visit) {
  for (auto* object = nl_cache_get_first(cache.get()); object != nullptr;
       object = nl_cache_get_next(object)) {
    visit(reinterpret_cast<T*>(object));
  }
}

Cache links(nl_sock* socket);
Cache addresses(nl_sock* socket);
Cache routes(nl_sock* socket);
Cache neighbours(nl_sock* socket);

} // namespace nacre::agent::netlink
