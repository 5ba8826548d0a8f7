"""Completion as it is installed, in the shells themselves."""

import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest
from harness import place
from verb_list import VERBS

BASH = place.stage / "share/bash-completion/completions/nacre"
ZSH = place.stage / "share/zsh/site-functions/_nacre"
FISH = place.stage / "share/fish/vendor_completions.d/nacre.fish"


class Shell:
    """An interactive shell on a terminal of its own."""

    def __init__(self, *words, folder):
        environment = {"PATH": f"{place.nacre.parent}:/usr/bin:/bin", "TERM": "dumb", "HOME": str(folder), "PS1": "$ ", "LC_ALL": "C"}
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve(words[0], words, environment)
        self.text = ""

    def send(self, keys):
        os.write(self.terminal, keys.encode())

    def read_until(self, pattern, seconds=30):
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text)):
            assert select.select([self.terminal], [], [], max(0, end - time.monotonic()))[0], f"no {pattern} in {self.text!r}"
            self.text += os.read(self.terminal, 65536).decode(errors="replace")
        self.text = self.text[found.end():]
        return found

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


@pytest.fixture
def bash(folder):
    shell = Shell("/bin/bash", "--norc", "--noprofile", "-i", folder=folder)
    shell.send(f"bind 'set enable-bracketed-paste off'; stty columns 4000; cd {folder}; source {BASH}; echo rea'dy'\n")
    shell.read_until("\nready")

    def complete(line):
        """The words of the line after all completions of its last one are inserted (Alt-*)."""
        shell.send(f"{line}\x1b*\x01echo RES'ULT' \x05 END\n")
        return shell.read_until(r"\nRESULT (.*?) END")[1].split()

    yield complete
    shell.close()


def test_the_script_for_bash_passes_shellcheck():
    done = subprocess.run(["shellcheck", "--shell=bash", BASH], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_bash_completes_verbs(bash):
    assert bash("nacre kil") == ["nacre", "kill"]
    assert bash("nacre ") == ["nacre", *sorted(VERBS)]
    assert bash("nacre --root /x st") == ["nacre", "--root", "/x", "start", "state"]


def test_bash_completes_flags(bash, nacre):
    assert bash("nacre list --") == ["nacre", "list", "--format", "--help", "--quiet"]
    assert "--systemd-cgroup" in bash("nacre --")
    for verb in VERBS:
        flags = set(re.findall(r"--[a-z][a-z0-9-]*", nacre(verb, "--help").ok().out.split("\n\n", 2)[2]))
        assert flags <= set(bash(f"nacre {verb} --")[2:]), verb


def test_bash_completes_the_values_of_flags(bash, folder):
    assert bash("nacre list --format j") == ["nacre", "list", "--format", "json"]
    assert bash("nacre list --format=t") == ["nacre", "list", "--format=table"]
    assert bash("nacre list -f ") == ["nacre", "list", "-f", "json", "table"]
    (folder / "some folder").mkdir()
    (folder / "some.file").write_text("")
    assert bash("nacre run --bundle so") == ["nacre", "run", "--bundle", "some", "folder/"] or \
        bash("nacre run --bundle so")[3:] == ["some", "folder"]
    assert "some.file" in bash("nacre run --pid-file some.")


def test_bash_completes_actions(bash):
    assert bash("nacre plugin ") == ["nacre", "plugin", "list", "new", "pairs", "show", "verify"]
    assert "check" in bash("nacre config ")


def test_bash_completes_ids_of_containers(bash, nacre, containers):
    for name in ("alpha", "beta"):
        containers.add(name)
    assert bash(f"nacre --root {nacre.root} kill ") == ["nacre", "--root", str(nacre.root), "kill", "alpha", "beta"]
    assert bash(f"nacre --root {nacre.root} kill --all b")[-2:] == ["--all", "beta"]
    assert bash(f"nacre --root={nacre.root} timeline a")[-1] == "alpha"
    assert bash(f"nacre --root {nacre.root} list a")[-1] == "a"


def test_zsh_completes(folder, nacre, containers):
    containers.add("alpha")
    shell = Shell("/bin/zsh", "-f", "-i", folder=folder)
    try:
        shell.send(f"unsetopt zle_bracketed_paste; bindkey -e; fpath=({ZSH.parent} $fpath); autoload -U compinit; compinit -u -D; echo rea'dy'\n")
        shell.read_until("\nready")
        for line, words in (("nacre kil", "nacre kill"), ("nacre list --qui", "nacre list --quiet"),
                            ("nacre list --format js", "nacre list --format json"), ("nacre plugin ver", "nacre plugin verify"),
                            (f"nacre --root {nacre.root} kill al", f"nacre --root {nacre.root} kill alpha")):
            shell.send(f"{line}\t\x01echo RES'ULT' \x05 END\n")
            assert shell.read_until(r"\nRESULT (.*?) END")[1].split() == words.split()
    finally:
        shell.close()


def fish(line, folder):
    done = subprocess.run(["fish", "--no-config", "-c", f"source {FISH}; complete -C '{line}'"], capture_output=True, text=True,
                          env={"PATH": f"{place.nacre.parent}:/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return [word.split("\t")[0] for word in done.stdout.splitlines()]


def test_fish_completes(folder, nacre, containers):
    containers.add("alpha")
    assert fish("nacre kil", folder) == ["kill"]
    assert set(VERBS) <= set(fish("nacre ", folder))
    assert "--quiet" in fish("nacre list --", folder)
    assert fish("nacre list --format j", folder) == ["json"]
    assert fish(f"nacre --root {nacre.root} kill al", folder) == ["alpha"]
    assert "verify" in fish("nacre plugin v", folder)
