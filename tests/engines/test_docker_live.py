"""What docker does with a container that runs: top, pause, stats, update, events, wait."""

import re
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from harness import reaper
from harness.engines import IMAGE, NACRE
from harness.place import fresh_name

MIB = 1 << 20


def top(docker, name):
    """The commands that `docker top` shows, by pid."""
    header, *lines = docker("top", name, "-eo", "pid,args").ok().out.splitlines()
    assert header.split() == ["PID", "COMMAND"]
    return {int(line.split(maxsplit=1)[0]): line.split(maxsplit=1)[1] for line in lines}


def test_top_shows_the_children_of_a_shell(docker):
    with docker.running("sleep 4001 & sleep 4002 & wait") as name:
        processes = {}
        while not {"sleep 4001", "sleep 4002"} <= set(processes.values()):  # the shell starts them after its own start
            processes = top(docker, name)
        assert sorted(processes.values()) == ["sh -c sleep 4001 & sleep 4002 & wait", "sleep 4001", "sleep 4002"]
        mirror = next(pid for pid, words in processes.items() if words == "sleep 4001")
        docker("exec", name, "sh", "-c", "kill -9 $(pidof sleep | tr ' ' '\\n' | sort -n | head -1)").ok()
        reaper.wait_gone(mirror, 60)
        assert sorted(top(docker, name).values()) == ["sh -c sleep 4001 & sleep 4002 & wait", "sleep 4002"]


def test_pause_and_unpause(docker):
    with docker.running("while :; do echo tick; sleep 0.05; done") as name:
        docker("pause", name).ok()
        assert docker("inspect", "--format", "{{.State.Status}}", name).ok().out == "paused\n"
        refused = docker("exec", name, "true")
        assert refused.code != 0
        assert "is paused" in refused.err
        assert docker("pause", name).code == 1
        docker("unpause", name).ok()
        assert docker("exec", name, "echo", "goes on").ok().out == "goes on\n"
        docker("pause", name).ok()  # and is removed by force


def cgroup_file(docker, name, file):
    return docker("exec", name, "cat", f"/sys/fs/cgroup/{file}").ok().out.strip()


def test_update_reaches_the_guests_cgroup(docker):
    with docker.running("sleep 1000", "--memory", "100m", "--cpus", "0.5", "--cgroupns", "private") as name:
        assert cgroup_file(docker, name, "memory.max") == str(100 * MIB)
        docker("update", "--memory", "64m", "--memory-swap", "-1", name).ok()
        assert cgroup_file(docker, name, "memory.max") == str(64 * MIB)
        docker("update", "--cpus", "0.25", "--pids-limit", "77", "--cpu-shares", "512", name).ok()
        assert cgroup_file(docker, name, "cpu.max") == "25000 100000"
        assert cgroup_file(docker, name, "pids.max") == "77"
        assert cgroup_file(docker, name, "cpu.weight") != "100"
        assert cgroup_file(docker, name, "memory.max") == str(64 * MIB)


def test_events_and_wait(docker):
    name = fresh_name()
    # --since: dockerd repeats what came before `docker events` had reached it
    with docker.spawn("events", "--since", str(int(time.time())), "--format", "{{.Action}}",
                      "--filter", f"container={name}", stdout=subprocess.PIPE, text=True) as events:
        docker("run", "--detach", "--name", name, *NACRE, IMAGE, "sh", "-c", "sleep 1000").ok()
        docker("pause", name).ok()
        docker("unpause", name).ok()
        waiting = docker.spawn("wait", name, stdout=subprocess.PIPE, text=True)
        docker("exec", name, "true").ok()
        docker("kill", name).ok()
        assert waiting.communicate(timeout=60)[0] == "137\n"
        docker("rm", name).ok()
        seen = []
        while not seen or seen[-1] != "destroy":
            seen.append(events.stdout.readline().strip().split(":")[0])
        events.kill()
    wanted = ["create", "start", "pause", "unpause", "exec_create", "exec_start", "exec_die", "kill", "die", "destroy"]
    assert [action for action in seen if action in wanted] == wanted


def stats(docker, name):
    return docker.api(f"/containers/{name}/stats?stream=false&one-shot=true")


def vcpu_thread(docker, name):
    """The schedstat of the VM's busiest thread: (nanoseconds on a CPU, nanoseconds in wait for one)."""
    holder = docker("inspect", "--format", "{{.State.Pid}}", name).ok().out.strip()
    group = re.search(r"^\d+:memory:(.*)$|^0::(.*)$", Path(f"/proc/{holder}/cgroup").read_text(), re.MULTILINE)
    folder = "/sys/fs/cgroup/memory" + group[1] if group[1] else "/sys/fs/cgroup" + group[2]
    threads = [thread for pid in Path(f"{folder}/cgroup.procs").read_text().split()
               for thread in Path(f"/proc/{pid}/task").iterdir()]
    return max((tuple(map(int, (thread / "schedstat").read_text().split()[:2])) for thread in threads))


def test_stats_of_one_busy_processor(docker):
    """80 to 120 %: of the time in which the virtual CPU had not to wait for one of the host's."""
    with docker.running("while :; do :; done") as name:
        stats(docker, name)
        before, (run_before, wait_before) = stats(docker, name), vcpu_thread(docker, name)
        time.sleep(3)  # what is measured
        after, (run_after, wait_after) = stats(docker, name), vcpu_thread(docker, name)
        used = after["cpu_stats"]["cpu_usage"]["total_usage"] - before["cpu_stats"]["cpu_usage"]["total_usage"]
        run, wait = run_after - run_before, wait_after - wait_before
        assert 0.8 <= run / (3e9 - min(wait, 2e9)) <= 1.3
        assert 0.8 <= used / run <= 1.2


def memory_of(docker, name):
    memory = stats(docker, name)["memory_stats"]
    return memory["usage"] - memory["stats"].get("total_inactive_file", memory["stats"].get("inactive_file", 0))


def test_stats_of_memory(docker):
    with docker.running("sleep 1000", "--shm-size", "300m") as name:
        docker("exec", name, "true").ok()
        before = memory_of(docker, name)
        docker("exec", name, "dd", "if=/dev/zero", "of=/dev/shm/fill", "bs=1M", "count=200").ok()
        assert 180 * MIB <= memory_of(docker, name) - before <= 220 * MIB


def test_stats_of_the_network(docker):
    address = docker.bridge_address.split("/")[0]
    with socket.create_server((address, 0)) as server, docker.running("sleep 1000") as name:
        before = stats(docker, name)["networks"]["eth0"]
        sender = threading.Thread(target=serve, args=(server, 50 * MIB))
        sender.start()
        done = docker("exec", name, "sh", "-c", f"nc {address} {server.getsockname()[1]} | wc -c")
        sender.join()
        assert done.ok().out.strip() == str(50 * MIB)
        after = stats(docker, name)["networks"]["eth0"]
        assert 50 * MIB <= after["rx_bytes"] - before["rx_bytes"] <= 55 * MIB
        assert 0 < after["tx_bytes"] - before["tx_bytes"] < 5 * MIB


def serve(server, count):
    connection, _ = server.accept()
    with connection:
        connection.sendall(bytes(count))


def written(docker, runtime):
    """How much the engine counts of 50 MiB that are written to the host's disk."""
    volume, name = docker.folder / fresh_name(), fresh_name()
    volume.mkdir()
    docker("run", "--detach", "--name", name, *runtime, "--volume", f"{volume}:/disk", IMAGE, "sleep", "1000").ok()
    try:
        before = block_writes(docker, name)
        docker("exec", name, "dd", "if=/dev/zero", "of=/disk/file", "bs=1M", "count=50", "conv=fsync").ok()
        return block_writes(docker, name) - before
    finally:
        docker("rm", "--force", name).ok()


def block_writes(docker, name):
    entries = stats(docker, name)["blkio_stats"]["io_service_bytes_recursive"] or []
    return sum(entry["value"] for entry in entries if entry["op"].lower() == "write")


def test_stats_of_block_io(docker):
    if written(docker, []) == 0:
        pytest.skip("this host's kernel counts no block I/O of cgroups: docker shows none of runc's either")
    assert 45 * MIB <= written(docker, NACRE) <= 55 * MIB
