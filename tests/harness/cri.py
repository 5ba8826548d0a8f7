"""containerd's CRI plugin with nacre as its runtime, and a client as small as kubelet's part that the tests play."""

import contextlib
import hashlib
import io
import json
import subprocess
import time
import sys
import tarfile
from pathlib import Path

import grpc

from . import place, reaper
from .engines import IMAGE, CgroupParent, Containerd, remove_empty

PAUSE_IMAGE = "localhost/pause:test"
NAMESPACE = "k8s.io"  # CRI's, in containerd

# What Kubernetes' pause does: waits for the end and reaps what the pod leaves behind.
PAUSE = r"""
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int signal) { (void)signal; exit(0); }
static void reap(int signal) { (void)signal; while (waitpid(-1, NULL, WNOHANG) > 0) {} }
int main(void) {
  struct sigaction ending = {.sa_handler = end}, reaping = {.sa_handler = reap};
  sigaction(SIGINT, &ending, NULL);
  sigaction(SIGTERM, &ending, NULL);
  sigaction(SIGCHLD, &reaping, NULL);
  for (;;) pause();
}
"""


def pause_archive(path, folder):
    """An image of one static program, as `docker save` writes it."""
    source, program = folder / "pause.c", folder / "pause"
    source.write_text(PAUSE)
    subprocess.run(["cc", "-static", "-Os", "-s", "-o", program, source], check=True)
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(program, arcname="pause")
    config = {"architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/pause"]},
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()]}}
    manifest = [{"Config": "config.json", "RepoTags": [PAUSE_IMAGE], "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as tar:
        for name, data in (("layer.tar", layer.getvalue()), ("config.json", json.dumps(config).encode()),
                           ("manifest.json", json.dumps(manifest).encode())):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def load_api(folder):
    """The messages of cri.proto, made by protoc."""
    here = Path(__file__).parent
    subprocess.run(["protoc", f"--proto_path={here}", f"--python_out={folder}", "cri.proto"], check=True)
    sys.path.insert(0, str(folder))
    try:
        import cri_pb2
    finally:
        sys.path.remove(str(folder))
    return cri_pb2


class Cri(Containerd):
    """containerd with its CRI plugin; a call of an attribute is a call of the API: `cri.RunPodSandbox(config=...)`."""

    def open(self):
        self._exits.callback(remove_empty, "/run/containerd/s", "/run/containerd")
        self.api = load_api(self.folder)
        self.socket = self.folder / "c.sock"
        self.bridge_name, address = self.bridge("k")
        self.subnet = address.rsplit(".", 1)[0] + ".0/24"
        self.cgroup = self._exits.enter_context(CgroupParent(f"/{place.mark}k")).name
        self.logs = self.folder / "logs"
        self._write_network()
        config = self._write_config()
        self.server = self.daemon("containerd", "/usr/bin/containerd", "--config", config)
        pause = self.folder / "pause.tar"
        pause_archive(pause, self.folder)
        for archive in (self.image, pause):
            self("image", "import", "--snapshotter", "overlayfs", archive).ok()
        # CRI's own list of images is read from containerd's at its start.
        self.server.stop()
        self.server = self.daemon("containerd-cri", "/usr/bin/containerd", "--config", config)
        self.channel = grpc.insecure_channel(f"unix://{self.socket}")
        self._exits.callback(self.channel.close)

    def _write_network(self):
        folder = self.folder / "cni"
        folder.mkdir()
        (folder / "10-bridge.conflist").write_text(json.dumps({
            "cniVersion": "0.4.0", "name": place.mark, "plugins": [{
                "type": "bridge", "bridge": self.bridge_name, "isGateway": True, "ipMasq": False,
                "ipam": {"type": "host-local", "dataDir": str(self.folder / "ipam"), "ranges": [[{"subnet": self.subnet}]],
                         "routes": [{"dst": "0.0.0.0/0"}]}}]}))

    def _write_config(self):
        cri = '[plugins."io.containerd.grpc.v1.cri"'
        path = self.folder / "containerd.toml"
        path.write_text(
            f'version = 2\nroot = "{self.folder}/c-root"\nstate = "{self.folder}/c-state"\n'
            'disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",'
            ' "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]\n'
            f'[grpc]\naddress = "{self.socket}"\n[ttrpc]\naddress = "{self.socket}.ttrpc"\n'
            f'[plugins."io.containerd.internal.v1.opt"]\npath = "{self.folder}/opt"\n'
            f'{cri}]\nsandbox_image = "{PAUSE_IMAGE}"\nstream_server_address = "127.0.0.1"\n'
            'disable_apparmor = true\nrestrict_oom_score_adj = true\nnetns_mounts_under_state_dir = true\n'
            f'{cri}.cni]\nbin_dir = "/usr/lib/cni"\nconf_dir = "{self.folder}/cni"\n'
            f'{cri}.containerd]\nsnapshotter = "overlayfs"\ndefault_runtime_name = "nacre"\n'
            f'{cri}.containerd.runtimes.nacre]\nruntime_type = "io.containerd.nacre.v2"\n'
            f'{cri}.containerd.runtimes.runc]\nruntime_type = "io.containerd.runc.v2"\n')
        return path

    def command(self, *args):
        return super().command("--namespace", NAMESPACE, *args)

    def __getattr__(self, name):
        if not name[:1].isupper():
            raise AttributeError(name)
        request, response = getattr(self.api, f"{name}Request"), getattr(self.api, f"{name}Response")
        method = self.channel.unary_unary(f"/runtime.v1.RuntimeService/{name}", request.SerializeToString, response.FromString)

        def call(**fields):
            return method(request(**fields), timeout=240, wait_for_ready=True)

        return call

    @contextlib.contextmanager
    def pod(self, runtime="nacre", **linux):
        """Yields a running Pod and takes it away, whatever has become of it."""
        pod = Pod(self, runtime, linux)
        try:
            yield pod
        finally:
            self.StopPodSandbox(pod_sandbox_id=pod.id)
            self.RemovePodSandbox(pod_sandbox_id=pod.id)


class Pod:
    def __init__(self, cri, runtime, linux):
        self.cri, self.name = cri, place.fresh_name()
        self.logs = cri.logs / self.name
        self.logs.mkdir(parents=True)
        self.config = {
            "metadata": {"name": self.name, "uid": self.name, "namespace": "default"}, "hostname": self.name,
            "log_directory": str(self.logs), "dns_config": {"servers": ["198.19.0.53"]},
            "linux": {"cgroup_parent": cri.cgroup, "security_context": {"namespace_options": {"pid": "CONTAINER"}}, **linux}}
        self.id = cri.RunPodSandbox(config=self.config, runtime_handler=runtime).pod_sandbox_id

    @property
    def status(self):
        return self.cri.PodSandboxStatus(pod_sandbox_id=self.id).status

    def create(self, name, *command, pid="CONTAINER", attempt=0, resources=None, privileged=False, **config):
        """A single string is a shell script."""
        words = ["sh", "-c", command[0]] if len(command) == 1 else list(command)
        security = {"namespace_options": {"pid": pid}, "privileged": privileged}
        answer = self.cri.CreateContainer(
            pod_sandbox_id=self.id, sandbox_config=self.config,
            config={"metadata": {"name": name, "attempt": attempt}, "image": {"image": IMAGE}, "command": words,
                    "log_path": f"{name}.{attempt}.log",
                    "linux": {"resources": resources or {}, "security_context": security}, **config})
        return PodContainer(self, answer.container_id, self.logs / f"{name}.{attempt}.log")

    def run(self, name, *command, **config):
        container = self.create(name, *command, **config)
        self.cri.StartContainer(container_id=container.id)
        return container

    @property
    def sandbox_process(self):
        """The pid of the one that serves this pod."""
        found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()
                 and {b"containerd-shim-nacre-v2", self.id.encode()} <= words_of(entry)]
        assert len(found) == 1, found
        return found[0]

    @property
    def machines(self):
        return [pid for pid in reaper.children(self.sandbox_process) if b"qemu-system" in b" ".join(words_of(Path(f"/proc/{pid}")))]


def words_of(process):
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return set()
    return {word.rsplit(b"/", 1)[-1] for word in words}


class PodContainer:
    def __init__(self, pod, name, log):
        self.pod, self.cri, self.id, self.log_path = pod, pod.cri, name, log

    @property
    def status(self):
        return self.cri.ContainerStatus(container_id=self.id).status

    @property
    def state(self):
        return self.pod.cri.api.ContainerState.Name(self.status.state)

    def exec(self, *command):
        """(code, stdout)"""
        words = ["sh", "-c", command[0]] if len(command) == 1 else list(command)
        answer = self.cri.ExecSync(container_id=self.id, cmd=words)
        return answer.exit_code, answer.stdout.decode()

    def log(self):
        """The lines of kubelet's log format, as (stream, text)."""
        lines = [line.split(" ", 3) for line in self.log_path.read_text().splitlines()]
        return [(stream, text) for _, stream, _, text in lines]

    @property
    def pid(self):
        return json.loads(self.cri.ContainerStatus(container_id=self.id, verbose=True).info["info"])["pid"]

    def wait(self):
        """The status after the end. Of what has ended a stop waits only until containerd has noted that, and containerd
        1.7 not even for this where the runtime has died."""
        pid = self.pid
        if pid:
            reaper.wait_gone(pid, 240)
        self.stop(60)
        deadline = time.monotonic() + 60
        while (status := self.status).state == self.cri.api.CONTAINER_RUNNING and time.monotonic() < deadline:
            pass
        return status

    def stop(self, timeout=20):
        self.cri.StopContainer(container_id=self.id, timeout=timeout)

    def remove(self):
        self.cri.RemoveContainer(container_id=self.id)
