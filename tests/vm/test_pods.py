"""Several containers in one virtual machine, as CRI-O asks for them at the command line."""

import json
import os
import signal
import subprocess

import pytest
from harness import place, reaper
from harness.network import NetNs
from harness.pod import SLEEP, Pod, belongs, machines, shares

BOOT = "/proc/sys/kernel/random/boot_id"


@pytest.fixture(scope="module")
def shm(nothing_left_by_module):
    """Shared memory as an engine makes it for a pod."""
    with place.Folder("s") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "nosuid,nodev,noexec,mode=1777,size=12m", "shm", folder], check=True)
        yield folder
        subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="module")
def pod(module_nacre, shm):
    with NetNs() as namespace:
        made = Pod(module_nacre, shm, namespace)
        made.netns = namespace
        made.second = made.create().start()
        yield made
        made.delete()


def test_one_virtual_machine_and_one_sandbox_process(pod):
    assert pod.second.sandbox_pid == pod.sandbox.sandbox_pid
    assert len(machines(pod.sandbox.sandbox_pid)) == 1
    boots = {container.exec("cat", BOOT).ok().out for container in (pod.sandbox, pod.second)}
    assert len(boots) == 1


def test_network_host_name_and_ipc_are_shared_pids_are_not(pod):
    assert pod.second.exec("hostname").ok().out == "the-pod\n"
    assert f"{pod.netns.address}/" in pod.second.exec("ip", "address").ok().out
    for kind, same in {"net": True, "uts": True, "ipc": True, "pid": False, "mnt": False}.items():
        ends = {container.exec("readlink", f"/proc/self/ns/{kind}").ok().out for container in (pod.sandbox, pod.second)}
        assert (len(ends) == 1) == same, kind


def test_shared_memory_is_one_and_has_its_size(pod):
    pod.sandbox.exec("echo shared > /dev/shm/word").ok()
    assert pod.second.exec("cat /dev/shm/word").ok().out == "shared\n"
    assert "12288" in pod.second.exec("df -k /dev/shm").ok().out
    assert not os.listdir(pod.shm), "it is the guest's memory, not the host's"


def test_the_end_of_one_leaves_the_others(pod):
    third = pod.create("echo out; exit 3")
    third.start()
    assert third.wait() == 3
    assert third.out == "out\n"
    assert pod.second.exec("true").ok()
    third.delete().ok()
    pod.others.remove(third)
    assert sorted(container["status"] for container in pod.nacre.list()) == ["running", "running"]


def test_processes_of_a_shared_pid_namespace_see_each_other(pod):
    third = pod.create("ps -o pid,args", kinds=("network", "ipc", "uts", "pid")).start()
    assert third.wait() == 0
    assert "sleep 100000" in third.out and "ps -o pid,args" in third.out
    third.delete().ok()
    pod.others.remove(third)


def test_a_namespace_that_is_no_container_s_is_refused(pod):
    bundle = belongs(shares(pod.nacre.bundle("true"), pod.sandbox.pid, "network"), "container", pod.sandbox.id)
    done = pod.nacre.run(shares(bundle, os.getpid(), "ipc"))
    assert done.code == 1
    assert f'join the ipc namespace "/proc/{os.getpid()}/ns/ipc"' in done.err, done
    assert "belongs to no container of this virtual machine" in done.err


def test_a_network_of_its_own_is_refused(pod):
    done = pod.nacre.run(belongs(pod.nacre.bundle("true"), "container", pod.sandbox.id))
    assert done.code == 1
    assert "containers of one virtual machine share its network" in done.err, done


def test_host_pid_is_refused(pod):
    bundle = belongs(shares(pod.nacre.bundle("true"), pod.sandbox.pid, "network"), "container", pod.sandbox.id)
    bundle.spec["linux"]["namespaces"] = [n for n in bundle.spec["linux"]["namespaces"] if n["type"] != "pid"]
    done = pod.nacre.run(bundle.write())
    assert done.code == 1 and "leave hostPID out" in done.err, done


def test_a_pod_s_machine_has_the_size_of_the_annotations_and_ends_with_its_sandbox_container(nacre):
    limits = {"cpu_period": 100000, "cpu_quota": 100000, "memory_limit_in_bytes": 200 << 20}
    nacre.configure({"hypervisor.qemu.default_vcpus": 1, "hypervisor.qemu.default_memory": 300,
                     "hypervisor.qemu.enable_annotations": ["default_memory"]})
    annotations = {"io.kubernetes.cri-o.PodLinuxResources": json.dumps(limits),
                   "io.katacontainers.config.hypervisor.default_memory": "512"}
    with NetNs() as namespace:
        pod = Pod(nacre, netns=namespace, annotations=annotations)
        second = pod.create(annotations={"io.katacontainers.config.hypervisor.default_memory": "4096"}).start()
        log = (nacre.root / pod.sandbox.id / "sandbox.log").read_text()
        assert f'container {second.id}: annotation "io.katacontainers.config.hypervisor.default_memory" has no effect' in log
        assert second.exec("nproc").ok().out == "2\n"
        memory = int(second.exec("awk '/MemTotal/ {print $2}' /proc/meminfo").ok().out)
        assert (512 + 100) << 10 < memory <= (512 + 200) << 10
        pod.sandbox.kill("TERM").ok()
        assert pod.sandbox.wait() == 0
        assert second.wait() == 128 + signal.SIGKILL
        pod.delete()


def test_a_killed_sandbox_process_takes_all_and_each_can_be_deleted(nacre):
    with NetNs() as namespace:
        pod = Pod(nacre, netns=namespace)
        second = pod.create().start()
        machine, = machines(second.sandbox_pid)
        os.kill(second.sandbox_pid, signal.SIGKILL)
        assert (pod.sandbox.wait(), second.wait()) == (137, 137)
        reaper.wait_gone(machine)
        assert [container.status for container in (pod.sandbox, second)] == ["stopped", "stopped"]
        pod.delete()
        assert nacre.list() == []


def joining(nacre, container, *kinds, script=SLEEP):
    bundle = nacre.bundle(script)
    del bundle.spec["hostname"]
    return shares(bundle, container.pid, *kinds)


@pytest.fixture
def pair(nacre, netns):
    """A container, and one that joined it by the path of its network alone, as --net=container:X asks."""
    first = nacre.create(nacre.bundle(SLEEP).netns(netns.path)).start()
    bundle = joining(nacre, first, "network")
    return first, nacre.create(bundle).start()


def test_a_container_joins_by_the_path_of_a_namespace(nacre, netns, pair):
    first, second = pair
    assert second.sandbox_pid == first.sandbox_pid
    assert len(machines(first.sandbox_pid)) == 1
    assert f"{netns.address}/" in second.exec("ip", "address").ok().out
    ends = {container.exec("readlink", "/proc/self/ns/ipc").ok().out for container in pair}
    assert len(ends) == 2, "only the network is shared"
    done = nacre.run(joining(nacre, first, "network", "ipc", "pid", script="readlink /proc/self/ns/ipc; ps -o args"))
    assert done.code == 0 and "sleep 100000" in done.out, done
    assert done.out.splitlines()[0] == first.exec("readlink", "/proc/self/ns/ipc").ok().out.strip()
    # By the namespace itself, whatever its path.
    done = nacre.run(nacre.bundle("cat", BOOT).netns(netns.path))
    assert done.ok().out == first.exec("cat", BOOT).ok().out
    for container in (second, first):
        container.delete(force=True).ok()
        container.wait()


def test_another_pid_namespace_without_its_network_is_refused(nacre, pair):
    first, second = pair
    done = nacre.run(joining(nacre, first, "pid"))
    assert done.code == 1 and f"--net=container:{first.id}" in done.err, done
    for container in (second, first):
        container.delete(force=True).ok()
        container.wait()


def test_who_joined_lives_on_when_the_first_is_deleted_and_its_name_is_free(nacre, pair):
    first, second = pair
    boot = second.exec("cat", BOOT).ok().out
    first.kill("TERM").ok()
    assert first.wait() == 0
    first.delete().ok()
    assert [container["id"] for container in nacre.list()] == [second.id]
    again = nacre.create(nacre.bundle(SLEEP), name=first.id).start()
    assert again.exec("cat", BOOT).ok().out != boot
    assert second.exec("cat", BOOT).ok().out == boot
    machine, = machines(second.sandbox_pid)
    second.kill("TERM").ok()
    assert second.wait() == 0
    second.delete().ok()
    reaper.wait_gone(machine)
    assert again.status == "running"
    again.delete(force=True).ok()
    again.wait()
    assert os.listdir(nacre.root) == []


def test_the_last_cleans_up_after_a_dead_sandbox_process_whose_own_container_is_gone(nacre, pair):
    first, second = pair
    first.delete(force=True).ok()
    first.wait()
    machine, = machines(second.sandbox_pid)
    os.kill(second.sandbox_pid, signal.SIGKILL)
    assert second.wait() == 137
    reaper.wait_gone(machine)
    assert second.status == "stopped"
    second.delete().ok()
    assert os.listdir(nacre.root) == []
