"""Disks of the host for tests: files on loop devices."""

import subprocess

from . import place
from .disk import LoopDevice


def run(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout.strip()


class Loop(LoopDevice):
    """A file as a disk of the host."""

    size = 8 << 20

    def __init__(self, folder):
        self.file = folder / f"{place.fresh_name('d')}.img"
        with open(self.file, "wb") as file:
            file.truncate(self.size)
        super().__init__(self.file)
        self.path = self.node
        self.numbers = {"type": "b", "major": self.major, "minor": self.minor}

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()

    def device(self, path, **node):
        return {"path": path, **self.numbers, **node}

    def rule(self, access):
        return {"allow": True, **self.numbers, "access": access}

    def close(self):
        super().close()
        assert not run("losetup", "--associated", self.file), "something has it open still"
