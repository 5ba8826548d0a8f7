// Why a guest did not come up, as its console tells it: the words of Linux and of the agent. The guest is not
// trusted: what is read here goes into an error's sentence, cleaned and bounded, and decides nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nacre::sandbox {

struct BootFiles {
  std::string kernel, initrd, kernel_params;
  std::uint64_t memory_mib = 0;
};

struct BootTrouble {
  std::string cause;
  std::string remedy;         // "" where the cause has it
  std::size_t lines_used = 0; // of the console: after these come the kernel's traces only
};

// `lines` are the console's, cleaned (TextTail::lines()); `ended`: the virtual machine is gone.
std::optional<BootTrouble> find_boot_trouble(const std::vector<std::string>& lines, const BootFiles& files,
                                             bool ended);

} // namespace nacre::sandbox
