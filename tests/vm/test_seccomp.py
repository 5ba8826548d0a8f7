"""Filters on both sides of the VM: QEMU's own, and the container's profile."""

import os

import pytest
from harness import reaper

PROFILE = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "architectures": ["SCMP_ARCH_X86_64"],
    "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95},
        {"names": ["sethostname"], "action": "SCMP_ACT_ERRNO"},
    ],
}


def vmm_pids(container):
    """Processes in the sandbox process's care that run a VMM: children whose executable is qemu's."""
    pids = reaper.children(container.state()["nacre"]["sandbox_pid"])
    return [pid for pid in pids if "qemu" in os.readlink(f"/proc/{pid}/exe")]


def seccomp_of(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(line.split()[1] for line in status if line.startswith("Seccomp:"))


def with_profile(nacre, script, profile=PROFILE):
    bundle = nacre.bundle(script)
    if profile:
        bundle.spec["linux"]["seccomp"] = profile
    return bundle.write()


def test_on_for_qemu_and_the_container(nacre):
    container = nacre.create(with_profile(nacre, "grep Seccomp: /proc/self/status; sleep 1000")).start()
    pids = vmm_pids(container)
    assert len(pids) == 1
    assert seccomp_of(pids[0]) == "2"
    assert container.exec("grep Seccomp: /proc/self/status").ok().out.split()[1] == "2"
    container.delete(force=True).ok()
    container.wait()
    assert container.out.split() == ["Seccomp:", "2"]


def test_off_for_both(nacre):
    # QEMU's own filter is a filter too.
    nacre.configure({"runtime.security": [], "hypervisor.qemu.seccompsandbox": ""})
    container = nacre.create(with_profile(nacre, "sleep 1000", profile=None)).start()
    assert seccomp_of(vmm_pids(container)[0]) == "0"
    assert container.exec("grep Seccomp: /proc/self/status").ok().out.split()[1] == "0"
    container.delete(force=True).ok()
    container.wait()


def test_a_denied_call_fails_with_its_errno(nacre):
    answer = nacre.run(with_profile(nacre, "mkdir /tmp/a; hostname other"))
    assert "Operation not supported" in answer.err or "Not supported" in answer.err
    assert "Operation not permitted" in answer.err


@pytest.mark.parametrize("change, words", [
    ({"defaultAction": "SCMP_ACT_NONSENSE"}, "SCMP_ACT_NONSENSE"),
    ({"architectures": ["SCMP_ARCH_PDP11"]}, "SCMP_ARCH_PDP11"),
    ({"syscalls": [{"names": ["read"], "action": "SCMP_ACT_NOTIFY"}]}, "NOTIFY"),
])
def test_a_profile_that_cannot_be_compiled_is_refused_before_anything_starts(nacre, change, words):
    answer = nacre.run(with_profile(nacre, "true", {**PROFILE, **change}))
    assert answer.code == 1
    assert words.lower() in answer.err.lower()
    assert "virtual machine" not in answer.err
