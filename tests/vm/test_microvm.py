"""QEMU's microvm instead of q35: what a container does on one it does on the other, and what cannot be is refused."""

import subprocess
import time
from pathlib import Path

import pytest
from harness import place, reaper
from harness.loop import Loop
from harness.network import Cable, EmptyNetNs, NetNs
from harness.runtime import Nacre
from test_bad_input import check_sentence
from test_network import test_10_mib_of_tcp_both_ways as test_10_mib_of_tcp_both_ways
from test_network import test_address_mac_mtu_and_routes_are_the_link_s as test_address_mac_mtu_and_routes_are_the_link_s
from test_network import test_ping_both_ways as test_ping_both_ways
from test_network import with_raw_sockets
from test_stdio import test_exec_carries_output_apart_and_the_exit_code as test_exec_carries_output_apart_and_the_exit_code
from test_stdio import test_ten_execs_at_once_keep_their_streams_apart as test_ten_execs_at_once_keep_their_streams_apart

MICROVM = {"hypervisor.qemu.machine_type": "microvm"}


@pytest.fixture(scope="module")
def pod(nothing_left_by_module):
    with NetNs(mtu=1400) as namespace, place.Folder() as folder:
        nacre = Nacre(folder, MICROVM)
        container = nacre.create(with_raw_sockets(nacre.bundle("sleep 10000").netns(namespace.path))).start()
        yield namespace, container
        container.delete(force=True).ok()
        container.wait()
        assert nacre.close() == []


@pytest.fixture
def box(pod):
    return pod[1]


def vmm_words(container):
    pids = reaper.children(container.sandbox_pid)
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1] for pid in pids]
    return next(words for words in lines if "qemu" in words[0])


def test_its_command_line_has_no_pci(box):
    words = vmm_words(box)
    assert words[words.index("-machine") + 1].startswith("microvm,"), words
    devices = [words[number + 1] for number, word in enumerate(words) if word == "-device"]
    assert any('"virtio-net-device"' in device for device in devices), devices
    assert any('"virtio-9p-device"' in device for device in devices), devices
    assert not [device for device in devices if "pci" in device]
    assert box.exec("ls /sys/bus/pci/devices").ok().out == ""


def test_files_go_both_ways(box):
    (box.bundle.rootfs / "from-host").write_text("hello")
    assert box.exec("cat /from-host; echo there > /from-guest").ok().out == "hello"
    assert (box.bundle.rootfs / "from-guest").read_text() == "there\n"


def test_a_disk_is_there_from_the_start(nacre):
    nacre.configure({**MICROVM, "runtime.storage": ["block", "9p"]})
    with Loop(nacre.folder) as loop:
        bundle = nacre.bundle("printf early | dd of=/dev/xvda conv=notrunc,fsync")
        bundle.spec["linux"].update(devices=[loop.device("/dev/xvda")])
        bundle.spec["linux"]["resources"]["devices"].append(loop.rule("rw"))
        nacre.run(bundle.write()).ok()
        assert loop.file.read_bytes().startswith(b"early")


def test_its_clock_runs_as_fast_as_the_host_s(box):
    """Nothing but the rate on its command line tells the kernel how fast its time stamp counter is."""

    def reading():
        before = time.monotonic()
        guest = float(box.exec("cat /proc/uptime").ok().out.split()[0])
        return before, guest, time.monotonic()

    first = reading()
    box.exec("sleep 4").ok()
    last = reading()
    passed = last[1] - first[1]
    assert (last[0] - first[2]) * 0.98 < passed < (last[2] - first[0]) * 1.02


HOOK = """#!/bin/sh
exec >/dev/null 2>&1
pid=$(sed 's/.*"pid": *\\([0-9]*\\).*/\\1/')
ip link add {peer} type veth peer name eth0 netns $pid
nsenter --net=/proc/$pid/ns/net ip addr add 198.18.77.2/30 dev eth0
nsenter --net=/proc/$pid/ns/net ip link set eth0 up
"""


@pytest.mark.parametrize("kind", ["prestart", "createRuntime"])
def test_a_link_that_a_hook_makes_is_there(nacre, folder, kind):
    """NICs cannot be added later, so hooks come before the virtual machine."""
    nacre.configure(MICROVM)
    hook = folder / "hook"
    hook.write_text(HOOK.format(peer=f"{place.mark[-8:]}h"))
    hook.chmod(0o755)
    bundle = nacre.bundle("cat /sys/class/net/eth0/operstate; ip addr show eth0")
    bundle.spec["hooks"] = {kind: [{"path": str(hook)}]}
    out = nacre.run(bundle.write()).ok().out
    assert "inet 198.18.77.2/30" in out, out


def test_a_hook_that_fails_starts_no_machine(nacre, folder):
    nacre.configure(MICROVM)
    bundle = nacre.bundle("true")
    bundle.spec["hooks"] = {"createRuntime": [{"path": "/bin/false"}]}
    started = time.monotonic()
    done = nacre.run(bundle.write())
    assert done.code == 1
    check_sentence(done.err, ["createRuntime hook #0", "/bin/false"])
    assert "virtual machine" not in done.err
    assert time.monotonic() - started < 2, "a virtual machine was started and ended"


def test_the_first_link_after_create_has_the_spare_nic_and_a_second_is_refused(nacre):
    """As Docker does it from 26 on."""
    nacre.configure(MICROVM)
    with EmptyNetNs() as namespace:
        container = nacre.create(with_raw_sockets(nacre.bundle("sleep 1000").netns(namespace.path)))
        with Cable(namespace.name, "eth0", mtu=1400) as first, Cable(namespace.name, "eth1") as second:
            first.connect()
            container.start()
            link = container.exec("ip link show eth0").ok().out
            assert first.mac in link and "mtu 1400 " in link, link
            container.exec(f"ping -c 2 -W 10 {first.gateway}").ok()
            subprocess.run(["ping", "-c", "2", "-W", "10", first.address], check=True, capture_output=True)
            second.connect()
            other = nacre.new(nacre.bundle("true").netns(f"/proc/{container.pid}/ns/net"))
            done = nacre("run", "--bundle", other.bundle.path, other.id)
            assert done.code == 1, done
            check_sentence(done.err, ['"eth1"', "hypervisor/qemu", "adds no NICs then", "machine_type"])
            container.exec(f"ping -c 1 -W 10 {first.gateway}").ok()
            container.delete(force=True).ok()
            container.wait()
            assert [name for name in namespace.links() if name.startswith("tap")] == []


def test_root_ports_are_refused(nacre):
    nacre.configure(MICROVM | {"hypervisor.qemu.pcie_root_port": 1})
    done = nacre.run(nacre.bundle("true"))
    assert done.code == 1
    check_sentence(done.err, ['machine_type "microvm" has no PCI', "remove pcie_root_port"])
