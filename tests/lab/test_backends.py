"""The backends on a host that has what development machines lack: KVM that works, and vsock."""

from harness import place
from labhost import lab


def test_qemu_runs_its_guests_on_kvm():
    program = place.build / "tests/backends/backends_qemu"
    done = lab(f"modprobe -a vhost_vsock tun && test -c /dev/vhost-vsock && {program} --durations yes", kvm_nested=True,
               timeout=200)
    assert done.code == 0, done
    assert "All tests passed" in done.out
