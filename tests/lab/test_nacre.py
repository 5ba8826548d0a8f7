"""nacre itself on a host that has KVM and vsock."""

from harness import place
from labhost import lab


def test_a_container_runs_on_kvm_with_its_agent_over_vsock():
    script = place.source / "tests/lab/run_on_kvm.py"
    done = lab(f"modprobe vhost_vsock && exec /usr/bin/python3 {script}", kvm_nested=True, timeout=250,
               env={"NACRE_STAGE": str(place.stage), "NACRE_BUILD_DIR": str(place.build)})
    assert done.code == 0, done
    assert "accel: kvm\nvsock: True\nexec: through the guest\ncode: 137\n" in done.out, done
