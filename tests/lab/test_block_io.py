"""Limits of block I/O on cgroups of version 2, on a disk with the BFQ scheduler that reads 2 MiB in a second."""

import json
import os
import subprocess

import pytest
from harness import place
from harness.disk import Disk
from labhost import lab

MIB = 1 << 20


@pytest.fixture
def image(folder):
    """Files for two containers, each more than it can read in the time; the lab host's page cache must not help."""
    disk = Disk(folder, 192 * MIB)
    try:
        for name in "light", "heavy":
            (disk.folder / name).mkdir()
            for number in range(4):
                (disk.folder / name / str(number)).write_bytes(os.urandom(16 * MIB))
        subprocess.run(["sync", "-f", disk.folder], check=True)
    finally:
        disk.close()
    return folder / "disk.image"


def test_a_weight_is_a_share_of_the_disk_and_a_throttle_holds(image):
    script = place.source / "tests/lab/run_on_slow_disk.py"
    drive = f"-drive if=none,id=disk,format=raw,file={image},throttling.bps-total={2 * MIB} -device virtio-blk-pci,drive=disk"
    done = lab("modprobe -a vhost_vsock virtio_blk ext4 bfq && echo bfq > /sys/block/vda/queue/scheduler && mkdir /mnt/disk && "
               f"mount /dev/vda /mnt/disk && exec /usr/bin/python3 {script}", kvm_nested=True, timeout=300, devices=[drive],
               env={"NACRE_STAGE": str(place.stage), "NACRE_BUILD_DIR": str(place.build)})
    assert done.code == 0, done
    seen = json.loads(done.out)
    print(seen)
    assert (seen["light"]["io.bfq.weight"], seen["heavy"]["io.bfq.weight"]) == ("default 100", "default 1000"), seen
    assert seen["heavy"]["bytes"] >= 3 * seen["light"]["bytes"] > 0, seen
    assert "rbps=524288" in seen["throttled"]["io.max"].split(), seen
    assert seen["throttled"]["rate"] == pytest.approx(524288, rel=0.2), seen
    assert seen["left"] == [], seen
