"""The manual pages that an installation has."""

import re
import subprocess

import pytest
from harness import place
from verb_list import VERBS

PAGES = place.stage / "share/man/man1"
NAMES = ["nacre"] + [f"nacre-{verb}" for verb in VERBS]


def rendered(page):
    done = subprocess.run(["man", "--warnings", "--encoding=UTF-8", "--local-file", PAGES / f"{page}.1"],
                          capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return re.sub(r".\b", "", done.stdout).replace("\N{HYPHEN}", "-") if "\b" in done.stdout else done.stdout


def test_there_is_a_page_for_each_verb_and_no_other():
    assert sorted(path.stem for path in PAGES.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("page", NAMES)
def test_a_page_has_no_mistake(page):
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", PAGES / f"{page}.1"], capture_output=True, text=True)
    words = [line for line in done.stdout.splitlines() if "missing date" not in line]  # the same bytes on every day
    assert words == []
    assert "SYNOPSIS" in rendered(page)


def test_whatis_finds_what_a_verb_does():
    text = rendered("nacre-kill").split("SYNOPSIS")[0]
    assert " ".join(text.split()).endswith("NAME nacre-kill - sends a signal (default: TERM) to the container's first process")


@pytest.mark.parametrize("verb", VERBS)
def test_a_page_names_every_flag_of_its_verb(nacre, verb):
    flags = re.findall(r"--[a-z][a-z0-9-]*", nacre(verb, "--help").ok().out.split("\n\n", 2)[2])
    text = rendered(f"nacre-{verb}")
    assert flags and [flag for flag in flags if flag not in text] == []


def test_the_program_s_page_names_every_verb_and_global_flag():
    text = rendered("nacre")
    assert [verb for verb in VERBS if f"nacre-{verb}(1)" not in text] == []
    assert [flag for flag in ("--root", "--config", "--log-format", "--systemd-cgroup", "--rootless") if flag not in text] == []
