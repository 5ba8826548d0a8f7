"""Several containers in one virtual machine, as CRI-O asks for them at the command line."""

import os

from . import place, reaper

SLEEP = "trap 'exit 0' TERM; sleep 100000 & wait"


def shares(bundle, pid, *kinds):
    """Names the namespaces of that host process."""
    files = {"network": "net"}
    for namespace in bundle.spec["linux"]["namespaces"]:
        if namespace["type"] in kinds:
            namespace["path"] = f"/proc/{pid}/ns/{files.get(namespace['type'], namespace['type'])}"
    return bundle.write()


def belongs(bundle, kind, sandbox):
    bundle.spec["annotations"] = {"io.kubernetes.cri-o.ContainerType": kind, "io.kubernetes.cri-o.SandboxID": sandbox}
    return bundle.write()


def with_shm(bundle, folder):
    for mount in bundle.spec["mounts"]:
        if mount["destination"] == "/dev/shm":
            mount.update(type="bind", source=str(folder), options=["rbind", "rw"])
    return bundle.write()


def machines(sandbox_pid):
    return [pid for pid in reaper.children(sandbox_pid) if "qemu" in os.readlink(f"/proc/{pid}/exe")]


class Pod:
    """A sandbox container, and others that join it."""

    def __init__(self, nacre, shm=None, netns=None, annotations=None, edit=None):
        """`edit` is called with the bundle before it is written."""
        self.nacre, self.shm = nacre, shm
        bundle = nacre.bundle(SLEEP)
        if edit:
            edit(bundle)
        bundle.spec["hostname"] = "the-pod"
        if netns:
            bundle.netns(netns.path)
        if shm:
            with_shm(bundle, shm)
        name = place.fresh_name()
        belongs(bundle, "sandbox", name)
        bundle.spec["annotations"].update(annotations or {})
        self.sandbox = nacre.create(bundle.write(), name=name).start()
        self.others = []

    def bundle(self, *args, kinds=("network", "ipc", "uts"), annotations=None, edit=None):
        """Of a further container. `edit` is called with it before it is written."""
        bundle = belongs(self.nacre.bundle(*(args or (SLEEP,))), "container", self.sandbox.id)
        bundle.spec["annotations"].update(annotations or {})
        if edit:
            edit(bundle)
        if self.shm:
            with_shm(bundle, self.shm)
        del bundle.spec["hostname"]  # it would rename the pod
        return shares(bundle, self.sandbox.pid, *kinds)

    def create(self, *args, kinds=("network", "ipc", "uts"), annotations=None, edit=None, **how):
        container = self.nacre.create(self.bundle(*args, kinds=kinds, annotations=annotations, edit=edit), **how)
        self.others.append(container)
        return container

    def delete(self):
        for container in [*reversed(self.others), self.sandbox]:
            container.delete(force=True).ok()
            container.wait()
