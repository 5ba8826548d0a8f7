"""Disks of the host: files behind loop devices."""

import os
import subprocess


class LoopDevice:
    """The block device of a file."""

    def __init__(self, image):
        command = ["losetup", "--find", "--show", image]
        self.node = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        self.number = os.stat(self.node).st_rdev
        self.major, self.minor = os.major(self.number), os.minor(self.number)

    def close(self):
        subprocess.run(["losetup", "--detach", self.node], check=True)


class Disk(LoopDevice):
    """One with a file system, which is mounted at `folder`."""

    def __init__(self, folder, size, name="disk"):
        image, self.folder = folder / f"{name}.image", folder / name
        with open(image, "wb") as file:
            file.truncate(size)
        subprocess.run(["mkfs.ext4", "-qF", image], check=True)
        super().__init__(image)
        self.folder.mkdir()
        subprocess.run(["mount", self.node, self.folder], check=True)

    def remount(self, option):
        subprocess.run(["mount", "-o", f"remount,{option}", self.folder], check=True)

    def close(self):
        subprocess.run(["umount", self.folder], check=True)
        super().close()
