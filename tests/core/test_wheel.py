"""A wheel, built offline and unpacked elsewhere, runs the README's example and the command `sample`."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SHIPS = (".md", ".npz", ".safetensors", ".txt", ".zip")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the sources, with a download and a picture in data/ that must not be packaged."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("ddpm_core", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "mnist"))
    (folder / "data" / "mnist").mkdir()
    for name in ("train-images-idx3-ubyte.gz", "README.md"):
        (folder / "data" / "mnist" / name).write_text("not to travel")
    (folder / "data" / "picture.png").write_text("not to travel")
    return folder


@pytest.fixture(scope="module")
def site(source, tmp_path_factory):
    """The folder with the unpacked wheel, before the checkout on Python's path."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=source, check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder)
    wheel.unlink()
    return folder


def python(site, cwd, *args):
    """What Python prints when run in that folder with the package from `site`."""
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, *args]
    return subprocess.run(
        command, cwd=cwd, env=environment, check=True, capture_output=True, text=True, timeout=120
    ).stdout


def files(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_the_wheel_holds_the_package_and_what_ships_and_nothing_else(source, site):
    shipped = {f"ddpm_core/shipped/{p.name}" for p in (source / "data").iterdir() if p.suffix in SHIPS}
    package = {f"ddpm_core/{name}" for name in files(source / "ddpm_core")}
    assert len(shipped) >= 11
    assert {name for name in files(site) if ".dist-info/" not in name} == package | shipped


def test_the_ten_lines_run_from_the_wheel_alone(site, tmp_path):
    code, *_ = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    code, images = re.subn(r"images=[\d_]+", "images=128", code)
    code, steps = re.subn(r"times\(\d+\)", "times(3)", code)
    assert (images, steps) == (1, 1)
    printed = python(
        site, tmp_path, "-c", f"{code}\nimport ddpm_core\nprint(ddpm_core.__file__)"
    ).splitlines()
    assert printed[-2:] == ["0 torch.Size([16, 1, 8, 8])", str(site / "ddpm_core" / "__init__.py")]


def test_the_command_line_samples_from_the_wheel_alone(site, tmp_path):
    wish = ["sample", "--from", "digits", "--steps", "5", "--n", "4", "--out", "s.npz"]
    python(site, tmp_path, "-m", "ddpm_core", *wish)
    with np.load(tmp_path / "s.npz", allow_pickle=False) as file:
        assert len(file["images"]) == 4


def test_an_exercise_is_found_in_the_wheel(site, tmp_path):
    code = "from ddpm_core.teach import exercise; print(type(exercise('01.1')).__module__)"
    assert python(site, tmp_path, "-c", code).startswith("ddpm_core.teach")


WITHOUT = """
from ddpm_core import data, digits, pretrained
for read in (digits, lambda: pretrained("digits")):
    try:
        read()
    except (FileNotFoundError, ValueError) as error:
        print(error)
print(data._downloads())
"""


def test_an_installed_package_says_what_to_do_in_its_own_words(site, tmp_path):
    """No advice to use git, and no writing to the package's folder: downloads go to the user's cache."""
    shutil.copytree(site / "ddpm_core", tmp_path / "site" / "ddpm_core")
    for path in (tmp_path / "site" / "ddpm_core" / "shipped").iterdir():
        path.unlink()
    scans, weights, downloads = python(tmp_path / "site", tmp_path, "-c", WITHOUT).splitlines()
    assert scans.endswith("digits.npz is missing; install ddpm-core again")
    assert weights.endswith("there is none: install ddpm-core again")
    assert not Path(downloads).is_relative_to(tmp_path)
