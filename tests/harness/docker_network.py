"""dockerd with all of its network: bridges, iptables, names. It runs in a network namespace of its own, so that what it
changes there is nobody else's; to its containers that namespace is the host's."""

import contextlib
import subprocess

from . import place
from .engines import CgroupParent, Docker
from .network import EmptyNetNs


class NetworkedDocker(Docker):
    """A call is `docker`; `inside(...)` runs a command where dockerd is."""

    more_words = []  # of dockerd

    def open(self):
        self.netns = self._exits.enter_context(EmptyNetNs())
        super().open()

    def daemon(self, name, *command):
        return super().daemon(name, "/usr/bin/nsenter", f"--net={self.netns.path}", *command)

    def prepare(self):
        self.docker_socket = self.folder / "d.sock"
        group = self._exits.enter_context(CgroupParent(f"/{place.mark}n"))
        words = ["--config-file", self._config_file(), "--data-root", self.folder / "d-root",
                 "--exec-root", self.folder / "d-exec", "--pidfile", self.folder / "d.pid",
                 "--host", f"unix://{self.docker_socket}", "--containerd", self.socket,
                 "--bip", "198.19.200.1/24", "--default-address-pool", "base=198.19.208.0/20,size=24",
                 "--userland-proxy=false",
                 "--cgroup-parent", group.name, "--exec-opt", "native.cgroupdriver=cgroupfs",
                 "--storage-driver", "overlay2", *self.more_words]
        words += self.runtime_words()
        self.dockerd = self.daemon("dockerd", "/usr/sbin/dockerd", *words)
        self("load", "--input", self.image).ok()

    def inside(self, *command, **options):
        return subprocess.run(["nsenter", f"--net={self.netns.path}", *map(str, command)], capture_output=True, text=True,
                              timeout=120, **options)

    @contextlib.contextmanager
    def network(self, *flags):
        name = place.fresh_name("w")
        self("network", "create", *flags, name).ok()
        try:
            yield name
        finally:
            self("network", "rm", name).ok()

    @contextlib.contextmanager
    def ready(self, script, *flags, runtime="nacre"):
        """A container that has said `ready`, by name."""
        name = place.fresh_name()
        self("run", "--detach", "--name", name, "--runtime", runtime, *flags, "localhost/busybox:test", "sh", "-c",
             f"{script}; echo ready; exec sleep 10000").ok()
        # dockerd keeps the connection of a follower that was killed until the container says more, so ours stays to the end.
        with self.spawn("logs", "--follow", name, stdout=subprocess.PIPE) as logs:
            try:
                assert logs.stdout.readline() == b"ready\n"
                yield name
            finally:
                self("rm", "--force", name).ok()
                logs.communicate(timeout=60)

    def holder(self, name):
        return self("inspect", "--format", "{{.State.Pid}}", name).ok().out.strip()

    def address(self, name, network="bridge", key="IPAddress"):
        return self("inspect", "--format", f'{{{{(index .NetworkSettings.Networks "{network}").{key}}}}}', name).ok().out.strip()

    def silence(self, name):
        """The stack of the container's namespace on the host leaves pings to the guest: whoever answers is the guest."""
        rules = ("table inet silent { chain in { type filter hook input priority 0; icmp type echo-request drop; "
                 "icmpv6 type echo-request drop; }; }")
        subprocess.run(["nsenter", f"--net=/proc/{self.holder(name)}/ns/net", "nft", rules], check=True)
