"""Real engines, started by the test with every folder, socket and bridge of their own, and stopped by pid.

Nothing is fetched: the image `busybox` is made from busybox-static. The engines tell by sd_notify that they are ready.
"""

import contextlib
import hashlib
import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
from pathlib import Path

from . import place, reaper
from .bundle import make_rootfs
from .network import ip
from .runtime import TIMEOUT, Answer, _text, write_configuration

IMAGE = "localhost/busybox:test"
NACRE = ["--runtime", "nacre"]
DAEMON_PATH = f"{place.stage}/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


def busybox_archive(path):
    """An image as `docker save` writes it; docker, podman and ctr all load it."""
    rootfs = path.parent / "image-root"
    make_rootfs(rootfs)
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(rootfs, arcname=".")
    shutil.rmtree(rootfs)
    config = {
        "architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z",
        "config": {"Cmd": ["sh"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()]},
        "history": [{"created": "2024-01-01T00:00:00Z"}],
    }
    manifest = [{"Config": "config.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as tar:
        for name, data in (("layer.tar", layer.getvalue()), ("config.json", json.dumps(config).encode()),
                           ("manifest.json", json.dumps(manifest).encode())):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


class Daemon:
    """A process that says READY=1 over NOTIFY_SOCKET; its words go to a log."""

    def __init__(self, command, folder, name, timeout=120, environment=None):
        self.log = folder / f"{name}.log"
        address = str(folder / f"{name}.notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices, open(self.log, "wb") as log:
            notices.bind(address)
            environment = {"PATH": DAEMON_PATH, "HOME": "/root", "NOTIFY_SOCKET": address, "TMPDIR": str(folder),
                           **(environment or {})}
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=environment)
            try:
                self._wait_ready(notices, timeout)
            except BaseException:
                self.stop()
                raise

    def _wait_ready(self, notices, timeout):
        notices.settimeout(timeout)
        try:
            while b"READY=1" not in notices.recv(4096):
                pass
        except TimeoutError:
            raise TimeoutError(f"{self.process.args[0]} is not ready after {timeout} s:\n{self.tail()}") from None

    def tail(self):
        return self.log.read_text(errors="replace")[-4000:]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Engine:
    """What the engines share; `with Docker() as docker: docker("run", ...)`."""

    daemon_environment = {}

    def __enter__(self):
        self._exits = contextlib.ExitStack()
        try:
            self.folder = self._exits.enter_context(place.Folder("e"))
            self._exits.callback(unmount_below, self.folder)
            self.image = self.folder / "busybox.tar"
            busybox_archive(self.image)
            self.open()
        except BaseException:
            self._exits.close()
            raise
        return self

    def __exit__(self, *failure):
        self._exits.close()

    def command(self, *args):
        raise NotImplementedError

    def environment(self):
        return {"PATH": DAEMON_PATH, "HOME": str(self.folder), "TMPDIR": str(self.folder)}

    def __call__(self, *args, timeout=TIMEOUT, input=None, **options):
        command = self.command(*args)
        if input is None:
            options.setdefault("stdin", subprocess.DEVNULL)
        else:
            options["input"] = input
        done = subprocess.run(command, capture_output=True, timeout=timeout, env=self.environment(), **options)
        return Answer(command, done.returncode, _text(done.stdout), _text(done.stderr))

    def spawn(self, *args, **options):
        options.setdefault("env", self.environment())
        return subprocess.Popen(self.command(*args), **options)

    def daemon(self, name, *command):
        started = Daemon(command, self.folder, name, environment=self.daemon_environment)
        self._exits.callback(started.stop)
        return started

    def bridge(self, what):
        """A bridge of our own with an address; returns (name, address/length)."""
        name = f"{place.mark[-8:]}{what}"
        address = f"198.19.{sum(what.encode()) % 250}.1/24"
        ip("link", "add", name, "type", "bridge")
        self._exits.callback(subprocess.run, ["ip", "link", "delete", name], capture_output=True)
        ip("address", "add", address, "dev", name)
        ip("link", "set", name, "up")
        return name, address


class Containerd(Engine):
    """containerd; a call is `ctr`."""

    snapshotter = "overlayfs"
    tables = ""  # of its configuration, beside those below

    def open(self):
        self.socket = self.folder / "c.sock"
        config = self.folder / "containerd.toml"
        unused = [f"io.containerd.snapshotter.v1.{name}" for name in ("btrfs", "zfs", "devmapper", "aufs")
                  if name != self.snapshotter]
        config.write_text(
            f'version = 2\nroot = "{self.folder}/c-root"\nstate = "{self.folder}/c-state"\n'
            f'disabled_plugins = {json.dumps(["io.containerd.grpc.v1.cri", *unused])}\n{self.tables}'
            f'[grpc]\naddress = "{self.socket}"\n[ttrpc]\naddress = "{self.socket}.ttrpc"\n'
            f'[plugins."io.containerd.internal.v1.opt"]\npath = "{self.folder}/opt"\n')
        self._exits.callback(remove_empty, "/run/containerd/s", "/run/containerd")
        self._exits.enter_context(CgroupParent("/default"))  # ctr's namespace; its runtimes leave it
        self.server = self.daemon("containerd", "/usr/bin/containerd", "--config", config)
        self.prepare()

    def prepare(self):
        self("image", "import", "--snapshotter", self.snapshotter, self.image).ok()

    def command(self, *args):
        return ["/usr/bin/ctr", "--address", str(self.socket), *map(str, args)]


class Docker(Containerd):
    """dockerd over a containerd of its own, with nacre as a runtime beside runc; a call is `docker`."""

    runtimes = {"nacre": place.nacre}
    configurations = {}  # of further runtimes: {"nacre-disks": {"runtime.storage": [...]}}
    config = {}  # daemon.json

    def prepare(self):
        self.docker_socket = self.folder / "d.sock"
        name, self.bridge_address = self.bridge("d")
        words = ["--config-file", self._config_file(), "--data-root", self.folder / "d-root",
                 "--exec-root", self.folder / "d-exec", "--pidfile", self.folder / "d.pid",
                 "--host", f"unix://{self.docker_socket}", "--containerd", self.socket,
                 "--bridge", name, "--iptables=false", "--ip-masq=false", "--ip-forward=false", "--userland-proxy=false",
                 *self.cgroup_words(), "--storage-driver", "overlay2"]
        words += self.runtime_words()
        self.dockerd = self.daemon("dockerd", "/usr/sbin/dockerd", *words)
        self("load", "--input", self.image).ok()

    @contextlib.contextmanager
    def running(self, script, *flags, runtime="nacre"):
        """The name of a container that is removed at the end."""
        name = place.fresh_name()
        self("run", "--detach", "--name", name, "--runtime", runtime, *flags, IMAGE, "sh", "-c", script).ok()
        try:
            yield name
        finally:
            self("rm", "--force", name).ok()

    def inspect(self, name, field):
        """Of a container: "State.ExitCode"."""
        return self("inspect", "--format", "{{." + field + "}}", name).ok().out.strip()

    def runtime_words(self):
        configured = {name: self._configured(name, edits) for name, edits in self.configurations.items()}
        return [word for runtime, path in {**self.runtimes, **configured}.items()
                for word in ("--add-runtime", f"{runtime}={path}")]

    def cgroup_words(self):
        group = self._exits.enter_context(CgroupParent(f"/{place.mark}d"))
        return ["--cgroup-parent", group.name, "--exec-opt", "native.cgroupdriver=cgroupfs"]

    def api(self, path):
        """What GET answers; for what the client does not show."""
        connection = http.client.HTTPConnection("docker")
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with connection.sock:
            connection.sock.connect(str(self.docker_socket))
            connection.request("GET", path)
            return json.load(connection.getresponse())

    def _configured(self, name, edits):
        """nacre with a configuration file of its own, as dockerd makes it of `runtimeArgs`."""
        config = write_configuration(self.folder / f"{name}.toml", edits)
        program = self.folder / name
        program.write_text(f'#!/bin/sh\nexec {place.nacre} --config {config} "$@"\n')
        program.chmod(0o755)
        return program

    def _config_file(self):
        path = self.folder / "daemon.json"
        path.write_text(json.dumps(self.config))
        return path

    def command(self, *args):
        return ["/usr/bin/docker", "--host", f"unix://{self.docker_socket}", *map(str, args)]


class Podman(Engine):
    """podman has no daemon; every call names the same folders."""

    def open(self):
        network = self.folder / "networks"
        network.mkdir()
        backend = "netavark" if Path("/usr/lib/podman/netavark").exists() else "cni"
        (self.folder / "containers.conf").write_text(
            '[containers]\nlog_driver = "k8s-file"\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
            f'[network]\nnetwork_backend = "{backend}"\nnetwork_config_dir = "{network}"\n'
            'default_subnet = "198.19.251.0/24"\n'
            '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nlock_type = "file"\n'
            f'static_dir = "{self.folder}/libpod"\ntmp_dir = "{self.folder}/p-tmp"\nvolume_path = "{self.folder}/volumes"\n'
            f'[engine.runtimes]\nnacre = ["{place.nacre}"]\n')
        self._exits.enter_context(CgroupParent("/libpod_parent", "conmon"))
        if backend == "cni":
            self._exits.enter_context(CniBridge())
        self._exits.callback(self.clean)
        self("load", "--input", self.image).ok()

    def command(self, *args):
        return ["/usr/bin/podman", "--root", str(self.folder / "p-root"), "--runroot", str(self.folder / "p-run"),
                "--storage-driver", "overlay", *map(str, args)]

    def environment(self):
        return {**super().environment(), "CONTAINERS_CONF": str(self.folder / "containers.conf"),
                "XDG_CONFIG_HOME": str(self.folder),
                "PODMAN_IGNORE_CGROUPSV1_WARNING": "1"}  # podman 5 warns where it would be version 2 alone

    def clean(self):
        wait_for_processes_of(self.folder)  # conmon has `podman container cleanup` run after the end
        self("rm", "--all", "--force", "--time", "0")
        wait_for_processes_of(self.folder)


class CniBridge:
    """podman's bridge, which CNI makes for the first container and never removes: here while the engine is."""

    name = "cni-podman0"
    made = False

    def __enter__(self):
        if not os.path.exists(f"/sys/class/net/{self.name}"):
            subprocess.run(["ip", "link", "add", self.name, "type", "bridge"], check=True)
            self.made = True
        return self

    def __exit__(self, *failure):
        if self.made:
            subprocess.run(["ip", "link", "delete", self.name], check=True)


class CgroupParent:
    """A cgroup that an engine would make at its first container and leave behind. It is made at once in every hierarchy,
    with the children that are named, so that it is there around every test of the engine; removed unless it was there before."""

    def __init__(self, name, *children):
        self.name, self.children = name, children

    def __enter__(self):
        self._before = set(self._folders())
        for root in self._roots():
            for child in ("", *self.children):
                os.makedirs(f"{root}{self.name}/{child}", exist_ok=True)
        return self

    def __exit__(self, *failure):
        for folder in self._folders():
            if folder not in self._before:
                with contextlib.suppress(OSError):
                    os.rmdir(folder)

    @staticmethod
    def _roots():
        """One a hierarchy."""
        top = Path("/sys/fs/cgroup")
        if (top / "cgroup.controllers").exists():  # version 2 alone
            return [str(top)]
        return [str(folder) for folder in top.iterdir() if (folder / "cgroup.procs").exists()
                and ((folder / "tasks").exists() or folder.name == "unified")]

    def _folders(self):
        """Deepest first."""
        for root in ["/sys/fs/cgroup", *map(str, Path("/sys/fs/cgroup").iterdir())]:
            for folder, _, _ in os.walk(root + self.name, topdown=False):
                yield folder


def wait_for_processes_of(folder, timeout=10):
    """Until no process names the folder on its command line."""
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit() and str(folder).encode() in Path(f"/proc/{entry}/cmdline").read_bytes():
                reaper.wait_gone(int(entry), timeout)


def unmount_below(folder):
    with open("/proc/self/mountinfo") as mounts:
        targets = [line.split()[4] for line in mounts]
    for target in reversed(targets):
        if target.startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", target], capture_output=True)


def remove_empty(*folders):
    for folder in folders:
        with contextlib.suppress(OSError):
            os.rmdir(folder)
