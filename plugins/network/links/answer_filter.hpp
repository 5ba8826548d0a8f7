// A filter before all else, for what a link receives: frames that answer a socket of the network
// namespace itself go to that socket, the guest gets all others. Such sockets are few but real: Docker's
// resolver, which asks the world for names from within the container's namespace, or a program that an
// operator runs there.
//
// A BPF program (kernel: Documentation/bpf, man 7 bpf-helpers) asks the kernel for a socket that is connected
// to the frame's sender; one that listens, or is connected to nobody, takes nothing away from the guest.
// Answers of neighbours (ARP, IPv6 neighbour discovery) go to both.
#pragma once

#include "netlink.hpp"

#include <nacre/sdk/host.hpp>
#include <nacre/sdk/links.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace nacre::links {

struct AnswerWay {
  std::uint32_t guest = 0;     // the guest's end, a link: it has answers of neighbours as well
  bool guest_receives = false; // what that link receives is the guest's; else what it sends
  bool past_handler = false;   // a bridge or a macvlan sits on the link: frames for sockets must get past it
  bool hush_stack = false;     // what is the guest's must not reach the namespace's stack by the link
};

// Puts it into the ingress qdisc of `link`, whose name is `name`. Where the kernel has no such programs, the
// guest has its network all the same: a warning says what does not work.
void spare_answers(const sdk::Host& host, const Netlink& netlink, const AnswerWay& way, std::uint32_t link,
                   const std::string& name);

// The same on a link without an ingress qdisc, which it gets; undone by what is returned. A link that has one
// is left without the filter, with that warning.
sdk::Change spare_answers_on(const sdk::Host& host, std::shared_ptr<Netlink> netlink, int netns_fd,
                             const AnswerWay& way, const sdk::Link& link);

} // namespace nacre::links
