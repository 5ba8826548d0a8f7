"""docker with a virtual machine that shares no folder with the host: its layers are images."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import place
from harness.engines import IMAGE, NACRE, Docker
from harness.place import fresh_name
from harness.runtime import write_configuration


class DockerByImages(Docker):
    runtimes = {}

    def prepare(self):
        self.images = self.folder / "images"
        path = write_configuration(self.folder / "images.toml", {
            "runtime.storage": ["block"], "storage.block.image_cache_dir": str(self.images)})
        self.config = {"runtimes": {"nacre": {"path": str(place.nacre), "runtimeArgs": ["--config", str(path)]}}}
        super().prepare()

    def cached(self):
        return {path.name: path.stat().st_ino for path in self.images.glob("*.erofs")}


@pytest.fixture(scope="module")
def docker(nothing_left_by_module):
    with DockerByImages() as engine:
        yield engine


def test_containers_that_start_together_share_the_image_of_their_layer(docker):
    def run(number):
        return docker("run", "--rm", "--hostname", f"name{number}", *NACRE, IMAGE, "sh", "-c",
                      "cat /etc/hostname; grep -c name /etc/hosts; echo mine > /file; cat /file; df / | tail -1")

    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(run, range(3)))
    for number, answer in enumerate(answers):
        assert answer.ok().out.splitlines()[:3] == [f"name{number}", "1", "mine"]
        assert answer.out.splitlines()[3].startswith("overlay")
    cached = docker.cached()
    assert len(cached) == 1  # Docker's own layer of each container is not kept
    assert run(3).ok().out.splitlines()[0] == "name3"
    assert docker.cached() == cached


def test_what_docker_cp_brought_before_the_start_is_there_and_writes_are_not_seen(docker, tmp_path):
    name = fresh_name()
    (tmp_path / "file").write_text("by docker cp\n")
    docker("create", "--name", name, *NACRE, IMAGE, "sh", "-c", "cat /root/file; echo inside > /root/written").ok()
    try:
        docker("cp", tmp_path / "file", f"{name}:/root/file").ok()
        assert docker("start", "--attach", name).ok().out == "by docker cp\n"
        assert "/root/written" not in docker("diff", name).ok().out
        # Once more: what it wrote has ended with it.
        assert docker("start", "--attach", name).ok().out == "by docker cp\n"
    finally:
        docker("rm", "--force", name).ok()
