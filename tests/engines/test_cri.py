"""Pods of containerd's CRI plugin: one virtual machine for all containers of a pod."""

import os
import signal
import subprocess

import grpc
import pytest
from harness import reaper
from harness.cri import Cri

SLEEP = "trap 'exit 0' TERM; echo up; sleep 100000 & wait"
# CRI gives a cgroup namespace only on hosts of cgroup v2.
LIMIT = "cat /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/memory.max"
BOOT = "/proc/sys/kernel/random/boot_id"


@pytest.fixture(scope="module")
def cri(nothing_left_by_module):
    with Cri() as engine:
        yield engine


@pytest.fixture(scope="module")
def pod(cri):
    with cri.pod() as made:
        made.first = made.run("first", SLEEP)
        made.second = made.run("second", SLEEP)
        yield made


def test_two_containers_are_in_one_virtual_machine(pod):
    assert len(pod.machines) == 1
    boots = {container.exec("cat", BOOT) for container in (pod.first, pod.second)}
    assert len(boots) == 1
    assert pod.first.exec("uname", "-r")[1].strip() != os.uname().release
    assert pod.cri.api.PodSandboxState.Name(pod.status.state) == "SANDBOX_READY"


def test_network_host_name_and_resolver_are_the_pod_s(pod):
    address = pod.status.network.ip
    for container in (pod.first, pod.second):
        assert container.exec("hostname") == (0, f"{pod.name}\n")
        assert f"{address}/" in container.exec("ip", "address")[1]
        assert "198.19.0.53" in container.exec("cat", "/etc/resolv.conf")[1]
    assert pod.first.exec("echo hello > /tmp/index; nc -l -p 8080 < /tmp/index > /dev/null 2>&1 &")[0] == 0
    assert pod.second.exec("while ! nc 127.0.0.1 8080 < /dev/null; do :; done") == (0, "hello\n")
    assert subprocess.run(["ping", "-c", "1", "-W", "10", address], capture_output=True).returncode == 0


def test_ipc_and_shared_memory_are_the_pod_s_pids_are_not(pod):
    assert pod.first.exec("echo shared > /dev/shm/word")[0] == 0
    assert pod.second.exec("cat", "/dev/shm/word") == (0, "shared\n")
    for kind, same in {"ipc": True, "uts": True, "net": True, "pid": False}.items():
        ends = {container.exec("readlink", f"/proc/self/ns/{kind}") for container in (pod.first, pod.second)}
        assert (len(ends) == 1) == same, kind


def test_exec_has_output_and_exit_code(pod):
    assert pod.second.exec("echo out; exit 5") == (5, "out\n")


def test_logs_of_both(pod):
    third = pod.run("speaks", "echo one; echo two >&2")
    assert third.wait().exit_code == 0
    assert sorted(third.log()) == [("stderr", "two"), ("stdout", "one")]
    assert pod.first.log() == [("stdout", "up")]
    third.remove()


def test_an_end_leaves_the_others_and_the_container_can_come_again(pod):
    message = pod.logs / "message"
    message.write_text("")
    mounts = [{"container_path": "/dev/termination-log", "host_path": str(message)}]
    for attempt in range(2):
        third = pod.run("again", "echo why > /dev/termination-log; exit 3", attempt=attempt, mounts=mounts)
        ended = third.wait()
        assert (ended.exit_code, ended.reason) == (3, "Error")
        assert message.read_text() == "why\n"
        third.remove()
    assert [container.state for container in (pod.first, pod.second)] == ["CONTAINER_RUNNING"] * 2
    assert len(pod.machines) == 1


def test_processes_of_a_pod_that_shares_its_pid_namespace_see_each_other(pod):
    third = pod.run("sees", "ps -o pid,args", pid="POD")
    assert third.wait().exit_code == 0
    words = [text for _, text in third.log()]
    assert any("1 /pause" in line for line in words), words
    third.remove()


def test_limits_hold_in_the_guest_and_can_change(pod):
    third = pod.run("limited", SLEEP, resources={"memory_limit_in_bytes": 64 << 20})
    assert third.exec(LIMIT) == (0, f"{64 << 20}\n")
    third.cri.UpdateContainerResources(container_id=third.id, linux={"memory_limit_in_bytes": 96 << 20})
    assert third.exec(LIMIT) == (0, f"{96 << 20}\n")
    third.stop()
    assert third.status.exit_code == 0
    third.remove()


def test_out_of_memory_is_told_of_the_one_container(pod):
    third = pod.run("hungry", "exec tail /dev/zero", resources={"memory_limit_in_bytes": 32 << 20})
    ended = third.wait()
    assert (ended.exit_code, ended.reason) == (137, "OOMKilled")
    assert pod.second.state == "CONTAINER_RUNNING"
    third.remove()


def test_stats_are_of_each_container(pod):
    hungry = pod.run("busy", "head -c 50000000 /dev/zero > /dev/shm/much; echo done; sleep 100000 & wait")
    for container in (pod.first, hungry):
        stats = pod.cri.ContainerStats(container_id=container.id).stats
        assert stats.cpu.usage_core_nano_seconds.value > 0
        assert stats.memory.working_set_bytes.value > 0
    hungry.stop(0)
    hungry.remove()


def test_memory_volumes_are_one_for_the_pod(pod, cri):
    volume = cri.folder / "pods/1/volumes/kubernetes.io~empty-dir/scratch"
    volume.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0777", "tmpfs", volume], check=True)
    mounts = [{"container_path": "/scratch", "host_path": str(volume)}]
    writer = pod.run("writer", "echo kept > /scratch/word; sleep 100000 & wait", mounts=mounts)
    reader = pod.run("reader", "while ! [ -s /scratch/word ]; do :; done; cat /scratch/word; df -k /scratch", mounts=mounts)
    assert reader.wait().exit_code == 0
    words = "\n".join(text for _, text in reader.log())
    assert "kept" in words and "8192" in words
    assert os.listdir(volume) == []
    for container in (reader, writer):
        container.stop(0)
        container.remove()
    subprocess.run(["umount", volume], check=True)


def test_a_privileged_container_has_the_devices_of_the_guest(cri):
    with cri.pod(security_context={"privileged": True, "namespace_options": {"pid": "CONTAINER"}}) as pod:
        container = pod.run("mighty", SLEEP, privileged=True)
        foreign = ("for node in /dev/*; do [ -b $node ] && kind=block; [ -c $node ] && kind=char; [ -b $node -o -c $node ] || continue; "
                   "[ -e /sys/dev/$kind/$((0x$(stat -c %t $node))):$((0x$(stat -c %T $node))) ] || echo $node; done")
        assert container.exec(foreign) == (0, "")
        assert container.exec("ls -d /dev/null /dev/pts/ptmx /dev/ttyS0 && mount -t tmpfs none /tmp && echo > /dev/null")[0] == 0
        container.stop(0)
        container.remove()


@pytest.mark.parametrize("kind, word", [("pid", "hostPID"), ("ipc", "hostIPC")])
def test_namespaces_of_the_host_are_refused(cri, kind, word):
    options = {"pid": "CONTAINER", kind: "NODE"}
    with pytest.raises(grpc.RpcError, match=f"leave {word} out"):
        with cri.pod(security_context={"namespace_options": options}):
            pass


def test_the_pod_s_machine_has_the_size_that_it_asks_for(cri, pod):
    limits = {"cpu_period": 100000, "cpu_quota": 100000, "memory_limit_in_bytes": 300 << 20}
    with cri.pod(resources=limits) as sized:
        container = sized.run("sized", SLEEP)
        assert container.exec("nproc") == (0, "2\n")
        assert memory_of(container) - memory_of(pod.first) == pytest.approx(300 << 10, abs=20 << 10)
        cri.StopPodSandbox(pod_sandbox_id=sized.id)
        assert container.status.exit_code == 137
        assert cri.api.PodSandboxState.Name(sized.status.state) == "SANDBOX_NOTREADY"
        container.remove()


def memory_of(container):
    return int(container.exec("awk '/MemTotal/ {print $2}' /proc/meminfo")[1])


def test_a_killed_sandbox_process_ends_the_pod_and_all_of_it_can_be_removed(cri):
    with cri.pod() as pod:
        containers = [pod.run(name, SLEEP) for name in ("first", "second")]
        machine, = pod.machines
        holders = [container.pid for container in containers]
        os.kill(pod.sandbox_process, signal.SIGKILL)
        for pid in (machine, *holders):
            reaper.wait_gone(pid)
        for container in containers:
            assert container.wait().exit_code in (137, 255)  # 255: containerd knows that its runtime is lost, no more
            container.remove()
