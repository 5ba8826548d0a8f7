"""nacre itself on a host that has KVM and vsock."""

import json

import pytest
from harness import place
from labhost import lab


@pytest.mark.parametrize("machine", ["q35", "microvm"])
def test_a_container_runs_on_kvm_with_its_agent_over_vsock(machine):
    script = place.source / "tests/lab/run_on_kvm.py"
    done = lab(f"modprobe vhost_vsock && exec /usr/bin/python3 {script} {machine}", kvm_nested=True, timeout=200,
               env={"NACRE_STAGE": str(place.stage), "NACRE_BUILD_DIR": str(place.build)})
    assert done.code == 0, done
    seen = json.loads(done.out)
    print(seen)
    assert seen["machine"] == machine, seen
    assert seen["accel"] == "kvm" and seen["machines of KVM"], seen
    assert "/dev/kvm" in seen["devices of the host"] and "/dev/vhost-vsock" in seen["devices of the host"], seen
    assert seen["vsock device"] and not seen["serial port of the agent"], seen
    assert "nacre.channel=vsock" in seen["out"][1].split(), seen
    assert seen["exec"] == ["through the guest", "aside\n", 3], seen
    assert (seen["status"], seen["code"], seen["stopped"]) == ("running", 7, "stopped"), seen
    assert (seen["out"][0], seen["out"][2], seen["left"]) == ("out of the guest", "word", []), seen
