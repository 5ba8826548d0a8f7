"""`nacre timeline --svg`: a picture that a person can read."""

import subprocess
import xml.etree.ElementTree as xml

import pytest

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def picture(nacre, containers, folder):
    """Draws these phases (those of a usual start when None)."""

    def draw(phases=None):
        containers.add("c1", **({"phases": phases} if phases else {}))
        nacre("timeline", "c1", "--svg", folder / "c1.svg").ok()
        return xml.parse(folder / "c1.svg").getroot()

    return draw


def words(root):
    return ["".join(item.itertext()) for item in root.iter(f"{SVG}text")]


def boxes_of_texts(root):
    """Left, right and base line of each text; 0.75 em a letter is more than any sans serif needs on average."""
    for item in root.iter(f"{SVG}text"):
        size = float(item.get("font-size", 12))
        width = len("".join(item.itertext())) * size * 0.6
        x, y = float(item.get("x")), float(item.get("y"))
        left = {"end": x - width, "middle": x - width / 2}.get(item.get("text-anchor"), x)
        yield left, left + width, y, size, "".join(item.itertext())


def test_lanes_of_command_line_host_and_guest_from_top_to_bottom(picture):
    titles = [word for word in words(picture()) if word in ("nacre create", "sandbox process, on the host", "guest")]
    assert titles == ["nacre create", "sandbox process, on the host", "guest"]


def check_labels(root):
    boxes = list(boxes_of_texts(root))
    for at, (left, right, y, size, text) in enumerate(boxes):
        assert left >= 0 and right <= float(root.get("width")) and y <= float(root.get("height")), text
        for other_left, other_right, other_y, _, other in boxes[at + 1:]:
            apart = right <= other_left or other_right <= left or abs(y - other_y) >= size * 0.9
            assert apart, f"{text!r} and {other!r}"


def test_labels_overlap_nothing_and_stay_in_the_picture(picture):
    check_labels(picture())


def test_the_axis_has_a_handful_of_round_times(picture):
    ticks = [word for word in words(picture()) if word in ("0 ms", "500 ms", "1000 ms", "3500 ms")]
    assert ticks == ["0 ms", "500 ms", "1000 ms", "3500 ms"]


def test_the_phases_where_the_time_went_are_marked(picture):
    root = picture()
    marked = [item for item in root.iter(f"{SVG}text") if item.get("font-weight") == "bold" and item.get("fill") == "#c0392b"]
    assert ["".join(item.itertext()) for item in marked] == [
        "agent", "2900 ms, own 10 %", "kernel", "2400 ms, own 65 %", "crun-create (a-container-with...", "380 ms, own 10 %"]
    red = sum(float(item.get("width")) for item in root.iter(f"{SVG}rect") if item.get("fill") == "#c0392b")
    assert abs(red - 700 * (2400 + 365 + 380) / 3690) < 5, "only a phase's own time is red"


def test_the_container_is_named_in_the_title_only(picture):
    found = words(picture())
    assert [word for word in found if "c1" in word] == ["container c1: 3690 ms"] and "crun-start" in found


def test_many_phases_of_one_name_share_a_line(picture):
    assert "module, 4 times" in words(picture())


def test_a_hostile_guest_cannot_leave_its_text(picture):
    root = picture([("guest.</text><script>x</script>", 'a"b<&', 0, 1)])
    assert not list(root.iter(f"{SVG}script")) and any("</text>" in word for word in words(root))


@pytest.mark.parametrize("phases", [[("config", "", 0, 0)], [("config", "", 0, 1e9)], [("vmm", "", 5, 0.01)],
                                    [("vmm", "", 0, 99999)], [("vmm", "", 0, 123456)]])
def test_extremes_are_drawn(picture, folder, phases):
    check_labels(picture(phases))
    done = subprocess.run(["rsvg-convert", folder / "c1.svg", "--output", folder / "c1.png"], capture_output=True, text=True)
    assert done.returncode == 0 and (folder / "c1.png").stat().st_size > 1000, done.stderr
