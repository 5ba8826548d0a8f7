"""Every kind of mount that an engine hands over, by the table of mount_rows.py: two containers of a pod have all of them.
In the columns of shares "/data" is a folder of the host's, in `block` a disk of the host's, in `image` an emptyDir."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess

import mount_rows
import pytest
from harness import place
from harness.bundle import make_rootfs
from harness.disk import Disk, LoopDevice
from harness.network import NetNs
from harness.pod import Pod

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID"]
ODD = "a b\nc,d:e\\f"
LARGE = "".join(f"line {number}\n" for number in range(100_000))
HUGE = 2 << 20
MIB = 1 << 20
ROWS = {row.name: row for row in mount_rows.ROWS}


def pytest_generate_tests(metafunc):
    """A row in each column where it comes to run; what is not taken has a test of its own."""
    name = metafunc.function.__name__.removeprefix("test_")
    cells = [(row, column, cell) for row in mount_rows.ROWS for column, cell in row.cells.items()]
    if "not_taken" in metafunc.fixturenames:
        refused = [(row.name, column) for row, column, cell in cells if isinstance(cell, mount_rows.NotTaken)]
        metafunc.parametrize("not_taken", refused, ids="-".join)
    elif "storage" in metafunc.fixturenames:
        columns = [column for row, column, cell in cells if row.name == name and not isinstance(cell, mount_rows.NotTaken)]
        metafunc.parametrize("storage", columns, indirect=True, scope="module")


@pytest.fixture(scope="module")
def storage(request, module_nacre):
    """A column of the table."""
    module_nacre.configure(configuration(request.param, module_nacre))
    return request.param


def configuration(column, nacre):
    return {**mount_rows.COLUMNS[column], "storage.block.image_cache_dir": str(nacre.folder / "images")}


class Host:
    """Sources of mounts; what it has mounted goes with it."""

    def __init__(self, folder, column):
        self.folder, self.column, self.mounted, self.disks = folder, column, [], []
        if column == "block":
            self.data = self.disk("data").folder
        else:
            self.data = self.volume("data") if column == "image" else self.new("data")

    def new(self, name):
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def disk(self, name):
        self.disks.append(Disk(self.folder, 64 * MIB, name))
        return self.disks[-1]

    def device(self):
        """The node of a disk with something on it."""
        image = self.folder / "device.image"
        image.write_bytes(b"on the device\n".ljust(MIB, b"\0"))
        self.disks.append(LoopDevice(image))
        return self.disks[-1].node

    def mount(self, *words, on):
        subprocess.run(["mount", *words, on], check=True)
        self.mounted.append(on)
        return on

    def tmpfs(self, path, options="mode=0755"):
        return self.mount("-t", "tmpfs", "-o", options, "nacre-test", on=path)

    def with_propagation(self, name, word):
        path = self.new(name)
        self.mount("--bind", path, on=path)
        subprocess.run(["mount", f"--make-{word}", path], check=True)
        self.new(f"{name}/later")
        return path

    def volume(self, name, options=None, kind="tmpfs"):
        """An emptyDir as kubelet makes it; `options`: of medium Memory or HugePages."""
        path = self.new(f"pods/uid/volumes/kubernetes.io~empty-dir/{name}")
        path.chmod(0o777)
        if options:
            self.mount("-t", kind, "-o", options, kind, on=path)
        return path

    def sub_path(self, volume, sub, container):
        """As kubelet hands over a subPath: the folder, bound to a place whose name says nothing of it."""
        (volume / sub).mkdir(exist_ok=True)
        (volume / sub).chmod(0o750)
        place_of_it = self.new(f"pods/uid/volume-subpaths/{volume.name}/{container}/0")
        return self.mount("--bind", volume / sub, on=place_of_it)

    @contextlib.contextmanager
    def for_now(self, *flags):
        """What is mounted in the block goes with it."""
        before = len(self.mounted)
        yield
        self.unmount(*flags, left=before)

    def unmount(self, *flags, left=0):
        while len(self.mounted) > left:
            subprocess.run(["umount", *flags, self.mounted.pop()], check=True)

    def close(self):
        self.unmount()
        while self.disks:
            self.disks.pop().close()


def bind(source, destination, *options, kind="rbind"):
    return {"destination": destination, "type": "bind", "source": str(source), "options": [kind, *options]}


@pytest.fixture(scope="module")
def host(module_nacre, storage):
    with place.Folder("m") as folder:
        made = Host(folder, storage)
        yield made
        made.close()


def with_submount(host, name):
    host.tmpfs(host.new(f"{name}/sub"))
    (host.folder / name / "sub/word").write_text(f"{name} below\n")
    (host.folder / name / "word").write_text(f"{name}\n")
    return host.folder / name


def written(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    return path


# What the pod's first container has and the second has not.
MOUNTS = {
    "file": lambda host: bind(written(host.folder / "file/one", "from the host\n"), "/file", kind="bind"),
    "large_file": lambda host: bind(written(host.folder / "file/large", LARGE), "/large", "ro", kind="bind"),
    "device": lambda host: bind(host.device(), "/disk", kind="bind"),
    "bind": lambda host: bind(with_submount(host, "under"), "/bind", kind="bind"),
    "rbind": lambda host: bind(with_submount(host, "recursively"), "/rbind"),
    "read_only": lambda host: bind(with_submount(host, "read-only"), "/read-only", "ro"),
    "recursive_read_only": lambda host: bind(with_submount(host, "recursive"), "/recursive", "rro"),
    "private": lambda host: bind(host.with_propagation("private", "shared"), "/private", "rprivate"),
    "rslave": lambda host: bind(host.with_propagation("slave", "shared"), "/slave", "rslave"),
    "rslave_of_private": lambda host: bind(host.with_propagation("alone", "private"), "/alone", "rslave"),
    "names": lambda host: bind(written(host.folder / ODD / ODD, "odd\n").parent, f"/{ODD}"),
    "tmpfs": lambda host: {"destination": "/scratch", "type": "tmpfs", "source": "tmpfs",
                           "options": ["size=3m", "mode=0710", "uid=1000", "gid=2000", "noexec", "nosuid", "nodev"]},
    "huge_pages": lambda host: bind(host.volume("huge", "pagesize=2M", kind="hugetlbfs"), "/huge"),
}
# What is refused where it is writable.
FOLDERS = {
    "folder": lambda host: bind(host.new("plain"), "/data"),
    "rshared": lambda host: bind(host.with_propagation("shared", "shared"), "/shared", "rshared"),
}


def is_taken(name, column):
    return not isinstance(ROWS[name].cells[column], mount_rows.NotTaken)


def mounts_of_one(host):
    return [make(host) for name, make in MOUNTS.items() if is_taken(name, host.column)]


def of_both(host, number):
    mounts = [bind(host.data, "/data"), bind(host.empty_dir, "/empty"), bind(host.memory, "/memory"),
              bind(host.sub_path(host.empty_dir, "sub", f"c{number}"), "/empty-sub"),
              bind(host.sub_path(host.memory, "sub", f"c{number}"), "/memory-sub")]
    if is_taken("rshared", host.column):
        mounts.append(bind(host.folder / "shared", "/shared", "rshared" if number == 1 else "rslave"))
    return mounts


def with_tools(bundle, mounts):
    bundle.spec["mounts"] += mounts
    bundle.process["capabilities"] = {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}
    shutil.copy2(place.build / "tests/vm/file-user", bundle.rootfs / "bin")
    return bundle


def root_on_disk(bundle, host):
    bundle.rootfs = host.disk("root").folder
    make_rootfs(bundle.rootfs)
    bundle.spec["root"]["path"] = str(bundle.rootfs)


@pytest.fixture(scope="module")
def pod(module_nacre, host):
    host.with_propagation("shared", "shared")
    host.empty_dir, host.memory = host.volume("empty"), host.volume("memory", "size=8m,mode=1777")
    shm = host.tmpfs(host.new("shm"), "mode=1777,size=12m")

    def first(bundle):
        if host.column == "block":
            root_on_disk(bundle, host)
        with_tools(bundle, mounts_of_one(host) + of_both(host, 1))
        bundle.spec["linux"]["rootfsPropagation"] = "rshared"
        bundle.spec["linux"]["resources"]["hugepageLimits"] = [{"pageSize": "2MB", "limit": 4 * HUGE}]

    with NetNs() as namespace:
        made = Pod(module_nacre, shm, namespace, edit=first)
        made.first = made.sandbox
        made.second = made.create(edit=lambda bundle: with_tools(bundle, of_both(host, 2))).start()
        yield made
        made.delete()


@pytest.fixture
def cell(request, storage):
    """What the table says of this row."""
    return ROWS[request.function.__name__.removeprefix("test_")].cells[storage]


def says(container, script):
    return container.exec(script).ok().out


def log_of(pod):
    return (pod.nacre.root / pod.sandbox.id / "sandbox.log").read_text()


def test_the_table_is_the_documented_one():
    tests = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {row.name for row in mount_rows.ROWS} <= tests
    assert mount_rows.table() in (place.source / "docs/operators.md").read_text()


def test_a_mount_that_no_plugin_takes_starts_nothing(nacre, not_taken):
    name, column = not_taken
    with place.Folder("m") as folder:
        host = Host(folder, "none")
        bundle = with_tools(nacre.bundle("true"), [{**MOUNTS, **FOLDERS}[name](host)])
        try:
            assert ROWS[name].cells[column].cause in nacre.refuses(bundle.write(), configuration(column, nacre))
        finally:
            host.close()


# -- the host's folders and files


def test_folder(pod, host, cell):
    in_guest = isinstance(cell, mount_rows.InGuest)
    if in_guest:
        says(pod.second, "echo down > /data/word")
    else:
        (host.data / "word").write_text("down\n")
    assert says(pod.first, "cat /data/word; echo up > /data/answer") == "down\n"
    assert os.path.exists(host.data / "answer") != in_guest
    assert says(pod.second, "cat /data/answer") == "up\n"


def test_file(pod, host, cell):
    assert says(pod.first, "cat /file; echo up > /file; cat /file") == "from the host\nup\n"
    in_guest = isinstance(cell, mount_rows.InGuest)
    assert (host.folder / "file/one").read_text() == ("from the host\n" if in_guest else "up\n")


def test_large_file(pod):
    assert says(pod.first, "sha256sum < /large").split()[0] == hashlib.sha256(LARGE.encode()).hexdigest()
    refused = pod.first.exec("echo x > /large")
    assert refused.code != 0 and "Read-only file system" in refused.err, refused


def test_device(pod, host):
    assert says(pod.first, "head -n 1 /disk; echo from inside | dd of=/disk conv=notrunc,fsync 2> /dev/null") == "on the device\n"
    assert (host.folder / "device.image").read_bytes().startswith(b"from inside\n")


def refuses_writes(container, *folders):
    for folder in folders:
        refused = container.exec(f"echo x > {folder}/word")
        assert refused.code != 0 and "Read-only file system" in refused.err, refused


def test_read_only(pod):
    assert says(pod.first, "cat /read-only/word /read-only/sub/word") == "read-only\nread-only below\n"
    refuses_writes(pod.first, "/read-only", "/read-only/sub")


def test_recursive_read_only(pod):
    assert says(pod.first, "cat /recursive/word /recursive/sub/word") == "recursive\nrecursive below\n"
    refuses_writes(pod.first, "/recursive", "/recursive/sub")


def test_bind(pod):
    assert says(pod.first, "cat /bind/word; ls /bind/sub") == "under\n"


def test_rbind(pod, host):
    assert says(pod.first, "cat /rbind/sub/word; echo up > /rbind/sub/answer") == "recursively below\n"
    assert (host.folder / "recursively/sub/answer").read_text() == "up\n"


def mount_later(host, name):
    later = host.tmpfs(host.folder / name / "later")
    (later / "word").write_text("late\n")


def test_private(pod, host):
    with host.for_now():
        mount_later(host, "private")
        assert says(pod.first, "ls /private/later") == ""


def test_rslave(pod, host, cell):
    with host.for_now(*(["--lazy"] if isinstance(cell, mount_rows.Differs) else [])):
        mount_later(host, "slave")
        assert says(pod.first, "cat /slave/later/word; echo up > /slave/later/answer") == "late\n"
        assert (host.folder / "slave/later/answer").read_text() == "up\n"
    assert says(pod.first, "ls /slave/later") == ""


def test_rslave_of_private(pod, host, cell):
    assert f'mount "/alone": what the host mounts below "{host.folder}/alone" from now on does not show' in log_of(pod)
    assert cell.notice in log_of(pod)
    assert 'mount "/slave"' not in log_of(pod)


def test_rshared(pod, host, cell):
    says(pod.first, "mount -t tmpfs inside /shared/later && echo mounted > /shared/later/word")
    assert says(pod.second, "cat /shared/later/word") == "mounted\n"
    assert not os.listdir(host.folder / "shared/later")
    assert cell.notice in log_of(pod)
    says(pod.first, "umount /shared/later")
    assert says(pod.second, "ls /shared/later") == ""


def test_names(pod, host):
    done = pod.first.exec("cat", f"/{ODD}/{ODD}")
    assert done.ok().out == "odd\n"
    pod.first.exec("sh", "-c", 'echo up > "$1/answer"', "sh", f"/{ODD}").ok()
    assert (host.folder / ODD / "answer").read_text() == "up\n"


def test_bytes_no_utf_8(nacre, folder, cell):
    bundle = nacre.bundle("true")
    text = json.dumps(bundle.spec).encode()
    (bundle.path / "config.json").write_bytes(text.replace(b'"/proc"', b'"/pr\xff\xfec"', 1))
    refused = nacre.run(bundle)
    assert refused.code == 1 and cell.cause in refused.err, refused
    assert nacre.list() == []


# -- memory


def test_tmpfs(pod):
    assert says(pod.first, "stat -c '%a %u %g' /scratch; df -k /scratch | awk 'NR == 2 {print $2}'") == "710 1000 2000\n3072\n"
    refused = pod.first.exec("cp /bin/busybox /scratch/ls && /scratch/ls")
    assert refused.code == 126 and "Permission denied" in refused.err, refused


def test_shm_of_its_own(pod):
    bundle = pod.bundle("df -k /dev/shm | awk 'NR == 2 {print $2}'; stat -c %a /dev/shm")
    shm, = (mount for mount in bundle.spec["mounts"] if mount["destination"] == "/dev/shm")
    shm.update(type="tmpfs", source="shm", options=["nosuid", "noexec", "nodev", "mode=1777", "size=5m"])
    assert pod.nacre.run(bundle.write()).ok().out == "5120\n1777\n"


def test_shm_of_the_pod(pod, host):
    says(pod.first, "echo shared > /dev/shm/word")
    assert says(pod.second, "cat /dev/shm/word; df -k /dev/shm | awk 'NR == 2 {print $2}'") == "shared\n12288\n"
    assert not os.listdir(host.folder / "shm")


def is_kept(host, cell, name, content):
    """Where the host has what was written to the emptyDir: in its folder as it is, or on the guest's disk that is there."""
    if isinstance(cell, mount_rows.InGuest):
        image = host.empty_dir / "disk.img"
        system = os.statvfs(host.empty_dir)
        assert image.stat().st_size == system.f_blocks * system.f_frsize > image.stat().st_blocks * 512 * 8
        assert not (host.empty_dir / name).exists()
    else:
        assert (host.empty_dir / name).read_text() == content


def test_empty_dir(pod, host, cell):
    assert getattr(cell, "notice", "") in log_of(pod)
    says(pod.first, "echo one > /empty/word")
    assert says(pod.second, "cat /empty/word; stat -c %a /empty; ls /empty | grep -v sub") == "one\n777\nword\n"
    is_kept(host, cell, "word", "one\n")


def test_empty_dir_in_memory(pod, host):
    says(pod.first, "echo one > /memory/word")
    assert says(pod.second, "cat /memory/word; df -k /memory | awk 'NR == 2 {print $2}'") == "one\n8192\n"
    assert sorted(os.listdir(host.memory)) == ["sub"]


def test_sub_path(pod, host, cell):
    says(pod.first, "echo two > /empty-sub/word")
    assert says(pod.second, "cat /empty-sub/word /empty/sub/word; stat -c %a /empty-sub") == "two\ntwo\n750\n"
    is_kept(host, cell, "sub/word", "two\n")


def test_sub_path_in_memory(pod, host):
    says(pod.first, "echo one > /memory-sub/word")
    assert says(pod.second, "cat /memory-sub/word /memory/sub/word; stat -c %a /memory-sub") == "one\none\n750\n"
    assert not os.listdir(host.memory / "sub")


def is_refused(pod, edit, cell):
    with pytest.raises(AssertionError) as refused:
        pod.create(edit=edit)
    assert cell.cause in str(refused.value)


def test_sub_path_link(pod, host, cell):
    says(pod.first, "ln -s sub /memory/trap")
    with host.for_now():
        source = host.sub_path(host.memory, "trap", "c3")
        is_refused(pod, lambda bundle: with_tools(bundle, [bind(source, "/trap")]), cell)


def test_huge_pages(pod):
    pages = "awk '/HugePages_Total/ {print $2}' /proc/meminfo"
    assert says(pod.first, f"stat -f -c '%s %b' /huge; {pages}") == f"{HUGE} 4\n4\n"
    says(pod.first, f"truncate -s {HUGE} /huge/page")
    assert pod.first.exec("file-user", "map", "/huge/page", "word").out.splitlines()[-1:] == ["word"]
    assert "hugepageLimits" not in log_of(pod)


def huge_pages_are_refused(pod, host, cell, limit):
    with host.for_now():
        volume = host.volume("other", "pagesize=2M", kind="hugetlbfs")

        def edit(bundle):
            bundle.spec["mounts"].append(bind(volume, "/huge"))
            bundle.spec["linux"]["resources"]["hugepageLimits"] = [{"pageSize": "2MB", "limit": limit}]

        is_refused(pod, edit, cell)
    assert says(pod.first, "awk '/HugePages_Total/ {print $2}' /proc/meminfo") == "4\n"


def test_huge_pages_without_size(pod, host, cell):
    huge_pages_are_refused(pod, host, cell, 0)


def test_huge_pages_without_room(pod, host, cell):
    huge_pages_are_refused(pod, host, cell, 64 << 30)


# -- what programs do with files


def holds(container, *words):
    return subprocess.Popen(container.nacre.command("exec", container.id, *words), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)


def excludes(pod, what):
    says(pod.first, f"> /data/{what}")
    words = ("file-user", what, f"/data/{what}")
    with holds(pod.first, *words) as holder:
        assert holder.stdout.readline() == "locked\n"
        assert pod.second.exec(*words).ok().out == "busy\n"
        holder.communicate(timeout=60)
    assert pod.second.exec(*words).ok().out == "locked\n"


def test_flock(pod):
    excludes(pod, "flock")


def test_record_locks(pod):
    excludes(pod, "lock")


def fits(cell, done):
    """Whether the answer is the table's."""
    if isinstance(cell, mount_rows.Refused):
        return done.code != 0 and cell.cause in done.err
    return done.code == 0


def test_trusted_attributes(pod, cell):
    done = pod.first.exec("> /data/trusted; file-user xattr /data/trusted trusted.colour red")
    assert fits(cell, done), done


def test_unnamed_file(pod, cell):
    done = pod.first.exec("file-user", "tmpfile", "/data")
    assert fits(cell, done), done


def test_holes(pod, host, storage, cell):
    says(pod.first, "truncate -s 64M /data/holes; echo end | dd of=/data/holes bs=1M seek=32 conv=notrunc 2> /dev/null")
    if storage in ("9p", "virtio-fs"):
        assert os.stat(host.data / "holes").st_blocks * 512 < MIB
    found = pod.first.exec("file-user", "holes", "/data/holes").ok().out.split()
    assert found[0] == ("0" if isinstance(cell, mount_rows.Differs) else str(32 << 20))


def test_rename(pod):
    script = """cd /data; mkdir from to; echo new > from/file; echo old > to/file
exec 3< to/file; mv from/file to/file; cat to/file; cat <&3; ls from"""
    assert says(pod.first, script) == "new\nold\n"
    assert says(pod.second, "cat /data/to/file") == "new\n"


def test_inotify(pod):
    with holds(pod.first, "file-user", "watch", "/data") as watcher:
        assert watcher.stdout.readline() == "watching\n"
        says(pod.first, "echo x > /data/noticed")
        assert watcher.stdout.readline() == "noticed\n"


def overlay(folder):
    """The script ends with 3 where it could mount, but not replace a folder of the lower layer."""
    return f"""mkdir -p {folder}/upper {folder}/work /tmp/lower/folder /tmp/merged; echo low | tee /tmp/lower/word > /tmp/lower/folder/old
mount -t overlay -o lowerdir=/tmp/lower,upperdir={folder}/upper,workdir={folder}/work overlay /tmp/merged || exit
echo up >> /tmp/merged/word; cat /tmp/merged/word
rm -r /tmp/merged/folder && mkdir /tmp/merged/folder && ls /tmp/merged/folder && rm /tmp/merged/word || failed=3
umount /tmp/merged; exit $failed"""


def test_overlay_on_memory(pod):
    assert says(pod.first, overlay("/memory/overlay")) == "low\nup\n"


def test_overlay_on_the_volume(pod, cell):
    done = pod.first.exec(overlay("/data/overlay"))
    assert done.code == 3 if isinstance(cell, mount_rows.Differs) else fits(cell, done), done
