// Finding the guest's node of a disk that the host has attached.
#pragma once

#include <string>

namespace nacre::agent {

class Modules;

// `source` is a node ("/dev/vda") or a PCI path: slots joined by slashes from the root bus ("05.0",
// "02.0/03.0"), the first with or without its bus ("00:05.0"); or a SCSI address ("scsi:05.0:3"), or the
// slot of an NVDIMM ("nvdimm:2"). Waits until the kernel has found the disk. Throws Error.
std::string find_block_device(Modules& modules, const std::string& source);

} // namespace nacre::agent
