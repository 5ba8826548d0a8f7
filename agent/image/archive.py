"""A cpio archive in the form that the kernel unpacks (Documentation/driver-api/early-userspace/buffer-format.rst)."""

import stat


class Archive:
    """Holds entries and gives the bytes sorted by path, with fixed owners and times, so that they depend on nothing
    but what was put in. An uncompressed archive is bigger, but unpacking it costs the guest less."""

    def __init__(self, time):
        self._time = time
        self._entries = {}

    def folder(self, path, mode):
        self._entries[path] = (stat.S_IFDIR | mode, b"", (0, 0))

    def file(self, path, content, mode):
        self._make_parents(path)
        self._entries[path] = (stat.S_IFREG | mode, content, (0, 0))

    def link(self, path, target):
        self._make_parents(path)
        self._entries[path] = (stat.S_IFLNK | 0o777, target.encode(), (0, 0))

    def device(self, path, major, minor):
        self._make_parents(path)
        self._entries[path] = (stat.S_IFCHR | 0o600, b"", (major, minor))

    def contents(self):
        """Path and content of the regular files, sorted."""
        return [(path, content) for path, (mode, content, _) in sorted(self._entries.items()) if stat.S_ISREG(mode)]

    def bytes(self):
        out = bytearray()
        for number, (path, entry) in enumerate(sorted(self._entries.items()), start=1):
            self._append(out, number, path, *entry)
        self._append(out, 0, "TRAILER!!!", 0, b"", (0, 0))
        out.extend(b"\0" * (-len(out) % 512))
        return bytes(out)

    def _make_parents(self, path):
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            parent = "/".join(parts[:depth])
            if parent not in self._entries:
                self.folder(parent, 0o755)

    def _append(self, out, number, path, mode, content, device):
        name = path.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, self._time, len(content), 0, 0, *device, len(name), 0)
        out.extend(b"070701" + b"".join(b"%08X" % field for field in fields) + name)
        out.extend(b"\0" * (-len(out) % 4))
        out.extend(content)
        out.extend(b"\0" * (-len(out) % 4))
