"""Root file systems on thin pools of device-mapper, which development machines lack."""

import json
import re

from harness import place
from labhost import lab


def test_snapshots_of_a_thin_pool_are_disks_of_the_guest():
    script = place.source / "tests/lab/run_on_thin_pool.py"
    done = lab(f"modprobe -a vhost_vsock tun loop dm-thin-pool ext4 && exec /usr/bin/python3 {script}", kvm_nested=True,
               timeout=500, memory="6G", env={"NACRE_STAGE": str(place.stage), "NACRE_BUILD_DIR": str(place.build)})
    assert done.code == 0, done
    seen = json.loads(done.out.splitlines()[-1])
    print(seen)
    thin, containerd = seen["thin"], seen["containerd"]
    assert re.match(r"/dev/vd[a-z] / ext4 rw,relatime,discard", thin["out"]), thin
    assert (thin["code"], thin["mounts meanwhile"], thin["mounts are as before"]) == (0, [], True), thin
    assert thin["full"] - thin["emptied"] > 200, thin  # 16 MiB are 256 blocks of the pool
    assert (thin["written"], thin["fsck"], thin["the base has it"], thin["left"]) == ("guest\n", 0, False, []), thin
    assert re.match(r"/dev/vd[a-z] / ext4 rw", containerd["root"]), containerd
    assert (containerd["mounts meanwhile"], containerd["deleted"], containerd["written"]) == ([], 0, "guest\n"), containerd
