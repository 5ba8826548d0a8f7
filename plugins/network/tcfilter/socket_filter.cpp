#include "socket_filter.hpp"

#include "bpf_assembler.hpp"

#include <arpa/inet.h>
#include <cstddef>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <memory>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::tcfilter {
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

std::vector<bpf_insn> program(std::uint32_t guest) {
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
  to.set(argument2, static_cast<std::int32_t>(guest));
  to.set(argument3, 0);
  to.call(BPF_FUNC_clone_redirect);
  to.label("socket");
  to.set(result, TC_ACT_OK);
  to.leave();
  to.label("guest");
  to.set(result, TC_ACT_UNSPEC); // the next filter's
  to.leave();
  return to.code();
}

struct FreeMessage {
  void operator()(nl_msg* message) const { nlmsg_free(message); }
};

} // namespace

sdk::Fd load_socket_filter(std::uint32_t guest) {
  const auto code = program(guest);
  bpf_attr words{};
  words.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  words.insns = reinterpret_cast<std::uintptr_t>(code.data());
  words.insn_cnt = static_cast<std::uint32_t>(code.size());
  words.license = reinterpret_cast<std::uintptr_t>("Apache-2.0");
  const long fd = ::syscall(SYS_bpf, BPF_PROG_LOAD, &words, sizeof words);
  sdk::check_errno(fd, "load the filter for sockets of the network namespace");
  return sdk::Fd(static_cast<int>(fd));
}

// libnl has no words for a filter of kind "bpf".
void attach_socket_filter(const Netlink& netlink, int program, std::uint32_t index, std::uint16_t priority,
                          const std::string& name) {
  std::unique_ptr<nl_msg, FreeMessage> message(nlmsg_alloc_simple(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL));
  if (!message) throw std::bad_alloc();
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = static_cast<int>(index);
  header.tcm_parent = TC_H_MAKE(TC_H_INGRESS, 0);
  header.tcm_info = TC_H_MAKE(static_cast<std::uint32_t>(priority) << 16, htons(ETH_P_ALL));
  const std::string what = "describe a filter";
  check_netlink(nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO), what);
  check_netlink(nla_put_string(message.get(), TCA_KIND, "bpf"), what);
  auto* options = nla_nest_start(message.get(), TCA_OPTIONS);
  if (!options) throw std::bad_alloc();
  check_netlink(nla_put_u32(message.get(), TCA_BPF_FD, static_cast<std::uint32_t>(program)), what);
  check_netlink(nla_put_string(message.get(), TCA_BPF_NAME, "nacre: answers to the namespace's sockets"),
                what);
  check_netlink(nla_put_u32(message.get(), TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT), what);
  nla_nest_end(message.get(), options);
  // libnl frees what it sends, whatever comes of it.
  check_netlink(nl_send_sync(netlink.raw(), message.release()), "add a filter to link \"" + name + "\"");
}

} // namespace nacre::tcfilter
