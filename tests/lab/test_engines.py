"""Tests of the engines that need what only Debian's own kernel has here: they run on a lab host as they are."""

from harness import place
from labhost import lab


def run_on_lab(modules, prepare, file, name, timeout, devices=()):
    pytest_words = "python3 -m pytest -rs --tb=short -p no:cacheprovider"
    done = lab(f"set -e; for name in vhost_vsock tun {modules}; do modprobe $name; done; {prepare}; cd {place.source}/tests; "
               f"exec {pytest_words} engines/{file} -k {name}", kvm_nested=True, timeout=timeout, devices=devices, memory="6G",
               env={"NACRE_STAGE": str(place.stage), "NACRE_BUILD_DIR": str(place.build), "PYTHONDONTWRITEBYTECODE": "1"})
    print(done.out)
    assert done.code == 0, done
    assert "1 passed" in done.out, done


def test_block_io_is_counted(folder):
    disk = folder / "disk"
    with open(disk, "wb") as file:
        file.truncate(4 << 30)
    run_on_lab("virtio_blk ext4", "mkfs.ext4 -q /dev/vda; mount /dev/vda /tmp", "test_docker_live.py", "block_io", 400,
               devices=[f"-drive file={disk},format=raw,if=virtio,cache=unsafe"])


def test_a_swarm_service_has_a_virtual_address():
    # A new network namespace forwards when the first one does, where dockerd usually sees to that.
    run_on_lab("ip_vs ip_vs_rr", "sysctl -qw net.ipv4.ip_forward=1; mount -t tmpfs tmpfs /tmp", "test_docker_swarm.py", "vip", 850)
