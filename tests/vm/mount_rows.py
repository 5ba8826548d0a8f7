"""The table of mounts: what each kind comes to over each storage plugin, decided before it is tried. test_mounts.py has a
test for each row, of the row's name; docs/operators.md has the table."""

from dataclasses import dataclass

# Of each column, the configuration.
COLUMNS = {
    "9p": {"runtime.storage": ["9p"], "runtime.disable_guest_empty_dir": False},
    "virtio-fs": {"runtime.storage": ["virtio-fs"]},
    # Root file system and volume are disks of the host.
    "block": {"runtime.storage": ["block", "virtio-fs"], "storage.block.mounted_volumes": True,
              "runtime.disable_guest_empty_dir": False},
    # They are folders, and nobody shares one.
    "image": {"runtime.storage": ["block"], "runtime.emptydir_mode": "block-plain"},
}


@dataclass(frozen=True)
class Works:
    notice: str = ""  # words of sandbox.log

    def __str__(self):
        return "works, with a notice" if self.notice else "works"


@dataclass(frozen=True)
class Refused:
    cause: str  # words that the user sees

    def __str__(self):
        return "refused"


@dataclass(frozen=True)
class NotTaken(Refused):
    """Before anything is started."""


@dataclass(frozen=True)
class Differs:
    how: str  # from the host's own file system

    def __str__(self):
        return self.how


@dataclass(frozen=True)
class InGuest(Differs):
    """Works, but what the container writes is nothing that the host sees meanwhile."""


@dataclass(frozen=True)
class Row:
    name: str
    kind: str
    cells: dict


def row(name, kind, cell=None, **cells):
    """One cell for all columns, or one for each: nine_p=, virtio_fs=, block=, image=."""
    return Row(name, kind, dict.fromkeys(COLUMNS, cell or Works()) | {key.replace("nine_p", "9p").replace("_", "-"): value
                                                                     for key, value in cells.items()})


MAY_WRITE = NotTaken("the container may write to this folder, and what it writes to an image is lost")
NO_DISKS = NotTaken("no storage plugin of the configuration takes disks")
A_DISK = InGuest("works, as a disk of the guest's whose content is in that folder")
LAZY = Differs("works; while the guest knows it, the host unmounts it with `umount --lazy` only")
NOT_IN_A_SHARE = Refused("Operation not supported")
NOT_IN_9P = Refused("Operation not supported")  # its protocol has no such request
KERNEL_SAYS_NO = Refused("Invalid argument")  # of overlayfs: a share can change by itself

ROWS = (
    row("folder", "`bind` or `rbind` of a folder, or of a mounted disk",
        block=InGuest("works; the host has it again when the pod's last container that has it has gone"), image=MAY_WRITE),
    row("file", "`bind` of a file", image=InGuest("works, as a copy")),
    row("large_file", "`bind` with `ro` of a file of more than 512 KiB"),
    row("device", "`bind` of a block device", nine_p=NO_DISKS, virtio_fs=NO_DISKS),
    row("read_only", "`ro`: the mount and what is mounted below it"),
    row("recursive_read_only", "`rro`"),
    row("bind", "`bind`: without what is mounted below it", image=MAY_WRITE),
    row("rbind", "`rbind`: with what is mounted below it", image=MAY_WRITE),
    row("private", "`rprivate`: what the host mounts below it later stays away", image=MAY_WRITE),
    row("rslave", "`rslave`: what the host mounts below it later appears", virtio_fs=LAZY, block=LAZY, image=MAY_WRITE),
    row("rslave_of_private", "`rslave` of a mount that is private on the host", Works("because the mount that this is on is private"),
        image=MAY_WRITE),
    row("rshared", "`rshared`: what a container mounts below it appears in the pod's others", Works("but not on the host"),
        image=MAY_WRITE),
    row("names", "sources, destinations and files with spaces, newlines, commas, colons, backslashes", image=MAY_WRITE),
    row("bytes_no_utf_8", "a name in `config.json` that is not UTF-8", Refused("a byte that is not UTF-8")),
    row("tmpfs", "`tmpfs` with size, mode, uid, gid, noexec"),
    row("shm_of_its_own", "`/dev/shm` as a tmpfs with a size"),
    row("shm_of_the_pod", "`/dev/shm` as a bind of the engine's, one for the pod"),
    row("empty_dir", "`emptyDir`: the host's folder", nine_p=Works("since no plugin of [runtime] storage makes a disk"), block=A_DISK, image=A_DISK),
    row("empty_dir_in_memory", "`emptyDir` of medium `Memory`, with a size: one of the guest's for the pod"),
    row("sub_path", "`subPath` of an `emptyDir`", block=A_DISK, image=A_DISK),
    row("sub_path_in_memory", "`subPath` of an `emptyDir` of medium `Memory`: the same memory as the volume"),
    row("sub_path_link", "a `subPath` that a container has replaced by a link", Refused("cannot enter folder")),
    row("huge_pages", "`emptyDir` of medium `HugePages`"),
    row("huge_pages_without_size", "the same without a size and without a limit", Refused("no limit for pages of 2MB")),
    row("huge_pages_without_room", "more huge pages than the guest has memory", Refused("raise default_memory")),
    row("flock", "`flock` between two containers of a pod"),
    row("record_locks", "locks of `fcntl` between two containers of a pod"),
    row("trusted_attributes", "attributes `trusted.*`", nine_p=NOT_IN_9P, virtio_fs=Refused("Operation not permitted")),
    row("unnamed_file", "`O_TMPFILE`", nine_p=NOT_IN_A_SHARE, virtio_fs=NOT_IN_A_SHARE),
    row("holes", "holes of files, as `SEEK_DATA` and `SEEK_HOLE` find them",
        nine_p=Differs("kept on the host, but found as data")),
    row("rename", "a rename across folders, and over a file that is open"),
    row("inotify", "inotify of what the container itself changes"),
    row("overlay_on_memory", "overlayfs with its upper layer in an `emptyDir` of medium `Memory`"),
    row("overlay_on_the_volume", "overlayfs with its upper layer in the volume itself", virtio_fs=KERNEL_SAYS_NO,
        nine_p=Differs("mounts, but what is in the lower layer cannot be replaced")),
)

def table():
    """The rows as docs/operators.md has them."""
    lines = [f"| mount | {' | '.join(f'`{column}`' for column in COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
    return "\n".join(lines + [f"| {row.kind} | {' | '.join(str(row.cells[column]) for column in COLUMNS)} |" for row in ROWS])
