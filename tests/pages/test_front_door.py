"""What a visitor sees first: the animated picture, the map of the lessons with its minutes, other ways in."""

import asyncio
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace as Some

import minutes
import nbformat
import numpy as np
import pytest
import torch
from endurance import soak_only
from PIL import Image, ImageSequence

from ddpm_core import classifier

ROOT = Path(__file__).parents[2]
README, TEACHING = ((ROOT / name).read_text("utf-8") for name in ("README.md", "TEACHING.md"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PICTURE = ROOT / "notebooks/denoising.png"
CORE_SECONDS = 2 * 60  # more can't run in a minute on two cores


def digits(frame: Image.Image) -> torch.Tensor:
    """The 48 digits of a sheet: (48, 1, 8, 8) in [-1, 1]."""
    sheet = torch.from_numpy(np.array(frame.convert("L"))[::8, ::8].copy()) / 127.5 - 1
    tiles = [sheet[r * 9 : r * 9 + 8, c * 9 : c * 9 + 8] for r in range(4) for c in range(12)]
    return torch.stack(tiles)[:, None]


@pytest.fixture(scope="module")
def frames():
    """The still picture, and the frames of the animation."""
    with Image.open(PICTURE) as picture:
        still, *moving = (digits(frame) for frame in ImageSequence.Iterator(picture))
    return still, moving


def test_the_picture_is_the_first_thing_and_moves(frames):
    title, rest = README.split("\n\n", 1)
    assert title.startswith("# ")
    assert re.match(r"!\[[^]]+\]\(notebooks/denoising\.png\)\n", rest)
    still, moving = frames
    assert len(moving) == 51
    assert torch.equal(still, moving[-1])  # without animation, the result is shown
    with Image.open(PICTURE) as picture:
        pace = [frame.info.get("duration") for frame in ImageSequence.Iterator(picture)][1:]
        assert picture.info["loop"] == 0  # forever
        assert "transparency" in picture.info  # between the digits, a light or dark page shows through
    assert pace[-1] >= 2000 > 20 * pace[1]
    assert PICTURE.stat().st_size < 400_000


def test_the_picture_goes_from_noise_to_digits(frames):
    _, moving = frames
    first, last = moving[0], moving[-1]
    for sign in (-1, 1):  # of N(0, 1), cut at -1 and 1
        assert (first == sign).float().mean().item() == pytest.approx(0.159, abs=0.03)
    judge = classifier("digits")
    sure = [(judge(x).softmax(1).amax(1) > 0.8).float().mean().item() for x in (first, last)]
    assert sure[0] < 0.25 < 0.8 < sure[1]


def test_the_picture_is_what_its_command_makes(frames, tmp_path):
    runpy.run_path(str(ROOT / "data/make.py"))["picture"](tmp_path / "made.png")
    with Image.open(tmp_path / "made.png") as made:
        again = [digits(frame) for frame in ImageSequence.Iterator(made)]
    still, moving = frames
    for ours, theirs in zip([still, *moving], again, strict=True):
        assert ((ours - theirs).abs() < 0.2).float().mean() > 0.99  # one grey is 0.125; rounding varies


def test_the_map_tells_what_each_lesson_takes():
    rows = [*minutes.ROW.finditer(README)]
    assert [row[2] for row in rows] == [path.name for path in NOTEBOOKS]
    for row, path in zip(rows, NOTEBOOKS, strict=True):
        told, counted = ([int(n) for n in text.split(" + ")] for text in (row[3], minutes.reading(path)))
        assert told == pytest.approx(counted, abs=5), f"{path.name}: python tests/minutes.py read"
        assert int(row[4]) <= CORE_SECONDS


def test_the_other_doors_install_what_make_does():
    (install,) = set(re.findall(r'-m pip install (-e "?\S+"?)`', README))
    assert install.replace('"', "'") in (ROOT / "Makefile").read_text("utf-8")


def test_the_hub_s_configuration_hands_out_what_is_missing_and_mends_what_is_there(tmp_path):
    """The configuration file itself, with its folders replaced by temporary ones."""
    (source,) = re.findall(r"```python\n(.*?)```", TEACHING, re.S)
    course, students, anna = tmp_path / "course", tmp_path / "students", tmp_path / "students/anna"
    c = Some(JupyterHub=Some(), Spawner=Some(), SimpleLocalProcessSpawner=Some(), Authenticator=Some())
    c.SharedPasswordAuthenticator = Some()
    names = {"c": c}
    exec(source, names)
    names |= {"COURSE": course, "STUDENTS": students, "PYTHON": sys.executable}
    hand_out = lambda: asyncio.run(c.Spawner.pre_spawn_hook(Some(user=Some(name="anna"))))  # noqa: E731
    shutil.copytree(ROOT / "notebooks", course / "notebooks")
    (course / "notebooks/progress.json").write_text("the teacher's")
    hand_out()
    assert [file.name for file in sorted(anna.glob("*.ipynb"))] == [path.name for path in NOTEBOOKS]
    assert not list(anna.glob("*progress*"))
    first, second = (nbformat.read(path, 4) for path in NOTEBOOKS[:2])
    first.cells.append(nbformat.v4.new_markdown_cell("anna's"))
    nbformat.write(first, anna / NOTEBOOKS[0].name)
    (anna / NOTEBOOKS[1].name).unlink()
    first.cells[0].source, first.cells[-1:] = "# Start here, mended", []
    nbformat.write(first, course / "notebooks" / NOTEBOOKS[0].name)
    hand_out()
    mended = nbformat.read(anna / NOTEBOOKS[0].name, 4).cells
    assert (mended[0].source, mended[-1].source) == ("# Start here, mended", "anna's")
    assert nbformat.read(anna / NOTEBOOKS[1].name, 4).cells == second.cells


OFFLINE = """
import sys
sys.path.insert(0, sys.argv[1])
import minutes
print(minutes.running(minutes.ROOT / "notebooks" / sys.argv[2]))
"""


@soak_only
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_lesson_needs_no_network_and_no_more_than_its_time(path):
    alone = ["unshare", "--map-root-user", "--net", "sh", "-c"]
    if subprocess.run([*alone, "ip link set lo up"], capture_output=True, check=False).returncode:
        pytest.skip("no network of one's own on this system")
    command = [*alone, 'ip link set lo up; exec "$@"', "sh", sys.executable, "-c", OFFLINE]
    done = subprocess.run([*command, ROOT / "tests", path.name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) <= CORE_SECONDS
