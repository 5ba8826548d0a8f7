"""The rest of what docker does with a container: limits, health, restarts, files in and out, images made of it."""

import subprocess

import pytest
from harness.console import start_on_terminal
from harness.engines import IMAGE, NACRE, Docker
from harness.loop import Loop
from harness.place import fresh_name

MIB = 1 << 20


class DockerWithDisks(Docker):
    configurations = {"nacre-disks": {"runtime.storage": ["block", "9p"]}}


@pytest.fixture(scope="module")
def docker(nothing_left_by_module):
    with DockerWithDisks() as engine:
        yield engine


def test_limits_are_those_of_the_guest_s_cgroup(docker):
    with docker.running("sleep 1000", "--cgroupns", "private", "--memory", "96m", "--memory-swap", "192m", "--cpu-quota", "30000",
                        "--cpu-period", "60000", "--cpu-shares", "512", "--cpuset-cpus", "0", "--pids-limit", "33",
                        "--oom-score-adj", "123") as name:
        files = ("memory.max", "memory.swap.max", "cpu.max", "cpu.weight", "pids.max")
        done = docker("exec", name, "sh", "-c", "cd /sys/fs/cgroup; cat " + " ".join(files) + "; cat /proc/1/oom_score_adj; nproc")
        assert done.ok().out.split("\n")[:7] == [str(96 * MIB), str(96 * MIB), "30000 60000", "20", "33", "123", "1"]


def test_a_limit_of_kernel_memory_is_taken_with_a_notice(docker):
    done = docker("run", "--rm", *NACRE, "--kernel-memory", "32m", IMAGE, "echo", "runs")
    if "flag has been removed" in done.err or "no longer supported" in done.err:
        pytest.skip("this docker has no --kernel-memory any more")
    assert done.ok().out == "runs\n"


def test_an_init_reaps_and_passes_signals(docker):
    with docker.running("trap 'exit 21' TERM; (sleep 0 & exec sleep 0) ; echo ready; while :; do sleep 0.1; done", "--init") as name:
        assert docker("exec", name, "cat", "/proc/1/comm").ok().out.strip() in ("docker-init", "tini")
        docker("stop", "--time", "60", name).ok()
        assert docker.inspect(name, "State.ExitCode") == "21"


def test_a_named_volume_keeps_what_was_written_and_what_the_image_has(docker):
    volume = fresh_name()
    try:
        docker("run", "--rm", *NACRE, "--volume", f"{volume}:/etc", IMAGE, "sh", "-c", "echo kept > /etc/mine").ok()
        done = docker("run", "--rm", *NACRE, "--mount", f"type=volume,source={volume},target=/other,readonly", IMAGE,
                      "sh", "-c", "cat /other/mine; ls /other; touch /other/x")
        assert "kept\n" in done.out and "passwd" in done.out, done
        assert "Read-only file system" in done.err
    finally:
        docker("volume", "rm", volume).ok()


def test_health_is_what_its_command_says(docker):
    with docker.running("touch /well; while [ -e /well ]; do sleep 0.1; done; sleep 1000", "--health-cmd", "test -e /well",
                        "--health-interval", "1s", "--health-retries", "1") as name:
        with docker.spawn("events", "--format", "{{.Action}}", "--filter", f"container={name}", "--filter", "event=health_status",
                          "--since", "2020-01-01", stdout=subprocess.PIPE, text=True) as events:
            assert events.stdout.readline().split(":")[1].strip() == "healthy"
            docker("exec", name, "rm", "/well").ok()
            assert events.stdout.readline().split(":")[1].strip() == "unhealthy"
            events.kill()


def test_it_is_restarted_as_often_as_asked(docker):
    name = fresh_name()
    docker("run", "--detach", "--name", name, *NACRE, "--restart", "on-failure:1", IMAGE, "sh", "-c",
           "echo started >> /count; cat /count; exit 3").ok()
    with docker.spawn("events", "--format", "{{.Action}}", "--filter", f"container={name}", "--filter", "event=die",
                      "--since", "2020-01-01", stdout=subprocess.PIPE, text=True) as events:
        assert [events.stdout.readline().strip() for _ in range(2)] == ["die", "die"]
        events.kill()
    docker("wait", name).ok()
    assert docker.inspect(name, "RestartCount") == "1"
    assert docker("logs", name).ok().out == "started\nstarted\nstarted\n"  # the file outlives the virtual machine
    docker("rm", name).ok()


def test_restart_starts_it_anew(docker):
    with docker.running("cat /proc/sys/kernel/random/boot_id; trap 'exit 0' TERM; while :; do sleep 0.1; done") as name:
        docker("restart", "--time", "60", name).ok()
        assert docker("exec", name, "echo", "answers").ok().out == "answers\n"
        boots = docker("logs", name).ok().out.split()
        assert len(set(boots)) == 2, boots
        assert docker.inspect(name, "State.Running") == "true"


def test_attach_logs_and_signals(docker):
    with docker.running("trap 'echo hup' HUP; echo first; while read line; do echo \"got $line\"; done", "--interactive") as name:
        with docker.spawn("logs", "--follow", name, stdout=subprocess.PIPE, text=True) as logs:
            assert logs.stdout.readline() == "first\n"
            attached = docker.spawn("attach", "--sig-proxy=false", name, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            attached.stdin.write("through\n")
            attached.stdin.flush()
            assert attached.stdout.readline() == "got through\n"
            assert logs.stdout.readline() == "got through\n"
            docker("kill", "--signal", "HUP", name).ok()
            assert attached.stdout.readline() == "hup\n"
            attached.stdin.close()  # the end of its input ends the loop
            assert attached.wait(60) == 0
            attached.stdout.close()
            assert logs.stdout.readline() == "hup\n"
            assert logs.stdout.read() == ""


def test_attach_to_a_terminal(docker):
    with docker.running("while read line; do echo got $line; stty size; done", "-it") as name:
        process, terminal = start_on_terminal(docker.command("attach", name), rows=31, columns=91, env=docker.environment())
        with terminal:
            terminal.send("words\n")
            terminal.read_until("got words")
            terminal.read_until("31 91")
            terminal.send("\x10\x11")  # docker's keys to detach
            terminal.read_until("read escape sequence")
            process.wait(60)
        assert docker.inspect(name, "State.Running") == "true"


def test_files_in_and_out_and_an_image_of_the_changes(docker):
    folder = docker.folder / fresh_name()
    folder.mkdir()
    (folder / "in").write_bytes(bytes(range(256)) * 1024)
    image = "localhost/committed:test"
    with docker.running("echo new > /made; rm /etc/passwd; sleep 1000") as name:
        docker("cp", folder / "in", f"{name}:/tmp/copied").ok()
        docker("exec", name, "sh", "-c", "cat /tmp/copied > /tmp/again").ok()
        docker("cp", f"{name}:/tmp/again", folder / "out").ok()
        assert (folder / "out").read_bytes() == (folder / "in").read_bytes()
        assert {"A /made", "D /etc/passwd", "A /tmp/again"} <= set(docker("diff", name).ok().out.splitlines())
        docker("commit", name, image).ok()
    try:
        done = docker("run", "--rm", *NACRE, image, "sh", "-c", "cat /made; ls /etc/passwd")
        assert done.out == "new\n"
        assert "/etc/passwd: No such file" in done.err
    finally:
        docker("image", "rm", image).ok()


def test_a_privileged_container_is_so_in_its_guest(docker):
    with docker.running("sleep 1000", "--privileged") as name:
        done = docker("exec", name, "sh", "-c", "mkdir /m && mount -t tmpfs none /m && echo mounted; ls /dev/vport* /dev/vda 2>&1 | head -1;"
                                                "sysctl -w kernel.panic=7")
        assert "mounted\n" in done.ok().out
        assert "kernel.panic = 7" in done.out
    with docker.running("sleep 1000") as name:
        assert docker("exec", "--privileged", name, "ip", "link", "set", "lo", "mtu", "4321").code == 0
        assert docker("exec", name, "ip", "link", "set", "lo", "mtu", "1234").code != 0
        assert docker("exec", name, "cat", "/sys/class/net/lo/mtu").ok().out == "4321\n"


def test_devices_are_as_with_runc_and_the_disk_is_the_hosts(docker):
    look = "stat -c '%n %F %a %u %g' /dev/xvda /dev/fuse /dev/net/tun"
    with Loop(docker.folder) as disk, Loop(docker.folder) as volume:
        flags = ("--device", f"{disk.path}:/dev/xvda:rw", "--device", "/dev/fuse", "--device", "/dev/net/tun:/dev/net/tun:rwm",
                 "--volume", f"{volume.path}:/srv/disk", "--device-cgroup-rule", "b 8:* r")
        with docker.running("sleep 1000", *flags, runtime="runc") as name:
            as_with_runc = docker("exec", name, "sh", "-c", look).ok().out
        with docker.running("sleep 1000", *flags, runtime="nacre-disks") as name:
            assert docker("exec", name, "sh", "-c", look).ok().out == as_with_runc
            docker("exec", name, "sh", "-c", "echo device > /dev/xvda; echo volume > /srv/disk; sync; : < /dev/fuse").ok()
        assert disk.file.read_bytes().startswith(b"device\n")
        assert volume.file.read_bytes().startswith(b"volume\n")
        refused = docker("run", "--rm", "--runtime", "nacre-disks", "--device", "/dev/kvm", IMAGE, "true")
        assert '"/dev/kvm": the container is in a virtual machine already' in refused.err
