// The file systems of the guest itself, made before anything else runs.
#pragma once

namespace nacre::agent {

// Makes the initramfs a mount that pivot_root(2) accepts. The kernel's first root has no parent mount, and
// pivot_root refuses such a root, so crun could only chroot, which a container can leave. Binding `/` on
// itself, moving that mount over `/` and entering it gives every later process a root with a parent, without
// copying a byte. Must run before any other mount.
void move_root();

// /dev, /proc, /sys: what finding the channel needs.
void mount_kernel_interfaces();

// devpts, /dev/shm, mqueue, cgroup2 with every controller enabled for children, /run, /tmp.
void mount_runtime_folders();

} // namespace nacre::agent
