"""Files of Debian packages: from .deb files that were given, else from the packages of this system."""

import re
import subprocess
from pathlib import Path

LIBRARY_FOLDERS = ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu")


class PackageError(Exception):
    pass


def output_of(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise PackageError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


class Packages:
    def __init__(self, debs, folder):
        """Unpacks the .deb files below `folder`."""
        self._folder = folder
        self._versions = {}
        self._unpacked = {}
        for deb in debs:
            name, version = output_of("dpkg-deb", "-f", deb, "Package", "Version").split("\n")[:2]
            self._unpacked[name.split(": ")[1]] = version.split(": ")[1]
            folder.mkdir(parents=True, exist_ok=True)
            output_of("dpkg-deb", "-x", deb, folder)

    def versions(self):
        """Name and version of every package that a file was taken from."""
        return dict(sorted(self._versions.items()))

    def find(self, path):
        """The file of a path in the guest. A merged /usr has it under either name."""
        names = [path, f"/usr{path}"] if not path.startswith("/usr/") else [path, path.removeprefix("/usr")]
        for root in (self._folder, Path("/")):
            for name in names:
                file = root / name.lstrip("/")
                if file.is_file():
                    self._note(root, names)
                    return file.resolve() if root == Path("/") else file
        return None

    def _note(self, root, names):
        if root != Path("/"):
            self._versions.update(self._unpacked)
            return
        for name in names:
            done = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True)
            # "diversion by libc6 from: PATH" says where a package's file would be, were it not put elsewhere.
            owners = [line for line in done.stdout.splitlines() if not line.startswith("diversion by ")]
            if done.returncode == 0 and owners:
                package = owners[0].split(": ")[0].split(",")[0]
                version = output_of("dpkg-query", "-W", "-f", "${Version}", package)
                self._versions[package.split(":")[0]] = version
                return
        raise PackageError(f"{names[0]} belongs to no Debian package")

    def with_libraries(self, program):
        """(path in the guest, file) of a program and of every library that it needs, the loader included."""
        file = self.find(program)
        if file is None:
            raise PackageError(f"no package has {program}; install it, or give its .deb file")
        found = {program: file}
        todo = [file]
        while todo:
            current = todo.pop()
            interpreter = re.search(r"interpreter: ([^\]]+)\]", output_of("readelf", "-lW", current))
            needed = re.findall(r"\(NEEDED\).*\[([^\]]+)\]", output_of("readelf", "-dW", current))
            paths = [interpreter[1]] if interpreter else []
            paths += [self._library(name) for name in needed if not name.startswith("ld-linux")]
            for path in paths:
                if path not in found:
                    found[path] = self.find(path)
                    todo.append(found[path])
        return sorted(found.items())

    def _library(self, name):
        for folder in LIBRARY_FOLDERS:
            if self.find(f"{folder}/{name}"):
                return f"{LIBRARY_FOLDERS[0]}/{name}"
        raise PackageError(f"no package has the library {name}")
