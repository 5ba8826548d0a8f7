"""The lab host brings back what a command said and how it ended, and has what development machines lack."""

import subprocess

from lab import Kernel, cpio
from labhost import lab


def test_output_comes_back_whole_and_apart_and_the_exit_code_with_it():
    done = lab("seq 200000; echo to-err >&2; exit 7")
    assert done.out.split() == [str(number) for number in range(1, 200001)]
    assert (done.err, done.code) == ("to-err\n", 7)


def test_a_signalled_command_ends_as_in_a_shell():
    assert lab("kill -9 $$").code == 128 + 9


def test_it_is_debians_kernel_over_this_root_and_what_is_written_is_gone(folder):
    witness = folder / "witness"
    witness.write_text("outside\n")
    done = lab(f"uname -r; id -u; cat {witness}; echo inside > {witness}; cat {witness}; findmnt -n -o FSTYPE /")
    assert done.out.split() == [Kernel().version, "0", "outside", "inside", "overlay"]
    assert witness.read_text() == "outside\n"


def test_modules_that_this_machine_may_lack_are_there():
    done = lab("set -e; for name in loop dm-thin-pool vhost_vsock vfio-pci macvtap; do modprobe $name; done;"
               "test -c /dev/mapper/control; test -c /dev/vhost-vsock; test -c /dev/vfio/vfio;"
               "truncate -s 64M /root/a; dmsetup create lin --table \"0 2048 linear $(losetup -f --show /root/a) 0\";"
               "dmsetup ls")
    assert done.code == 0, done.err
    assert done.out.startswith("lin")


def test_systemd_as_pid_1_runs_the_command_as_a_service_and_makes_scopes_over_dbus():
    done = lab("cat /proc/1/comm /proc/self/cgroup; stat -f -c %T /sys/fs/cgroup; "
               "systemd-run --quiet --scope -u witness cat /proc/self/cgroup; echo to-err >&2; exit 7", systemd=True,
               timeout=120)
    assert done.out.splitlines() == ["systemd", "0::/system.slice/lab.service", "cgroup2fs",
                                     "0::/system.slice/witness.scope"], done
    assert (done.err, done.code) == ("to-err\n", 7)


NESTED_INIT = """
#include <stdio.h>
#include <sys/reboot.h>
#include <unistd.h>
int main(void) { puts("the nested guest is up"); fflush(stdout); sleep(0); reboot(RB_AUTOBOOT); return 0; }
"""


def test_nested_kvm_runs_a_guest(folder):
    (folder / "init.c").write_text(NESTED_INIT)
    subprocess.run(["cc", "-static", "-o", folder / "init", folder / "init.c"], check=True)
    (folder / "initrd").write_bytes(cpio({"init": (0o100755, (folder / "init").read_bytes()), "dev": (0o040755, b""),
                                          "dev/console": (0o020600, b"")}))
    line = "console=ttyS0 quiet panic=-1 reboot=t rdinit=/init mitigations=off"
    command = (f"test -c /dev/kvm && qemu-system-x86_64 -M q35 -accel kvm -cpu host -m 256M -nodefaults -display none "
               f"-no-reboot -serial stdio -kernel {Kernel().image} -initrd {folder}/initrd -append '{line}'")
    done = lab(command, kvm_nested=True, timeout=280)
    assert "the nested guest is up" in done.out, done
