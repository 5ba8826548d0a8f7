"""--systemd-cgroup on a host whose pid 1 is systemd, on cgroup v2."""

import json

from harness import place
from labhost import lab

PROGRAMS = ["containerd-shim-nacre-v2", "nacre-launch", "qemu-system-x86_64"]
SERVER = "virtiofsd"  # of what one of the containers mounts


def seen_by(what, timeout):
    script = place.source / "tests/lab/run_on_systemd.py"
    # Docker's overlays do not stand on the lab's own.
    done = lab(f"modprobe vhost_vsock && mount -t tmpfs tmpfs /tmp && exec /usr/bin/python3 {script} {what}",
               kvm_nested=True, systemd=True, timeout=timeout,
               env={"NACRE_STAGE": str(place.stage), "NACRE_BUILD_DIR": str(place.build)})
    assert done.code == 0, done
    print(done.out)
    return json.loads(done.out)


def check_scope(saw, group):
    assert (saw["ActiveState"], saw["Delegate"], saw["MemoryAccounting"]) == ("active", "yes", "yes"), saw
    assert saw["Slice"] in group.split("/") and saw["ControlGroup"] == group, saw
    assert sorted(set(saw["members"]) - {"virtiofsd"}) == PROGRAMS, saw
    assert saw["gone"], saw


def check_later_mount(saw):
    assert saw["later mount"] == ["late\n", "", ""] and not saw["notices"], saw


def test_a_scope_holds_the_virtual_machine_and_goes_with_delete_even_after_the_sandbox_process():
    seen = seen_by("nacre", 250)
    assert 'expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got "/no/unit"' in seen["refused"]
    for ending in ("delete", "sandbox process killed"):
        saw = seen[ending]
        scope, slice_name = saw["ControlGroup"].split("/")[-1], saw["Slice"]
        assert scope.startswith("test-") and slice_name.startswith("user-"), saw
        check_scope(saw, f"/user.slice/{slice_name}/{scope}")
        check_later_mount(saw)
    assert "a unit of this name is there already" in seen["delete"]["again"], seen
    assert seen["left"] == [], seen


def test_docker_puts_it_into_a_scope_by_default():
    seen = seen_by("docker", 420)
    assert seen["driver"] == "systemd 2", seen
    saw = seen["docker"]
    check_scope(saw, saw["ControlGroup"])
    assert saw["ControlGroup"].startswith("/system.slice/docker-"), saw
    assert saw["of the pid"] == f"0::{saw['ControlGroup']}", saw
    assert (saw["code"], saw["logs"]) == ("7", "in the guest\n"), saw
