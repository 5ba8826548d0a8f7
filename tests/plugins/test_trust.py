"""Who may own and write a plugin's file and the folders above it: by real files, as three kinds of callers see them."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import place

pytestmark = pytest.mark.no_leak_check

USER = 1000
FINE = place.build / "tests/plugins/variants/security/fine.so"

# The command that `nacre` runs under.
CALLERS = {
    "root": [],
    "user": ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"],
    # Rootless Podman's view: the caller is root inside, files of the real root belong to nobody.
    "user namespace": ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "unshare", "--user",
                       "--map-root-user"],
}


@pytest.fixture
def tree():
    """FOLDER/shelf/fine.so below `/`: everything above a trusted file must be trusted too."""
    folder = Path(f"/{place.fresh_name()}")
    (folder / "shelf").mkdir(parents=True)
    (folder / "elsewhere").mkdir()
    shutil.copyfile(FINE, folder / "shelf/fine.so")
    for path in (folder, folder / "shelf", folder / "elsewhere"):
        path.chmod(0o755)
    (folder / "shelf/fine.so").chmod(0o644)
    # `nacre` itself may lie where a user cannot go.
    shutil.copyfile(place.nacre, folder / "nacre")
    (folder / "nacre").chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def link_away(tree):
    (tree / "shelf/fine.so").rename(tree / "elsewhere/fine.so")
    (tree / "shelf/fine.so").symlink_to("../elsewhere/fine.so")


def chmod(mode, name="shelf/fine.so"):
    return lambda tree: (tree / name).chmod(mode)


def chown(uid, name="shelf/fine.so"):
    return lambda tree: os.lchown(tree / name, uid, uid)


def both(*steps):
    return lambda tree: [step(tree) for step in steps]


OWNER, MODE = "unsafe-owner", "unsafe-mode"
# what is done: the result for root, for a user, and for that user as root of a user namespace
TABLE = {
    "nothing": (lambda tree: None, "ok", "ok", "ok"),
    "the file is writable by all": (chmod(0o666), MODE, MODE, OWNER),
    "the file is writable by its group": (chmod(0o664), MODE, MODE, OWNER),
    "the file is sticky and writable by its group": (chmod(0o1664), MODE, MODE, OWNER),
    "the file is the user's": (chown(USER), OWNER, "ok", "ok"),
    "the file is the user's and writable by all": (both(chown(USER), chmod(0o666)), OWNER, MODE, MODE),
    "the file is a third one's": (chown(4711), OWNER, OWNER, "ok"),  # shown as nobody's, like root's
    "the folder is writable by all": (chmod(0o777, "shelf"), MODE, MODE, OWNER),
    "the folder is writable by its group": (chmod(0o775, "shelf"), MODE, MODE, OWNER),
    "the folder is sticky and writable by its group": (chmod(0o1775, "shelf"), "ok", "ok", OWNER),
    "the folder is sticky and writable by all": (chmod(0o1777, "shelf"), MODE, MODE, OWNER),
    "the folder is the user's": (chown(USER, "shelf"), OWNER, "ok", "ok"),
    "the folder above is writable by all": (chmod(0o777, "."), MODE, MODE, OWNER),
    "a link leads out of the folder": (link_away, "ok", "ok", "ok"),
    "a link leads to a folder that is writable by all": (both(link_away, chmod(0o777, "elsewhere")), MODE, MODE, OWNER),
    "a link is the user's": (both(link_away, chown(USER)), OWNER, "ok", "ok"),
    "a link leads nowhere": (both(link_away, lambda tree: (tree / "elsewhere/fine.so").unlink()),
                             "not-found", "not-found", "not-found"),
}


def result(tree, caller):
    done = subprocess.run([*CALLERS[caller], tree / "nacre", "plugin", "verify", "--json", "--plugin-dir", tree,
                           "security/fine"], capture_output=True, text=True, cwd="/")
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert (report["result"] == "ok") == (done.returncode == 0) == report["good"]
    return report


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("what", TABLE)
def test_what_is_trusted(tree, what, caller):
    if os.geteuid() != 0:
        pytest.skip("only root can make files of others below /")
    if caller == "user namespace" and subprocess.run([*CALLERS[caller], "true"], capture_output=True).returncode != 0:
        pytest.skip("this host lets no user make a user namespace")
    # KIND/NAME is looked for below the folder's kinds.
    (tree / "security").symlink_to("shelf")
    arrange, *wanted = TABLE[what]
    arrange(tree)
    report = result(tree, caller)
    assert report["result"] == wanted[list(CALLERS).index(caller)], report["findings"]
    if report["result"] in (OWNER, MODE):
        sentence = report["findings"][0]["sentence"]
        assert f'"{tree}' in sentence and ("chown root:root" in sentence or "chmod go-w" in sentence), sentence
