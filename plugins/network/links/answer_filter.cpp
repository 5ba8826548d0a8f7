#include "answer_filter.hpp"

#include "bpf_assembler.hpp"
#include "bpf_program.hpp"
#include "link_qdisc.hpp"
#include "traffic_control.hpp"

#include <arpa/inet.h>
#include <array>
#include <cstddef>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

namespace nacre::links {
namespace {

constexpr BpfAssembler::Register result = 0, argument1 = 1, argument2 = 2, argument3 = 3, argument4 = 4,
                                 argument5 = 5, frame = 6, protocol = 7, kind = 8, stack = 10;

// Of a frame, from its first byte.
constexpr std::int32_t network_header = ETH_HLEN;
constexpr std::int32_t arp_operation = network_header + 6;
constexpr std::int32_t ip4_addresses = network_header + 12; // source, destination, and the ports behind them
constexpr std::int32_t ip6_addresses = network_header + 8;
constexpr std::int32_t icmp6_type = network_header + 40;
constexpr std::int32_t ip4_tuple_size = 12, ip6_tuple_size = 36; // as in struct bpf_sock_tuple

// Below the top of the stack.
constexpr std::int16_t tuple_at = -40, header_at = -48;

// Numbers of the kernel's enum that struct bpf_sock's `state` has (include/net/tcp_states.h);
// uapi/linux/bpf.h has them too, but not in Debian 12's form.
constexpr std::int32_t state_close = 7, state_listen = 10;

// Copies `size` bytes at `offset` of the frame to `at` on the stack, or leaves it to the guest.
void copy_of_frame(BpfAssembler& to, std::int32_t offset, std::int16_t at, std::int32_t size) {
  to.copy(argument1, frame);
  to.set(argument2, offset);
  to.copy(argument3, stack);
  to.increase(argument3, at);
  to.set(argument4, size);
  to.call(BPF_FUNC_skb_load_bytes);
  to.jump_unless_equal(result, 0, "guest");
}

// Is there a socket which is connected to the sender? Its addresses and ports are the tuple on the stack.
void look_up(BpfAssembler& to, std::int32_t helper, std::int32_t tuple_size) {
  to.copy(argument1, frame);
  to.copy(argument2, stack);
  to.increase(argument2, tuple_at);
  to.set(argument3, tuple_size);
  to.set(argument4, BPF_F_CURRENT_NETNS);
  to.set(argument5, 0);
  to.call(helper);
  to.jump("found");
}

// "For the host alone": one of the addresses that bridges and macvlans let pass to the link below them
// (IEEE 802.1D, table 7-10; net/bridge/br_input.c, drivers/net/macvlan.c).
constexpr std::array<std::uint8_t, ETH_ALEN> reserved_address = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e};

// The frame goes on to the link's own stack. That it was for this host is known already (pkt_type).
void pass_to_stack(BpfAssembler& to, bool past_handler) {
  if (past_handler) {
    for (std::size_t i = 0; i < reserved_address.size(); ++i)
      to.store_byte(stack, static_cast<std::int16_t>(header_at + static_cast<std::int16_t>(i)),
                    reserved_address[i]);
    to.copy(argument1, frame);
    to.set(argument2, 0);
    to.copy(argument3, stack);
    to.increase(argument3, header_at);
    to.set(argument4, ETH_ALEN);
    to.set(argument5, 0);
    to.call(BPF_FUNC_skb_store_bytes);
  }
  to.set(result, TC_ACT_OK);
  to.leave();
}

// The stack ignores a frame that is marked as somebody else's; the guest's end does not look at the mark.
void leave_to_guest(BpfAssembler& to, bool hush_stack) {
  if (hush_stack) {
    to.copy(argument1, frame);
    to.set(argument2, PACKET_OTHERHOST);
    to.call(BPF_FUNC_skb_change_type);
  }
  to.set(result, TC_ACT_UNSPEC); // the next filter's
  to.leave();
}

std::vector<bpf_insn> program(const AnswerWay& way) {
  BpfAssembler to;
  to.copy(frame, argument1);
  // What goes to many, or carries a VLAN tag, is for no such socket.
  to.load(BPF_W, result, frame, offsetof(__sk_buff, pkt_type));
  to.jump_unless_equal(result, PACKET_HOST, "guest");
  to.load(BPF_W, result, frame, offsetof(__sk_buff, vlan_present));
  to.jump_unless_equal(result, 0, "guest");
  to.load(BPF_W, result, frame, offsetof(__sk_buff, protocol));
  to.jump_if_equal(result, htons(ETH_P_IP), "ip4");
  to.jump_if_equal(result, htons(ETH_P_IPV6), "ip6");
  to.jump_unless_equal(result, htons(ETH_P_ARP), "guest");

  copy_of_frame(to, arp_operation, header_at, 2);
  to.load(BPF_H, result, stack, header_at);
  to.jump_if_equal(result, htons(ARPOP_REPLY), "both");
  to.jump("guest");

  to.label("ip4");
  copy_of_frame(to, network_header, header_at, 8);
  to.load(BPF_B, result, stack, header_at);
  to.jump_unless_equal(result, 0x45, "guest"); // with options, whatever they are for
  to.load(BPF_H, result, stack, header_at + 6);
  to.mask(result, htons(0x3fff));
  to.jump_unless_equal(result, 0, "guest"); // fragments have no ports
  copy_of_frame(to, network_header + 9, header_at, 1);
  to.load(BPF_B, protocol, stack, header_at);
  copy_of_frame(to, ip4_addresses, tuple_at, ip4_tuple_size);
  to.jump_if_equal(protocol, IPPROTO_TCP, "tcp4");
  to.jump_unless_equal(protocol, IPPROTO_UDP, "guest");
  look_up(to, BPF_FUNC_sk_lookup_udp, ip4_tuple_size);
  to.label("tcp4");
  look_up(to, BPF_FUNC_sk_lookup_tcp, ip4_tuple_size);

  to.label("ip6");
  copy_of_frame(to, network_header + 6, header_at, 1); // next header
  to.load(BPF_B, protocol, stack, header_at);
  to.jump_if_equal(protocol, IPPROTO_ICMPV6, "icmp6");
  copy_of_frame(to, ip6_addresses, tuple_at, ip6_tuple_size);
  to.jump_if_equal(protocol, IPPROTO_TCP, "tcp6");
  to.jump_unless_equal(protocol, IPPROTO_UDP, "guest");
  look_up(to, BPF_FUNC_sk_lookup_udp, ip6_tuple_size);
  to.label("tcp6");
  look_up(to, BPF_FUNC_sk_lookup_tcp, ip6_tuple_size);
  to.label("icmp6");
  copy_of_frame(to, icmp6_type, header_at, 1);
  to.load(BPF_B, result, stack, header_at);
  to.jump_if_equal(result, ND_NEIGHBOR_ADVERT, "both");
  to.jump("guest");

  to.label("found");
  to.jump_if_equal(result, 0, "guest");
  to.load(BPF_W, kind, result, offsetof(bpf_sock, state));
  to.copy(argument1, result);
  to.call(BPF_FUNC_sk_release);
  to.jump_if_equal(kind, state_close, "guest"); // a datagram socket that is connected to nobody
  to.jump_if_equal(kind, state_listen, "guest");
  to.jump("socket");

  to.label("both");
  to.copy(argument1, frame);
  to.set(argument2, static_cast<std::int32_t>(way.guest));
  to.set(argument3, way.guest_receives ? BPF_F_INGRESS : 0);
  to.call(BPF_FUNC_clone_redirect);
  to.label("socket");
  pass_to_stack(to, way.past_handler);
  to.label("guest");
  leave_to_guest(to, way.hush_stack);
  return to.code();
}

void warn(const sdk::Host& host, const std::string& link, const std::string& why) {
  host.warning(
      "sockets of the network namespace itself get no answers by link \"" + link +
      "\" while the guest has it (of them is Docker's resolver when it asks for outside names): " + why);
}

} // namespace

void spare_answers(const sdk::Host& host, const Netlink& netlink, const AnswerWay& way, std::uint32_t link,
                   const std::string& name) {
  try {
    const auto filter = load_program(program(way), "load the filter for sockets of the network namespace");
    // The qdisc keeps the program.
    attach_program(netlink, filter.get(), "nacre: answers to the namespace's sockets", link,
                   filter_priority_before, name);
  } catch (const sdk::Error& failure) {
    warn(host, name, failure.what());
  }
}

sdk::Change spare_answers_on(const sdk::Host& host, std::shared_ptr<Netlink> netlink, int netns_fd,
                             const AnswerWay& way, const sdk::Link& link) {
  if (has_ingress_qdisc(*netlink, link.index)) {
    warn(host, link.name, "it has an ingress qdisc already");
    return {};
  }
  auto change = hold_ingress(host, netlink, netns_fd, link);
  spare_answers(host, *netlink, way, link.index, link.name);
  return change;
}

} // namespace nacre::links
