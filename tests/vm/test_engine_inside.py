"""A container engine inside a privileged container, with its images on a disk of the guest's: an emptyDir."""

import pytest
from test_empty_dirs import DISKS, volume_of

CAPABILITIES = """AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_ADMIN NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID
SYS_ADMIN SYS_CHROOT SYS_PTRACE SYS_RESOURCE""".split()
CONFIGURATION = """[engine]
events_logger = "none"
cgroup_manager = "cgroupfs"
runtime = "crun"
[containers]
log_driver = "k8s-file"
"""
PODMAN = "podman --root /scratch/graph --runroot /run/podman --storage-driver overlay"


def privileged(bundle):
    bundle.process["capabilities"] = {kind: [f"CAP_{name}" for name in CAPABILITIES]
                                      for kind in ("bounding", "effective", "permitted")}
    for key in ("maskedPaths", "readonlyPaths", "seccomp"):
        bundle.spec["linux"].pop(key, None)
    bundle.spec["linux"]["resources"]["devices"] = [{"allow": True, "access": "rwm"}]


@pytest.fixture
def box(nacre, folder):
    nacre.configure({**DISKS, "runtime.storage": ["block", "virtio-fs"], "hypervisor.qemu.default_memory": 1024})
    bundle = nacre.bundle("trap 'exit 0' TERM; sleep 100000 & wait")
    for program in ("podman", "conmon", "crun"):
        bundle.add_program(program)
    for path, text in (("policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}'), ("containers.conf", CONFIGURATION)):
        (bundle.rootfs / "etc/containers").mkdir(exist_ok=True)
        (bundle.rootfs / "etc/containers" / path).write_text(text)
    (bundle.rootfs / "var/tmp").mkdir()
    privileged(bundle)
    bundle.spec["mounts"] += [
        {"destination": "/scratch", "type": "bind", "source": str(volume_of(folder)), "options": ["rbind"]},
        {"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]}]
    container = nacre.create(bundle.write()).start()
    yield container
    container.delete(force=True).ok()


def test_podman_has_an_overlay_for_its_container(box):
    box.exec(f"tar -C / -cf - bin | {PODMAN} import - inner").ok()
    inside = "grep ' / ' /proc/mounts; echo inside > /file; cat /file; rm /bin/busybox; test -e /bin/busybox || echo gone"
    done = box.exec(f'{PODMAN} run --rm --network none --cgroups disabled inner /bin/sh -c "{inside}"')
    mount, *rest = done.ok().out.splitlines()
    assert mount.startswith("overlay / overlay rw,") and "upperdir=/scratch/graph/overlay/" in mount
    assert rest == ["inside", "gone"]
    box.exec("test -x /bin/busybox").ok()
