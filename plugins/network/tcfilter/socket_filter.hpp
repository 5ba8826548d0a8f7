// A filter before the redirection, for what a link receives: frames that answer a socket of the network
// namespace itself go to that socket, the guest gets all others. Such sockets are few but real: Docker's
// resolver, which asks the world for names from within the container's namespace, or a program that an
// operator runs there.
//
// A BPF program (kernel: Documentation/bpf, man 7 bpf-helpers) asks the kernel for a socket that is connected
// to the frame's sender; one that listens, or is connected to nobody, takes nothing away from the guest.
// Answers of neighbours (ARP, IPv6 neighbour discovery) go to both.
#pragma once

#include "netlink.hpp"

#include <nacre/sdk/fd.hpp>

#include <cstdint>
#include <string>

namespace nacre::tcfilter {

// The loaded program; answers of neighbours go out by the link `guest` as well. Throws what the kernel says.
sdk::Fd load_socket_filter(std::uint32_t guest);

// Puts it into the ingress qdisc of the link `index` with this priority; `name` is the link's.
void attach_socket_filter(const Netlink& netlink, int program, std::uint32_t index, std::uint16_t priority,
                          const std::string& name);

} // namespace nacre::tcfilter
