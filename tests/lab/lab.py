#!/usr/bin/python3
"""Runs a command as root on a full Debian host that is a virtual machine: Debian's own kernel, this machine's root
as a read-only lower layer, a tmpfs above. Nothing that the command does outlives it.

Output and exit code come back as they are; 124 is a timeout, 125 a machine that did not get to the command."""

import argparse
import ctypes
import hashlib
import lzma
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
MODULES = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"]
KERNEL_LINE = ("console=ttyS0 quiet panic=-1 reboot=t tsc=reliable no_timer_check mitigations=off nokaslr "
               "rdinit=/init random.trust_cpu=on")

# With systemd: no first boot's presets, and of its units only what the command's own wants.
SYSTEMD_LINE = ("systemd.unit=lab.target systemd.condition-first-boot=no systemd.show_status=no systemd.log_level=warning "
                "systemd.log_target=console")
UNITS = {
    "lab.target": """[Unit]
DefaultDependencies=no
Requires=lab.service
""",
    "lab.service": """[Unit]
DefaultDependencies=no
Wants=dbus.service
After=dbus.service
FailureAction=reboot-force
[Service]
ExecStart=/run/lab/init /run/lab
StandardOutput=file:/dev/console
Delegate=yes
TasksMax=infinity
LimitNOFILE=524288
OOMPolicy=continue
""",
    "dbus.socket.d/lab.conf": "[Unit]\nDefaultDependencies=no\n",
    "dbus.service.d/lab.conf": "[Unit]\nDefaultDependencies=no\n",
}


class LabError(Exception):
    pass


class LostCpu(LabError):
    """The emulation has lost one of the lab host's CPUs: nothing that was run there did it."""


def cpio(files):
    """A newc archive of name -> (mode, bytes); folders are made as they are needed."""
    archive, made = bytearray(), set()

    def add(name, mode, data):
        number = len(made) + 1
        made.add(name)
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        archive.extend(b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0")
        archive.extend(b"\0" * (-len(archive) % 4))
        archive.extend(data)
        archive.extend(b"\0" * (-len(archive) % 4))

    for name, (mode, data) in files.items():
        folders = name.split("/")[:-1]
        for depth in range(1, len(folders) + 1):
            folder = "/".join(folders[:depth])
            if folder not in made:
                add(folder, 0o040755, b"")
        add(name, mode, data)
    add("TRAILER!!!", 0, b"")
    archive.extend(b"\0" * (-len(archive) % 512))
    return bytes(archive)


class Kernel:
    """Debian's kernel, unpacked by tools/debian-kernel, and the lab's initramfs for it."""

    def __init__(self, folder=None):
        self.folder = Path(folder or os.environ.get("NACRE_KERNEL_DIR") or SOURCE / "build/kernel")
        command = [SOURCE / "tools/debian-kernel", self.folder]
        if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode != 0:
            raise LabError("the lab has no kernel")
        self.version = (self.folder / "version").read_text().strip()
        self.image = self.folder / "vmlinux"
        self.modules = self.folder / "modules/lib/modules"

    def initramfs(self):
        """The part that is the same for every command; kept until one of its sources changes."""
        sources = [Path(__file__), Path(__file__).with_name("init.c"), self.folder / "version"]
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
        kept = SOURCE / f"build/lab/initramfs-{digest}.cpio"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
                new = Path(folder) / "new"
                new.write_bytes(cpio(self._files(Path(folder))))
                new.rename(kept)
        return kept.read_bytes()

    def _files(self, folder):
        init = folder / "init"
        subprocess.run(["cc", "-static", "-pthread", "-O2", "-Wall", "-Wextra", "-o", init, Path(__file__).with_name("init.c")],
                       check=True)
        files = {"init": (0o100755, init.read_bytes())}
        names = []
        for path in self._in_order(MODULES):
            data = path.read_bytes()
            if path.suffix == ".xz":
                data = lzma.decompress(data)
            names.append(f"lab/{path.name.removesuffix('.xz')}")
            files[names[-1]] = (0o100644, data)
        files["lab/modules"] = (0o100644, b"".join(b"/" + name.encode() + b"\0" for name in names))
        for name in ("dev", "proc", "lower", "over", "new"):
            files[name] = (0o040755, b"")
        return files

    def _in_order(self, names):
        """Files of the modules and of what they need, needed ones first (modules.dep lists them last)."""
        base = self.modules / self.version
        needs = {}
        for line in (base / "modules.dep").read_text().splitlines():
            path, _, rest = line.partition(":")
            needs[Path(path).name.split(".")[0].replace("-", "_")] = [path, *rest.split()]
        order = []
        for name in names:
            for path in reversed(needs.get(name, [])):  # built into the kernel: not listed
                if base / path not in order:
                    order.append(base / path)
        return order


def usable_kvm():
    """A node that opens is not enough: on some hosts guests hang on it. The CPU must show its extension too."""
    with open("/proc/cpuinfo") as file:
        flags = next((line.split() for line in file if line.startswith("flags")), [])
    return os.access("/dev/kvm", os.R_OK | os.W_OK) and ("vmx" in flags or "svm" in flags)


def end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


class LabHost:
    def __init__(self, memory="4G", cpus=2, kvm_nested=False, devices=(), kernel_words=(), before=(), timeout=600,
                 systemd=False):
        self.memory, self.cpus, self.kvm_nested, self.systemd = memory, cpus, kvm_nested, systemd
        self.devices, self.kernel_words, self.timeout = list(devices), list(kernel_words), timeout
        self.before = list(before)
        if kvm_nested:
            self.before = self.before or ["modprobe", "kvm_amd"]

    def run(self, argv, out, err, cwd=None, env=None):
        """Runs a command; its output goes to the descriptors `out` and `err`. Returns the exit code."""
        kernel = Kernel()
        with tempfile.TemporaryDirectory(prefix="lab-") as folder:
            initrd = Path(folder) / "initrd"
            initrd.write_bytes(kernel.initramfs() + self._orders(argv, cwd or os.getcwd(), env or {}))
            console = Path(folder) / "console"
            try:
                code = self._boot(kernel, initrd, console, out, err)
            except (TimeoutError, LostCpu) as error:
                raise type(error)(f"{error}; its console:\n{tail_of(console)}") from None
            if code is None:
                raise LabError(f"the lab host ended without having run the command; its console:\n{tail_of(console)}")
            return code

    def _orders(self, argv, cwd, env):
        # Programs that ask udev to make device nodes would wait for ever: none runs here.
        env = {"HOME": "/root", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "TERM": os.environ.get("TERM", "dumb"), "LANG": "C.UTF-8", "DM_DISABLE_UDEV": "1", **env}
        orders = {"argv": argv, "cwd": [cwd], "env": [f"{key}={value}" for key, value in env.items()],
                  "before": self.before, "manager": ["/lib/systemd/systemd"] if self.systemd else []}
        files = {f"lab/{name}": (0o100644, b"".join(os.fsencode(word) + b"\0" for word in words))
                 for name, words in orders.items()}
        files |= {f"lab/units/{name}": (0o100644, text.encode()) for name, text in UNITS.items()}
        return cpio(files)

    def _command(self, kernel, initrd, console):
        if usable_kvm() and not self.kvm_nested:
            machine, processor = "q35,accel=kvm", "host"
        else:
            # TCG emulates AMD's extension only, nested page tables included.
            machine, processor = "q35", "max,+svm" if self.kvm_nested else "max"
        export = "local,security_model=passthrough,readonly=on,multidevs=remap"
        line = " ".join([KERNEL_LINE, *([SYSTEMD_LINE] if self.systemd else []), *self.kernel_words])
        return ["qemu-system-x86_64", "-M", machine, "-cpu", processor, "-smp", str(self.cpus), "-m", self.memory,
                *([] if "kvm" in machine else ["-accel", "tcg,thread=multi,tb-size=512"]),
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-kernel", kernel.image, "-initrd", initrd, "-append", line,
                "-chardev", f"file,id=console,path={console}", "-serial", "chardev:console",
                "-fsdev", f"{export},id=root,path=/", "-device", "virtio-9p-pci,fsdev=root,mount_tag=root",
                "-fsdev", f"{export},id=modules,path={kernel.modules}",
                "-device", "virtio-9p-pci,fsdev=modules,mount_tag=modules", "-device", "virtio-serial-pci"]

    def _boot(self, kernel, initrd, console, out, err):
        command = self._command(kernel, initrd, console)
        streams, ends = {}, []
        for number, name in enumerate(("out", "err", "exit", "beat"), start=1):
            reader, writer = os.pipe()
            streams[name] = reader
            ends.append(writer)
            command += ["-add-fd", f"fd={writer},set={number}", "-chardev", f"file,id={name},path=/dev/fdset/{number},append=on",
                        "-device", f"virtserialport,chardev={name},name=lab.{name}"]
        for words in self.devices:
            command += words.split()
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                                   pass_fds=ends, preexec_fn=end_with_parent)
        for writer in ends:
            os.close(writer)
        try:
            answer = self._carry(streams, {"out": out, "err": err})
        finally:
            process.kill()
            process.wait()
            for reader in streams.values():
                os.close(reader)
        return int(answer) if answer.strip() else None

    def _carry(self, streams, targets):
        """Copies output until QEMU has closed every stream; returns what came on the exit code's."""
        answer, deadline, beats = b"", time.monotonic() + self.timeout, Beats()
        with selectors.DefaultSelector() as selector:
            for name, reader in streams.items():
                selector.register(reader, selectors.EVENT_READ, name)
            while selector.get_map():
                ready = selector.select(1)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the lab host was stopped after {self.timeout:g} s")
                beats.check()
                for key, _ in ready:
                    data = os.read(key.fd, 65536)
                    if not data:
                        selector.unregister(key.fd)
                    elif key.data == "exit":
                        answer += data
                    elif key.data == "beat":
                        beats.heard(data)
                    else:
                        write_all(targets[key.data], data)
        return answer


class Beats:
    """The signs of life of each CPU: see start_beating() in init.c."""

    PATIENCE = 40  # seconds; a beat is due each second

    def __init__(self):
        self.last = {}

    def heard(self, cpus):
        self.last |= dict.fromkeys(cpus.decode(), time.monotonic())

    def check(self):
        for cpu, when in self.last.items():
            if time.monotonic() - when > self.PATIENCE:
                raise LostCpu(f"CPU {cpu} of the lab host has not served its timer for {self.PATIENCE} s")


def tail_of(path):
    return path.read_text(errors="replace")[-3000:] if path.exists() else ""


def write_all(descriptor, data):
    while data:
        data = data[os.write(descriptor, data) :]


def main():
    parser = argparse.ArgumentParser(prog="tools/dev lab", description=__doc__)
    parser.add_argument("--memory", default="4G", help="RAM of the host (default 4G)")
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--kvm-nested", action="store_true", help="a working /dev/kvm inside, on an emulated AMD CPU")
    parser.add_argument("--systemd", action="store_true", help="systemd is pid 1, CMD a service of it; D-Bus is there")
    parser.add_argument("--device", action="append", default=[], metavar="WORDS",
                        help="further words for QEMU, such as '-device e1000e'; may be repeated")
    parser.add_argument("--kernel-words", default="", help="further words for the kernel's command line")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="CMD")
    options = parser.parse_args()
    argv = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not argv:
        parser.error("CMD is missing")
    host = LabHost(options.memory, options.cpus, options.kvm_nested, options.device, options.kernel_words.split(),
                   timeout=options.timeout, systemd=options.systemd)
    try:
        sys.exit(host.run(argv, 1, 2, env=dict(pair.split("=", 1) for pair in options.env)))
    except TimeoutError as error:
        print(f"tools/dev lab: {error}", file=sys.stderr)
        sys.exit(124)
    except LabError as error:
        print(f"tools/dev lab: {error}", file=sys.stderr)
        sys.exit(125)
    except BrokenPipeError:
        sys.exit(141)  # as if by SIGPIPE: whoever reads the output has seen enough


if __name__ == "__main__":
    main()
