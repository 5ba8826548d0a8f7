"""Runs nacre as an engine does, with its state, configuration and bundles in a folder of the test's own."""

import contextlib
import json
import os
import signal
import subprocess
import tomllib
from pathlib import Path

from . import place, reaper
from .bundle import Bundle

# Generous: under TCG on a loaded machine a VM takes 20 s to start.
TIMEOUT = 240


class Answer:
    """A finished command: its exit code and its output as text."""

    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    def __repr__(self):
        return f"{' '.join(self.command)}\nexit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"

    def ok(self):
        assert self.code == 0, repr(self)
        return self

    def json(self):
        return json.loads(self.ok().out)


class Container:
    """A container by id. Its output goes to files, since it outlives the command that creates it."""

    def __init__(self, nacre, name, bundle):
        self.nacre, self.id, self.bundle = nacre, name, bundle
        self.out_path = nacre.folder / f"{name}.out"
        self.err_path = nacre.folder / f"{name}.err"
        self.pid_path = nacre.folder / f"{name}.pid"
        self._code = None

    @property
    def pid(self):
        return int(self.pid_path.read_text())

    @property
    def out(self):
        return self.out_path.read_text()

    @property
    def err(self):
        return self.err_path.read_text()

    @property
    def sandbox_pid(self):
        return json.loads((self.nacre.root / self.id / "state.json").read_text())["nacre"]["sandbox_pid"]

    def start(self):
        self.nacre("start", self.id).ok()
        return self

    def state(self):
        return self.nacre("state", self.id).json()

    @property
    def status(self):
        return self.state()["status"]

    def kill(self, number="TERM", *flags):
        return self.nacre("kill", *flags, self.id, number)

    def exec(self, *args, flags=(), **options):
        """Runs a command inside and waits for it; a single string is a shell script."""
        words = ["sh", "-c", args[0]] if len(args) == 1 else args
        return self.nacre("exec", *flags, self.id, *words, **options)

    def wait(self, timeout=TIMEOUT):
        """The exit code of the holder, as an engine that is its subreaper sees it."""
        if self._code is None:
            self._code = reaper.exits.wait(self.pid, timeout)
        return self._code

    def delete(self, force=False):
        return self.nacre("delete", *(["--force"] if force else []), self.id)


class Nacre:
    def __init__(self, folder, config=None):
        self.folder = Path(folder)
        self.root = self.folder / "root"
        self.config_path = None
        self._spawned = []
        if config:
            self.configure(config)

    # -- the command line

    def command(self, *args, globals=()):
        config = ["--config", str(self.config_path)] if self.config_path else []
        return [str(place.nacre), "--root", str(self.root), *config, *map(str, globals), *map(str, args)]

    def environment(self, failpoint=None):
        """What an engine passes: little. `failpoint` is a Failpoint or the value of NACRE_FAILPOINT."""
        environment = {"PATH": os.environ["PATH"], "HOME": "/root"}
        if failpoint:
            environment["NACRE_FAILPOINT"] = getattr(failpoint, "variable", failpoint)
        return environment

    def __call__(self, *args, globals=(), failpoint=None, timeout=TIMEOUT, input=None, **options):
        """Runs one command to its end. Not for `create`: its output belongs to the container."""
        command = self.command(*args, globals=globals)
        options.setdefault("env", self.environment(failpoint))
        if input is None:
            options.setdefault("stdin", subprocess.DEVNULL)
        else:
            options["input"] = input
        for stream in ("stdout", "stderr"):
            options.setdefault(stream, subprocess.PIPE)
        done = subprocess.run(command, timeout=timeout, **options)
        return Answer(command, done.returncode, _text(done.stdout), _text(done.stderr))

    def spawn(self, *args, globals=(), failpoint=None, **options):
        """Starts a command and leaves it running; killed at the end of the test if it still is."""
        options.setdefault("env", self.environment(failpoint))
        options.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen(self.command(*args, globals=globals), **options)
        self._spawned.append(process)
        return process

    # -- containers

    def bundle(self, *args, **process):
        bundle = Bundle(self.folder / place.fresh_name("b"))
        return bundle.run(*args, **process) if args else bundle

    def run(self, bundle, *flags, name=None, **options):
        """`nacre run` in the foreground."""
        return self("run", "--bundle", bundle.path, *flags, name or place.fresh_name(), **options)

    def new(self, bundle, name=None):
        return Container(self, name or place.fresh_name(), bundle)

    def create(self, bundle, *flags, name=None, globals=(), failpoint=None, timeout=TIMEOUT, **options):
        """`nacre create`; the container's output goes to its out and err files unless told otherwise."""
        container = self.new(bundle, name)
        with self._output_of(container, options):
            done = self.spawn(*self.create_words(container, *flags), globals=globals, failpoint=failpoint, **options)
            code = done.wait(timeout)
        assert code == 0, f"nacre create: exit code {code}\n{container.err}"
        return container

    def create_words(self, container, *flags):
        return ["create", "--bundle", container.bundle.path, "--pid-file", container.pid_path, *flags, container.id]

    def start_create(self, container, *flags, failpoint=None, globals=(), **options):
        """`nacre create` in the background, for tests that stop or kill it in the middle."""
        with self._output_of(container, options):
            return self.spawn(*self.create_words(container, *flags), globals=globals, failpoint=failpoint, **options)

    @contextlib.contextmanager
    def _output_of(self, container, options):
        with open(container.out_path, "ab") as out, open(container.err_path, "ab") as err:
            options.setdefault("stdout", out)
            options.setdefault("stderr", err)
            yield

    def list(self):
        return self("list", "--format", "json").json() or []

    # -- configuration

    def configure(self, edits, base=None):
        self.config_path = write_configuration(self.folder / "configuration.toml", edits, base)
        return self.config_path

    def refuses(self, bundle, edits=None):
        """`nacre run` of what must not cost a virtual machine: its words. A VMM would have left its mark."""
        mark, vmm = self.folder / "vmm-was-started", self.folder / "vmm"
        vmm.write_text(f"#!/bin/sh\ntouch {mark}\n")
        vmm.chmod(0o755)
        self.configure({"hypervisor.qemu.path": str(vmm), **(edits or {})})
        answer = self.run(bundle)
        assert answer.code == 1 and not mark.exists(), repr(answer)
        return answer.err

    # -- the end

    def close(self):
        """Deletes what the test has left; returns the words for what should not have been there."""
        left = []
        for process in self._spawned:
            if process.poll() is None:
                process.kill()
                process.wait()
                left.append(f"still running: {' '.join(process.args)}")
        names = sorted(path.name for path in self.root.iterdir()) if self.root.exists() else []
        for name in names:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self("delete", "--force", name, timeout=60)
            left.append(f"not deleted: container {name}")
        return left


def _text(data):
    return data.decode(errors="replace") if isinstance(data, bytes) else data


def write_configuration(path, edits, base=None):
    """Writes a configuration file: the installed one with edits like {"runtime.network": ["null"]}. Returns the path."""
    settings = tomllib.loads(Path(base or place.stage / "etc/nacre/configuration.toml").read_text())
    for dotted, value in edits.items():
        *tables, key = dotted.split(".")
        table = settings
        for name in tables:
            table = table.setdefault(name, {})
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
    path.write_text(to_toml(settings))
    return path


def to_toml(settings, prefix=""):
    """TOML of nested tables of scalars and arrays; enough for a configuration file."""
    lines, tables = [], []
    for key, value in settings.items():
        word = key if key.replace("_", "").replace("-", "").isalnum() else json.dumps(key)
        if isinstance(value, dict):
            name = f"{prefix}.{word}" if prefix else word
            tables.append(f"\n[{name}]\n{to_toml(value, name)}")
        else:
            lines.append(f"{word} = {json.dumps(value, ensure_ascii=False)}\n")
    return "".join(lines) + "".join(tables)


def kill_now(pid):
    os.kill(pid, signal.SIGKILL)
