"""The same docker command under runc and under nacre: exit code, output and words are equal.

What may differ at all stands in differences.txt with its reason; an entry that has stopped to differ fails too.
"""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness.engines import IMAGE
from harness.place import fresh_name

RUNTIMES = ("runc", "nacre")
STATUS = "grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups|Uid|Gid)' /proc/self/status"

PROFILE = '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}'


def sh(script):
    return ["sh", "-c", script]


# Name -> (flags of docker run, command, input). "{folder}" is a folder with what files() makes.
RUN = {
    "exit 0": ([], ["true"], None),
    "exit 7": ([], sh("exit 7"), None),
    "exit 255": ([], sh("exit 255"), None),
    "killed by a signal": ([], sh("sh -c 'kill -SEGV $$'"), None),
    "first process killed by itself": ([], sh("kill -9 $$; exit 3"), None),
    "output apart": ([], sh("echo out; echo err >&2"), None),
    "output without newline": ([], ["printf", "no end"], None),
    "bytes of all values": ([], sh("cat /proc/self/exe | head -c 65536 | md5sum"), None),
    "input": (["-i"], ["cat"], b"a\nb\n"),
    "input that is not read": (["-i"], ["true"], b"x" * 70000),
    "no input": ([], ["cat"], None),
    "environment": (["-e", "A=1", "-e", "B=two words", "-e", "C="], sh("env | sort | grep -v ^HOSTNAME"), None),
    "environment with a newline": (["-e", "A=1\n2"], sh('echo "$A"'), None),
    "home and path": ([], sh("echo $HOME $PATH"), None),
    "arguments as they are": ([], ["printf", "%s|", "a b", "", "ü", "$HOME", "*"], None),
    "folder": (["-w", "/tmp"], ["pwd"], None),
    "folder that is made": (["-w", "/new/folder"], sh("pwd; ls -ld ."), None),
    "user by number": (["-u", "12:34"], ["id"], None),
    "user by number alone": (["-u", "12"], ["id"], None),
    "user by name": (["-u", "nobody"], ["id"], None),
    "further groups": (["-u", "12:34", "--group-add", "77"], ["id"], None),
    "host name": (["--hostname", "a-name"], ["hostname"], None),
    "domain name": (["--domainname", "a.domain"], sh("cat /proc/sys/kernel/domainname"), None),
    "entry point": (["--entrypoint", "echo"], ["one", "two"], None),
    "hosts": (["--add-host", "far:192.0.2.1"], sh("grep far /etc/hosts"), None),
    "DNS": (["--dns", "192.0.2.2", "--dns-search", "a.domain"], sh("grep -v '^#' /etc/resolv.conf"), None),
    "read-only": (["--read-only"], sh("touch /x"), None),
    "read-only with tmpfs": (["--read-only", "--tmpfs", "/t:size=1m,mode=700"],
                             sh("touch /t/x && ls -ld /t && df -k /t | awk 'END {print $2}'"), None),
    "size of /dev/shm": (["--shm-size", "5m"], sh("df -k /dev/shm | awk 'END {print $2}'"), None),
    "default size of /dev/shm": ([], sh("df -k /dev/shm | awk 'END {print $2}'; ls -ld /dev/shm"), None),
    "limits": (["--ulimit", "nofile=64:128", "--ulimit", "core=0:0", "--ulimit", "nproc=99"],
               sh("ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -p"), None),
    "sysctl of the IPC namespace": (["--sysctl", "kernel.msgmax=4321"], ["cat", "/proc/sys/kernel/msgmax"], None),
    "sysctl of the network": (["--sysctl", "net.ipv4.ip_default_ttl=33"], ["cat", "/proc/sys/net/ipv4/ip_default_ttl"], None),
    "default capabilities": ([], sh(STATUS), None),
    "no capabilities": (["--cap-drop", "ALL"], sh(STATUS + "; chown 1 /tmp"), None),
    "one capability more": (["--cap-add", "NET_ADMIN"], sh(STATUS), None),
    "one capability less": (["--cap-drop", "CHOWN"], sh("touch /x; chown 1 /x"), None),
    "capabilities of a user": (["-u", "12"], sh(STATUS), None),
    "no new privileges": (["--security-opt", "no-new-privileges"], sh(STATUS), None),
    "no seccomp": (["--security-opt", "seccomp=unconfined"], sh(STATUS), None),
    "own seccomp profile": (["--security-opt", "seccomp={folder}/profile.json"], sh("mkdir /x; grep Seccomp: /proc/self/status"), None),
    "default seccomp profile": ([], sh("unshare -U true; mount -t tmpfs none /mnt"), None),
    "masked paths": ([], sh("wc -c < /proc/keys; wc -c < /proc/timer_list; ls -A /proc/acpi; echo x > /proc/sys/kernel/hostname"), None),
    "OOM score": (["--oom-score-adj", "321"], ["cat", "/proc/self/oom_score_adj"], None),
    "volume": (["-v", "{folder}/volume:/v"], sh("cat /v/file; ls -ln /v"), None),
    "volume read-only": (["-v", "{folder}/volume:/v:ro"], sh("cat /v/file; touch /v/x"), None),
    "volume of a file": (["-v", "{folder}/volume/file:/f"], ["cat", "/f"], None),
    "volume on a volume": (["-v", "{folder}/volume:/v", "-v", "{folder}/other:/v/inner"], sh("ls -R /v"), None),
    # /dev/core is there where the kernel has a /proc/kcore.
    "devices": ([], sh("ls -l /dev | awk 'NR > 1 && $NF != \"/proc/kcore\" {print $1, $3, $4, $NF}'"), None),
    "writing to devices": ([], sh("echo x > /dev/null; head -c 4 /dev/zero | od -c; echo x > /dev/full"), None),
    "no network": ([], sh("ip -o link | cut -d: -f2 | sort; ping -c1 127.0.0.1 | grep received"), None),
    "terminal asked for without one": (["-t"], sh("tty; stty size; exit 4"), None),
    "processes of its own": ([], sh("ps -o args | head -3; echo $$"), None),
    "signals are at their defaults": ([], sh("grep -E '^Sig(Ign|Blk|Cgt)' /proc/1/status"), None),
    "umask": ([], ["umask"], None),
    # What fails.
    "program missing": ([], ["/no/such/program"], None),
    "program missing on the path": ([], ["no-such-program"], None),
    "program is a folder": ([], ["/tmp"], None),
    "program without permission": (["-v", "{folder}/volume:/v"], ["/v/file"], None),
    "program of no known format": (["-v", "{folder}/volume:/v"], ["/v/garbage"], None),
    "script without its interpreter": (["-v", "{folder}/volume:/v"], ["/v/script"], None),
    "program that the user may not run": (["-u", "12", "-v", "{folder}/volume:/v"], ["/v/private"], None),
    "user unknown": (["-u", "nosuchuser"], ["true"], None),
    "folder is a file": (["-w", "/etc/passwd"], ["true"], None),
    "sysctl of the host": (["--sysctl", "kernel.hostname=x"], ["true"], None),
    "sysctl unknown": (["--sysctl", "net.no.such=1"], ["true"], None),
    "volume over a file": (["-v", "{folder}/volume:/etc/passwd"], ["true"], None),
    "volume inside /proc": (["-v", "{folder}/volume:/proc/inside"], ["true"], None),
    "seccomp profile with an unknown action": (["--security-opt", "seccomp={folder}/bad-profile.json"], ["true"], None),
    "device missing": (["--device", "/dev/no-such-device"], ["true"], None),
    "tmpfs with a bad option": (["--tmpfs", "/t:nosuchoption=1"], ["true"], None),
    "too many processes": (["--pids-limit", "4"], sh("for i in 1 2 3 4 5 6; do sleep 100 & done; wait"), None),
    "limit of files reached": (["--ulimit", "nofile=64:64"], sh("exec 70</dev/null"), None),
}

# In a container that runs: flags of docker exec, command, input.
EXEC = {
    "exit 9": ([], sh("exit 9"), None),
    "killed by a signal": ([], sh("kill -9 $$"), None),
    "output apart": ([], sh("echo out; echo err >&2"), None),
    "input": (["-i"], ["cat"], b"through\n"),
    "user": (["-u", "12:34"], sh("id; " + STATUS), None),
    "environment": (["-e", "A=1"], sh("env | sort | grep -v ^HOSTNAME"), None),
    "folder": (["-w", "/tmp"], ["pwd"], None),
    "unprivileged": ([], sh(STATUS), None),
    "terminal asked for without one": (["-t"], sh("tty; exit 4"), None),
    "processes": ([], sh("ps -o args | head -2"), None),
    "program missing": ([], ["/no/such/program"], None),
    "program missing on the path": ([], ["no-such-program"], None),
    "program is a folder": ([], ["/tmp"], None),
    "user unknown": (["-u", "nosuchuser"], ["true"], None),
    "folder missing": (["-w", "/no/such/folder"], ["true"], None),
}

# In a container that has ended: words of docker, "{name}" among them.
STOPPED = {
    "exec": ["exec", "{name}", "true"],
    "pause": ["pause", "{name}"],
    "kill": ["kill", "{name}"],
    "attach": ["attach", "{name}"],
    "top": ["top", "{name}"],
    "stop": ["stop", "{name}"],
    "signal unknown": ["kill", "--signal", "NOSUCH", "{name}"],
    "logs": ["logs", "{name}"],
}


def allowed():
    """"kind name: reason" of each line, or "kind name (bookworm): reason" for the releases of one Debian alone."""
    release = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)[1]
    entries = {}
    for line in (Path(__file__).parent / "differences.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            case, _, reason = line.partition(": ")
            assert reason.strip(), f"{case} has no reason"
            case, _, only = case.partition(" (")
            if only in ("", f"{release})"):
                entries[case] = reason.strip()
    names = {f"{kind} {name}" for kind, cases in (("run", RUN), ("exec", EXEC), ("stopped", STOPPED)) for name in cases}
    assert set(entries) <= names, f"no such case: {set(entries) - names}"
    return entries


ALLOWED = allowed()


def normal(text):
    """Only what must differ between two containers: ids, times, the name of the runtime."""
    # docker's client says this or not, under either runtime: it cancels its own wait when the start has failed.
    text = re.sub(r"^time=.* msg=\"error waiting for container: context canceled\"\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b|\bnt[0-9a-z]{6}-\d+\b", "ID", text)
    text = re.sub(r"\b(runc|nacre)\b", "RUNTIME", text)
    text = re.sub(r"\b[A-Z][a-z]{2} [ \d]\d \d\d:\d\d\b", "TIME", text)  # of ls
    text = re.sub(r"\b\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)", "TIME", text)
    return text


@pytest.fixture(scope="module")
def files(docker):
    folder = docker.folder / "files"
    (folder / "volume").mkdir(parents=True)
    (folder / "other").mkdir()
    (folder / "volume/file").write_text("from the host\n")
    for name, text in (("garbage", "\x01\x02\x03"), ("script", "#!/no/such/interpreter\n"), ("private", "#!/bin/sh\n")):
        (folder / "volume" / name).write_text(text)
        (folder / "volume" / name).chmod(0o755 if name != "private" else 0o700)
    (folder / "other/below").write_text("")
    (folder / "profile.json").write_text(PROFILE)
    (folder / "bad-profile.json").write_text('{"defaultAction": "SCMP_ACT_NONSENSE"}')
    return folder


@pytest.fixture(scope="module")
def running(docker):
    """A container that runs and one that has ended, for each runtime."""
    names = {}
    for runtime in RUNTIMES:
        for kind, command in (("up", "sleep 10000"), ("stopped", "echo gone; exit 3")):
            name = names[runtime, kind] = fresh_name()
            docker("run", "--detach", "--name", name, "--network", "none", "--runtime", runtime, IMAGE, *sh(command)).ok()
            if kind == "stopped":
                docker("wait", name).ok()
    yield names
    docker("rm", "--force", *names.values()).ok()


def compare(case, answers):
    told = [(answer.code, normal(answer.out), normal(answer.err)) for answer in answers]
    differ = [f"{what}\n  runc:  {ours!r}\n  nacre: {theirs!r}"
              for what, ours, theirs in zip(("exit code", "output", "words"), *told) if ours != theirs]
    if case in ALLOWED:
        assert differ, f"differences.txt allows \"{case}\", which does not differ any more: take it out"
        assert told[0][0] == told[1][0] or ALLOWED[case].startswith("exit code too, "), "\n".join(differ)
    else:
        assert not differ, "\n".join(differ)


@pytest.fixture(scope="module")
def answers(docker, files, request):
    """Name of a case -> what it says under each runtime. As many at a time as there are CPUs, and all before the first
    test, whose leak check would see those of other cases."""
    def run(name):
        flags, command, data = RUN[name]
        flags = [flag.format(folder=files) for flag in flags]
        return [docker("run", "--rm", "--network", "none", "--runtime", runtime, *flags, IMAGE, *command, input=data)
                for runtime in RUNTIMES]

    chosen = [item.callspec.params["name"] for item in request.session.items if "answers" in item.fixturenames]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(chosen, pool.map(run, chosen)))


@pytest.mark.parametrize("name", RUN)
def test_run(answers, name):
    compare(f"run {name}", answers[name])


@pytest.mark.parametrize("name", EXEC)
def test_exec(docker, running, name):
    flags, command, data = EXEC[name]
    compare(f"exec {name}", [docker("exec", *flags, running[runtime, "up"], *command, input=data) for runtime in RUNTIMES])


@pytest.mark.parametrize("name", STOPPED)
def test_stopped(docker, running, name):
    words = STOPPED[name]
    compare(f"stopped {name}", [docker(*(word.format(name=running[runtime, "stopped"]) for word in words))
                                for runtime in RUNTIMES])
