"""A guest alone: the image in QEMU and the probe that speaks to its agent, without nacre."""

import copy
import json
import os
import queue
import subprocess
import threading
import time
from pathlib import Path

from . import place
from .bundle import SPEC, make_rootfs

KERNEL_COMMAND_LINE = ("console=ttyS0 quiet panic=-1 reboot=t tsc=reliable no_timer_check mitigations=off nokaslr")
SHARE = "/run/nacre/share/pod"


class AgentError(Exception):
    def __init__(self, words):
        self.code, _, self.text = words.partition(" ")
        super().__init__(words)


class Guest:
    """Boots the built image; `folder` is shared by 9p under the tag `pod`."""

    def __init__(self, folder, image=None, cmdline="", devices=()):
        self.folder = Path(folder)
        self.share = self.folder / "share"
        self.share.mkdir(exist_ok=True)
        self.console_path = self.folder / "console"
        self.socket = self.folder / "agent.sock"
        image = Path(image or place.stage / "share/nacre")
        self.started = time.monotonic()
        self.vmm = subprocess.Popen(
            ["qemu-system-x86_64", "-M", "q35,accel=tcg", "-cpu", "max", "-m", "512", "-smp", "1", "-nodefaults",
             "-no-user-config", "-display", "none", "-no-reboot",
             "-kernel", image / "vmlinux", "-initrd", image / "nacre-initrd.img",
             "-append", f"{KERNEL_COMMAND_LINE} {cmdline}",
             "-chardev", f"file,id=console,path={self.console_path}", "-serial", "chardev:console",
             "-chardev", f"socket,id=agent,path={self.socket},server=on,wait=off",
             "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=nacre.agent.0",
             "-fsdev", f"local,id=pod,path={self.share},security_model=none,multidevs=remap",
             "-device", "virtio-9p-pci,fsdev=pod,mount_tag=pod", *devices],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._numbers = 0
        self.probe = Probe(self)

    @property
    def console(self):
        return self.console_path.read_text(errors="replace") if self.console_path.exists() else ""

    def rootfs(self, container):
        path = self.share / container / "rootfs"
        path.mkdir(parents=True, exist_ok=True)
        make_rootfs(path)
        return path

    def file(self, content):
        self._numbers += 1
        path = self.folder / f"document{self._numbers}"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def spec(self, container, args, **process):
        spec = copy.deepcopy(SPEC)
        spec["root"]["path"] = f"{SHARE}/{container}/rootfs"
        spec["process"]["args"] = ["sh", "-c", args] if isinstance(args, str) else args
        spec["process"].update(process)
        spec["linux"]["cgroupsPath"] = f"/pod/{container}"
        return spec

    def process(self, args, **process):
        return copy.deepcopy(SPEC["process"]) | {
            "args": ["sh", "-c", args] if isinstance(args, str) else args} | process

    def container(self, name, args, terminal=False, stdin=False, size=(0, 0), spec=None, **process):
        """A container that is created and whose stdio is attached to files."""
        if not (self.share / name).exists():
            self.rootfs(name)
        document = self.file(spec or self.spec(name, args, terminal=terminal, **process))
        self.probe.call("create", name, document, int(terminal), int(stdin), *size)
        return Running(self, name, "-", terminal, stdin)

    def close(self):
        self.probe.close()
        self.vmm.kill()
        self.vmm.wait()
        self.vmm.stderr.close()


class Running:
    """A process of the guest with its stdio on this side: files, and a FIFO for stdin."""

    def __init__(self, guest, container, exec_id, terminal, stdin, out=None):
        self.guest, self.container, self.exec_id, self.terminal = guest, container, exec_id, terminal
        base = guest.folder / f"{container}.{exec_id}"
        self.out_path, self.err_path, in_path = f"{base}.out", f"{base}.err", f"{base}.in"
        self.stdin = None
        if stdin:
            os.mkfifo(in_path)
        attached = guest.probe.begin("attach", container, exec_id, in_path if stdin else "-", out or self.out_path,
                                     "-" if terminal else self.err_path, int(terminal))
        if stdin:
            self.stdin = open(in_path, "wb", buffering=0)
        attached()

    def start(self):
        self.guest.probe.call("start", self.container)
        return self

    def exec(self, exec_id, args, terminal=False, stdin=False, size=(0, 0), out=None, **process):
        document = self.guest.file(self.guest.process(args, terminal=terminal, **process))
        self.guest.probe.call("exec", self.container, exec_id, document, int(terminal), int(stdin), *size)
        return Running(self.guest, self.container, exec_id, terminal, stdin, out)

    def close_stdin(self):
        self.stdin.close()

    def signal(self, number, everything=False):
        self.guest.probe.call("signal", self.container, self.exec_id, number, int(everything))

    def wait(self, timeout=60):
        """The exit status, once all output is here."""
        status = self.guest.probe.wait_exit(self.container, self.exec_id, timeout)
        self.guest.probe.wait_drained(self.container, self.exec_id, timeout)
        return status

    @property
    def out(self):
        return Path(self.out_path).read_text()

    @property
    def err(self):
        return Path(self.err_path).read_text()

    def wait_for(self, text, timeout=60):
        self.guest.probe.wait_until(lambda: text in self.out, f"{text!r} in the output", timeout)

    def remove(self, force=False):
        self.guest.probe.call("remove", self.container, int(force))


class Probe:
    """tests/vm/guest_probe.cpp, driven over its stdin and stdout."""

    def __init__(self, guest):
        self.guest = guest
        self.process = None
        self.exits, self.drained, self.ooms = {}, set(), []
        self._changed = threading.Condition()
        self._answers = {}
        self._last_tag = 0

    def connect(self, timeout=120):
        """Starts the probe if need be; returns the agent's words of the hello."""
        if self.process is None:
            while not self.guest.socket.exists():  # QEMU makes it before the guest's first instruction
                if self.guest.vmm.poll() is not None:
                    raise AssertionError(f"QEMU ended: {self.guest.vmm.stderr.read().decode()}")
                time.sleep(0.01)
            self.process = subprocess.Popen([place.build / "tests/vm/guest-probe", self.guest.socket],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()
        return self.call("connect", timeout=timeout)

    def begin(self, *words):
        """Sends a command; returns a function that waits for its answer."""
        with self._changed:
            self._last_tag += 1
            tag = f"t{self._last_tag}"
            self._answers[tag] = queue.Queue()
        self.process.stdin.write(" ".join(str(word) for word in (tag, *words)) + "\n")
        self.process.stdin.flush()

        def answer(timeout=150):
            try:
                kind, _, text = self._answers[tag].get(timeout=timeout).partition(" ")
            except queue.Empty:
                raise AssertionError(f"no answer to {words}; console: {self.guest.console[-2000:]}") from None
            if kind == "error":
                raise AgentError(text)
            return text

        return answer

    def call(self, *words, timeout=150):
        return self.begin(*words)(timeout)

    def _read(self, stream):
        for line in stream:
            kind, _, rest = line.strip().partition(" ")
            with self._changed:
                if kind == "event":
                    words = rest.split()
                    if words[1] == "exit":
                        self.exits[tuple(words[2:4])] = int(words[4])
                    else:
                        self.ooms.append(words[2])
                elif kind == "drained":
                    self.drained.add(tuple(rest.split()))
                elif kind in self._answers:
                    self._answers[kind].put(rest)
                self._changed.notify_all()

    def wait_until(self, condition, what, timeout):
        end = time.monotonic() + timeout
        with self._changed:
            while not condition():
                if time.monotonic() > end:
                    raise AssertionError(f"waited {timeout} s for {what}; console: {self.guest.console[-2000:]}")
                self._changed.wait(0.05)

    def wait_exit(self, container, exec_id, timeout):
        self.wait_until(lambda: (container, exec_id) in self.exits, f"the exit of {container} {exec_id}", timeout)
        return self.exits[(container, exec_id)]

    def wait_drained(self, container, exec_id, timeout):
        self.wait_until(lambda: (container, exec_id) in self.drained, f"the output of {container} {exec_id}", timeout)

    def close(self):
        if self.process is None:
            return
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
