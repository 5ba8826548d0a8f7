// QEMU's microvm loads the initrd at the end of the guest's memory (hw/i386/x86.c leaves no room for ACPI
// there), and its firmware puts the ACPI tables at that end too: they overlap unless the initrd's last page
// has room for them. A kernel that finds its virtio-mmio devices by ACPI alone (Debian 13's) then finds none.
#pragma once

#include <nacre/sdk/fd.hpp>

#include <optional>
#include <string>

namespace nacre::qemu {

// None when the file has room as it is; else a copy in memory that has. Throws when the file cannot be read.
std::optional<sdk::Fd> with_room_for_acpi(const std::string& initrd);

} // namespace nacre::qemu
