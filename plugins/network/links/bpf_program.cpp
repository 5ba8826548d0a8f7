#include "bpf_program.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::links {

sdk::Fd load_program(const std::vector<bpf_insn>& code, const std::string& what) {
  bpf_attr words{};
  words.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  words.insns = reinterpret_cast<std::uintptr_t>(code.data());
  words.insn_cnt = static_cast<std::uint32_t>(code.size());
  words.license = reinterpret_cast<std::uintptr_t>("Apache-2.0");
  return sdk::Fd(
      static_cast<int>(sdk::check_errno(::syscall(SYS_bpf, BPF_PROG_LOAD, &words, sizeof words), what)));
}

// libnl has no words for a filter of kind "bpf".
void attach_program(const Netlink& netlink, int program, const char* label, std::uint32_t index,
                    std::uint16_t priority, const std::string& name) {
  Message message = new_message(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL);
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
  check_netlink(nla_put_string(message.get(), TCA_BPF_NAME, label), what);
  check_netlink(nla_put_u32(message.get(), TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT), what);
  nla_nest_end(message.get(), options);
  send(netlink, std::move(message), "add a filter to link \"" + name + "\"");
}

} // namespace nacre::links
