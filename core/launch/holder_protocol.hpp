// What a holder and its owner (the sandbox process) say to each other after the HolderReport, on the holder's
// SOCK_SEQPACKET socket. One struct a packet, native byte order: both ends are on one machine and from one
// release; the state file records `holder_protocol_version`.
//
// End of file at the holder (the sandbox process is gone) is exit 137. End of file at the owner without an
// Exit before it means that the holder was killed: SIGKILL for the guest process.
#pragma once

#include <cstdint>

namespace nacre::launch {

inline constexpr std::uint32_t holder_protocol_version = 1;

enum class HolderMessageKind : std::uint32_t {
  signal = 1, // holder -> owner: `value` is the signal number that the holder received
  resize = 2, // holder -> owner: the terminal is now rows x columns
  hangup = 3, // holder -> owner: the terminal hung up
  exit = 4,   // owner -> holder: end with code `value` (0 to 255)
  identify =
      5, // owner -> holder: answer with `identity`; `value` comes back. Ends what was on its way before
  identity = 6, // holder -> owner: the kernel's credentials of this packet are the holder's
};

struct HolderMessage {
  std::uint32_t kind; // HolderMessageKind
  std::uint32_t value;
  std::uint16_t rows;
  std::uint16_t columns;
  std::uint32_t reserved;
};
static_assert(sizeof(HolderMessage) == 16);

} // namespace nacre::launch
