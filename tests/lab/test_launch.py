"""nacre-launch on Debian's own kernel: cgroup v2 alone, and AppArmor."""

from harness.place import build
from labhost import lab

PROFILE = """
profile nacre-unit {
  file,
  signal,
  unix,
  deny /etc/hostname r,
}
"""


def test_the_unit_tests_of_launcher_and_journal_pass_with_apparmor_and_cgroup_v2(folder):
    (folder / "profile").write_text(PROFILE)
    done = lab("set -e; mount -t securityfs none /sys/kernel/security;"
               f"apparmor_parser --skip-cache --add {folder}/profile;"
               f"timeout 200 {build}/tests/unit/unit_launch --durations yes; {build}/tests/unit/unit_journal", timeout=280)
    assert done.code == 0, done.out + done.err
    assert "skipped:" not in done.out + done.err
