// A BPF program as a filter of an ingress qdisc (man 8 tc-bpf).
#pragma once

#include "netlink.hpp"

#include <nacre/sdk/fd.hpp>

#include <cstdint>
#include <linux/bpf.h>
#include <string>
#include <vector>

namespace nacre::links {

// Throws what the kernel says; `what` is what the program is loaded for.
sdk::Fd load_program(const std::vector<bpf_insn>& code, const std::string& what);

// Puts it into the ingress qdisc of the link `index` with this priority; `label` is shown by tc, `name` is
// the link's.
void attach_program(const Netlink& netlink, int program, const char* label, std::uint32_t index,
                    std::uint16_t priority, const std::string& name);

} // namespace nacre::links
