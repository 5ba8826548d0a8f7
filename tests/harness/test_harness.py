"""The harness itself: a leak of each kind is found, and what is cleaned up is not one."""

import os
import signal
import subprocess
import sys

import pytest
from harness import leaks, reaper
from harness.failpoint import Failpoint
from harness.network import NetNs, ip
from harness.place import Folder, fresh_name


def left_after(before):
    return leaks.settle(before, timeout=0.3)


def test_an_orphan_is_found_and_its_exit_code_is_told():
    before = leaks.snapshot()
    script = "sleep 100 >/dev/null 2>&1 & echo $!"
    pid = int(subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout)
    assert any(f"process {pid} " in line and "sleep 100" in line for line in left_after(before))
    os.kill(pid, signal.SIGKILL)
    assert reaper.exits.wait(pid) == 128 + signal.SIGKILL
    assert leaks.settle(before) == []


def test_a_mount_is_found():
    before = leaks.snapshot()
    with Folder("m") as path:
        subprocess.run(["mount", "-t", "tmpfs", "leak", path], check=True)
        left = left_after(before)
        subprocess.run(["umount", path], check=True)
    assert any(line.startswith(f"left behind: mount {path} (tmpfs from leak") for line in left)
    assert leaks.settle(before) == []


def test_a_network_namespace_its_links_and_qdiscs_are_found():
    before = leaks.snapshot()
    with NetNs() as namespace:
        subprocess.run(["tc", "-n", namespace.name, "qdisc", "add", "dev", "eth0", "clsact"], check=True)
        left = left_after(before)
    assert f"left behind: named network namespace {namespace.name}" in left
    assert f"left behind: network link {namespace.peer}" in left
    assert f"left behind: qdisc clsact on eth0 in {namespace.path}" in left
    assert leaks.settle(before) == []


def test_cgroups_loop_devices_and_files_are_found():
    before = leaks.snapshot()
    name = fresh_name()
    root = "/sys/fs/cgroup/unified" if os.path.isdir("/sys/fs/cgroup/unified") else "/sys/fs/cgroup"
    os.mkdir(f"{root}/{name}")
    with open(f"/dev/shm/{name}", "wb") as file:
        file.truncate(1 << 20)
    left = left_after(before)
    os.rmdir(f"{root}/{name}")
    os.unlink(f"/dev/shm/{name}")
    assert f"left behind: cgroup {root}/{name}" in left
    assert f"left behind: entry of /dev/shm {name}" in left
    assert leaks.settle(before) == []


def test_what_ends_within_its_grace_is_no_leak():
    before = leaks.snapshot()
    subprocess.run(["sh", "-c", "sleep 1 >/dev/null 2>&1 &"], check=True)
    assert leaks.settle(before) == []


def test_a_failpoint_holds_a_process_until_it_is_released():
    client = ("import os, socket; s = socket.socket(socket.AF_UNIX); s.connect(os.environ['P']);"
              "s.send(b'agent %d\\n' % os.getpid()); s.recv(1); print('went on')")
    with Failpoint("agent") as failpoint:
        assert failpoint.variable == f"agent=pause:{failpoint.path}"
        process = subprocess.Popen([sys.executable, "-c", client], env={"P": str(failpoint.path)},
                                   stdout=subprocess.PIPE, text=True)
        paused = failpoint.wait()
        assert (paused.name, paused.pid) == ("agent", process.pid)
        assert process.poll() is None
        failpoint.release()
        assert process.communicate()[0] == "went on\n"


@pytest.mark.no_leak_check
def test_a_namespace_has_a_way_to_the_host(netns):
    assert netns.links() == ["lo", "eth0"]
    ping = ["ip", "netns", "exec", netns.name, "ping", "-c1", "-W5"]
    assert subprocess.run([*ping, netns.gateway], capture_output=True).returncode == 0
    assert subprocess.run([*ping, netns.gateway6], capture_output=True).returncode == 0
    assert f"{netns.address}/30" in ip("address", netns=netns.name)
