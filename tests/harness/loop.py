"""Disks of the host for tests: files on loop devices."""

import os
import subprocess

from . import place


def run(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout.strip()


class Loop:
    """A file as a disk of the host."""

    size = 8 << 20

    def __init__(self, folder):
        self.file = folder / f"{place.fresh_name('d')}.img"
        with open(self.file, "wb") as file:
            file.truncate(self.size)
        self.path = run("losetup", "--find", "--show", self.file)
        number = os.stat(self.path).st_rdev
        self.numbers = {"type": "b", "major": os.major(number), "minor": os.minor(number)}

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()

    def device(self, path, **node):
        return {"path": path, **self.numbers, **node}

    def rule(self, access):
        return {"allow": True, **self.numbers, "access": access}

    def close(self):
        run("losetup", "--detach", self.path)
        assert not run("losetup", "--associated", self.file), "something has it open still"
