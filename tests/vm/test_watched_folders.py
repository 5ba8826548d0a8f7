"""ConfigMaps, Secrets and their like: a program inside that waits for changes (inotify) is told of them, in kubelet's order."""

import os
import subprocess

import pytest


class Volume:
    """A volume as kubelet's AtomicWriter keeps it: a folder for each state, "..data" that leads to it, names that lead there."""

    def __init__(self, pod, kind, name):
        self.path = pod / "volumes" / f"kubernetes.io~{kind}" / name
        self.path.mkdir(parents=True)
        self._folder = None
        self._number = 0

    def write(self, files, mode=0o644, owner=(0, 0)):
        self._number += 1
        state = self.path / f"..2026_11_27_00_00_00.{self._number}"
        state.mkdir(mode=0o755)
        for name, content in files.items():
            file = state / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
            file.chmod(mode)
            os.chown(file, *owner)
        names = {name.split("/")[0] for name in files}
        for name in sorted(names):
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(f"..data/{name}")
        (self.path / "..data_tmp").symlink_to(state.name)
        os.rename(self.path / "..data_tmp", self.path / "..data")
        for stale in self.path.iterdir():
            if stale.name not in {*names, "outside"} and not stale.name.startswith(".."):
                stale.unlink()
        if self._folder:
            subprocess.run(["rm", "-r", self._folder], check=True)
        self._folder, self.state = state, state.name


@pytest.fixture(scope="module")
def pod(module_nacre):
    return module_nacre.folder / "pods" / "0f6f"


@pytest.fixture(scope="module")
def volumes(pod):
    return {kind: Volume(pod, kind, "v") for kind in ("configmap", "secret", "projected", "downward-api")}


@pytest.fixture(scope="module")
def box(module_nacre, pod, volumes):
    for kind, volume in volumes.items():
        volume.write({"key": f"{kind} one\n", "deep/er": "nested\n"})
    (pod / "host-file").write_text("the host's\n")
    (volumes["secret"].path / "outside").symlink_to(pod / "host-file")
    large = Volume(pod, "configmap", "large")
    large.write({"blob": "x" * (1 << 20) + "y"})
    subpath = pod / "volume-subpaths/v/box/0"
    subpath.parent.mkdir(parents=True)
    os.link(next(volumes["configmap"].path.glob("..2026*")) / "key", subpath)
    bundle = module_nacre.bundle("trap 'exit 0' TERM; sleep 100000 & wait")
    sources = {f"/etc/{kind}": volume.path for kind, volume in volumes.items()}
    sources |= {"/etc/large": large.path, "/etc/subpath": subpath, "/etc/written": volumes["configmap"].path}
    for destination, source in sources.items():
        options = ["rbind", "rw" if destination == "/etc/written" else "ro"]
        bundle.spec["mounts"].append({"destination": destination, "type": "bind", "source": str(source), "options": options})
    bundle.add_program("inotifywait")
    container = module_nacre.create(bundle.write()).start()
    container.large = large
    yield container
    container.delete(force=True).ok()


class Watcher:
    """inotifywait in the container; `with` begins when it watches."""

    def __init__(self, box, folder):
        self._command = box.nacre.command("exec", box.id, "inotifywait", "-m", "-t", "120", "-e", "create,delete,move", "--format", "%e %f", folder)

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while "Watches established" not in self._process.stderr.readline():
            assert self._process.poll() is None
        return self

    def until(self, last):
        seen = []
        while not seen or seen[-1] != last:
            line = self._process.stdout.readline()
            assert line, f"no {last} among {seen}"
            seen.append(line.rstrip("\n"))
        return seen

    def __exit__(self, *failure):
        self._process.terminate()
        self._process.communicate(timeout=60)


def read(box, path):
    return box.exec("cat", path).ok().out


def read_link(box, path):
    return box.exec("readlink", path).ok().out.strip()


@pytest.mark.parametrize("kind", ["configmap", "secret", "projected", "downward-api"])
def test_a_change_is_told_inside_as_kubelet_makes_it(box, volumes, kind):
    before, folder = volumes[kind].state, f"/etc/{kind}"
    assert read(box, f"{folder}/key") == f"{kind} one\n"
    with Watcher(box, folder) as watcher:
        volumes[kind].write({"key": "two\n", "added": "new\n"})
        seen = watcher.until(f"DELETE,ISDIR {before}")
    swap = seen.index("MOVED_TO ..data")
    assert seen.index(f"CREATE,ISDIR {volumes[kind].state}") < swap
    assert seen.index("CREATE added") < swap < seen.index("DELETE deep")
    assert seen[swap - 1].startswith("MOVED_FROM ..data")
    assert box.exec(f"cd {folder}; cat key added; ls -A; readlink ..data").ok().out.split() == [
        "two", "new", volumes[kind].state, "..data", "added", "key", *(["outside"] if kind == "secret" else []), volumes[kind].state]


def test_owner_mode_and_links_are_the_host_s(box, pod, volumes):
    volumes["secret"].write({"key": "x", "deep/er": "y"}, mode=0o440, owner=(1001, 2002))
    wait_for(box, "/etc/secret", volumes["secret"].state)
    assert box.exec("stat -Lc '%a %u %g' /etc/secret/key /etc/secret/deep/er").ok().out == "440 1001 2002\n" * 2
    assert read_link(box, "/etc/secret/outside") == str(pod / "host-file")
    assert "No such file" in box.exec("cat /etc/secret/outside").err


def wait_for(box, folder, state):
    with Watcher(box, folder) as watcher:
        if read_link(box, f"{folder}/..data") != state:
            watcher.until("MOVED_TO ..data")


def test_many_changes_in_a_row_end_with_the_last(box, volumes):
    for number in range(20):
        volumes["projected"].write({"key": f"{number}\n"})
    with Watcher(box, "/etc/projected") as watcher:
        while read(box, "/etc/projected/key") != "19\n":
            watcher.until("MOVED_TO ..data")


def test_nobody_inside_writes_to_it(box):
    assert "Read-only file system" in box.exec("echo x > /etc/configmap/key").err


def test_what_is_too_large_or_a_sub_path_or_writable_is_shared_as_it_is(box, volumes):
    listed = box.exec("for f in configmap large subpath written; do echo $f $(stat -fc %T /etc/$f); done").ok().out
    types = dict(line.split() for line in listed.splitlines())
    assert types["configmap"] != types["large"]
    assert types["large"] == types["subpath"] == types["written"]
    box.large.write({"blob": "small now\n"})
    assert read(box, "/etc/large/blob") == "small now\n"
    volumes["configmap"].write({"key": "later\n"})
    assert read(box, "/etc/subpath") == "configmap one\n"
    log = (box.nacre.root / box.id / "sandbox.log").read_text()
    assert f'"{box.large.path}" is shared, not copied' in log
