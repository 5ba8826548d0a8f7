// The host's part of a virtio-vsock device, which the kernel serves (vhost-vsock).
#pragma once

#include <nacre/sdk/fd.hpp>

#include <cstdint>
#include <optional>

namespace nacre::qemu {

inline constexpr std::uint32_t agent_vsock_port = 1024; // the agent's listener in the guest

struct Vsock {
  sdk::Fd device;
  std::uint32_t cid = 0; // the guest's address, held by the descriptor
};

// Does this host have it?
bool has_vsock();
// A device with an address that no other guest of this host has.
Vsock open_vsock();

} // namespace nacre::qemu
