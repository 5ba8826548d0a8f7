"""docs/plugin-authors.md, followed to the letter: its files are written, its commands are run, and what it says that they
print is what they print."""

import os
import re
import shutil
import subprocess

import pytest
from harness import place

GUIDE = place.source / "docs/plugin-authors.md"
SECTION = "## From nothing to a loaded plugin in ten minutes"
PLUGIN = place.stage / "lib/nacre/plugins/security/strict.so"
CONFIGURATION = place.stage / "etc/nacre/config.d/strict.toml"


def blocks():
    """(language, text, the name of a file in the sentence before it) of each block of the section."""
    text = GUIDE.read_text().partition(SECTION)[2].partition("\n## ")[0]
    for before, language, body in re.findall(r"([^\n]*\n?[^\n]*)\n\n```(\w+)\n(.*?)```", text, flags=re.S):
        names = re.findall(r"`([^` ]+\.(?:cpp|toml))`", before)
        yield language, body, names[-1] if names else None


def commands(body):
    """(command, the lines that it prints) of a console block."""
    for line in re.split(r"^# ", body, flags=re.M)[1:]:
        command, *printed = line.rstrip("\n").split("\n")
        yield command, printed


@pytest.fixture
def work():
    """A folder that nobody else can write, as the guide asks for; what it installs goes again."""
    folder = place.build / "tests" / place.fresh_name("guide")
    folder.mkdir(parents=True)
    yield folder
    PLUGIN.unlink(missing_ok=True)
    CONFIGURATION.unlink(missing_ok=True)
    shutil.rmtree(folder)


class Shell:
    """One command after the other, as at a prompt: `cd` lasts. The installed tree is where the guide has /usr and /etc."""

    def __init__(self, folder, root):
        self.folder = folder
        self.environment = {"PATH": f"{place.stage}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
                            "CMAKE_PREFIX_PATH": str(place.stage)}
        self.root = root

    def run(self, command):
        script = command.replace("nacre run", f"nacre --root {self.root} run") + "\nstatus=$?; pwd >&3; exit $status"
        where, told = os.pipe()
        done = subprocess.run(["bash", "-c", f"exec 3>&{told}\n{script}"], capture_output=True, text=True, cwd=self.folder,
                              env=self.environment, pass_fds=[told], stdin=subprocess.DEVNULL)
        os.close(told)
        with os.fdopen(where) as file:
            self.folder = file.read().strip() or self.folder
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr


def test_the_guide_works_to_the_letter(work, folder):
    shell = Shell(work, folder / "root")
    seen = []
    for language, body, name in blocks():
        seen.append(language)
        if language == "console":
            for command, printed in commands(body):
                output = shell.run(command)
                missing = [line for line in printed if line not in output]
                assert not missing, f"# {command}\nprints\n{output}\nwithout\n" + "\n".join(missing)
            continue
        path = place.stage / name.lstrip("/") if name.startswith("/etc/nacre/") else work / "strict" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(body)
    assert seen == ["console", "cpp", "console", "toml", "console"]
    assert PLUGIN.exists() and CONFIGURATION.exists()
