"""What a container has synced is on the host's disk when the host loses its power at that moment, over either share."""

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from harness import place, reaper
from harness.disk import LoopDevice
from lab import LabError, LabHost
from labhost import BOOTS

STORAGES = ["9p", "virtio-fs"]
SYNCED = "SYNCED"


def machine_with(image):
    """The lab host's QEMU, by its disk."""
    return next(pid for pid in reaper.children(os.getpid())
                if str(image).encode() in Path(f"/proc/{pid}/cmdline").read_bytes())


class PowerCut(threading.Thread):
    """Ends the lab host as soon as it has written the word."""

    def __init__(self, stream, image):
        super().__init__(daemon=True)
        self.stream, self.image, self.text = stream, image, ""
        self.start()

    def run(self):
        with open(self.stream) as lines:
            for line in lines:
                self.text += line
                if line.strip() == SYNCED:
                    os.kill(machine_with(self.image), signal.SIGKILL)


def read_disk(folder, image):
    """The content of each file."""
    disk, mounted = LoopDevice(image), folder / "mounted"
    mounted.mkdir()
    subprocess.run(["mount", disk.node, mounted], check=True)  # plays the file system's journal, as a reboot does
    try:
        return {str(path.relative_to(mounted)): path.read_text() for path in mounted.glob("*/*") if path.is_file()}
    finally:
        subprocess.run(["umount", mounted], check=True)
        disk.close()


def run_until_power_cut(image):
    """False: the lab host failed before the container had synced."""
    reader, out = os.pipe()
    err_reader, err = os.pipe()
    cut, errors = PowerCut(reader, image), PowerCut(err_reader, None)
    script = place.source / "tests/lab/run_until_synced.py"
    host = LabHost(kvm_nested=True, timeout=200,
                   devices=[f"-drive if=none,id=disk,format=raw,file={image}", "-device virtio-blk-pci,drive=disk"])
    words = (f"modprobe -a vhost_vsock virtio_blk ext4 && mkdir /mnt/disk && mount -o commit=300 /dev/vda /mnt/disk && "
             f"exec /usr/bin/python3 {script} {SYNCED} {' '.join(STORAGES)}")
    code, failure = None, ""
    try:
        code = host.run(["bash", "-c", words], out, err, cwd="/",
                        env={"NACRE_STAGE": str(place.stage), "NACRE_BUILD_DIR": str(place.build)})
    except LabError as error:  # it ends before its command does
        failure = str(error)
    finally:
        os.close(out), os.close(err)
        cut.join(), errors.join()
    assert code is None, f"the command ended by itself with {code}:\n{cut.text}{errors.text}"
    if SYNCED not in cut.text:
        print(f"the emulated SVM failed\n{failure}\n{errors.text}")
    return SYNCED in cut.text


def test_synced_bytes_survive_a_power_cut_of_the_host(folder):
    image = folder / "disk.image"
    for _ in range(BOOTS):
        with open(image, "wb") as file:
            file.truncate(32 << 20)
        subprocess.run(["mkfs.ext4", "-qF", image], check=True)
        if run_until_power_cut(image):
            break
    else:
        pytest.fail(f"no lab host of {BOOTS} came to the power cut")
    found = read_disk(folder, image)
    for storage in STORAGES:
        assert found[f"{storage}/synced"] == "every byte\n" * 1000
        assert not found.get(f"{storage}/later"), "nobody has synced it: the cut came too late to show anything"
