"""The time that each lesson takes, and the ways through the course, written into the README.

Minutes of reading are those of the road; what a lesson folds away under "Deeper" is counted apart, 30 + 10.

python tests/minutes.py              run every lesson, some minutes on two cores
python tests/minutes.py read         count the words only; the seconds stay as they are
"""

import math
import os
import re
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import nbformat
from nbclient import NotebookClient

from ddpm_core.teach.page.folds import count_words, minutes
from ddpm_core.teach.progress.ways import ways_table

ROOT = Path(__file__).parents[1]
WAYS = re.compile(r"^\| way \| hours \|.*?(?=\n\n)", re.M | re.S)
ROW = re.compile(r"^(\| \w+ \| \[.*\]\(notebooks/(.+)\) \| .* )\| (\d+(?: \+ \d+)?) \| (\d+) \|$", re.M)


def reading(path: Path) -> str:
    """Minutes to read a lesson's text, rounded up to five: 30, or 30 + 10 if a part of it is folded."""
    road, beside = count_words(nbformat.read(path, as_version=4).cells)
    return " + ".join(f"{minutes(n)}" for n in (road, beside)[: 1 + bool(beside)])


def running(path: Path) -> int:
    """CPU seconds of a run on one core, from the kernel's start to its end, rounded up to five."""
    one = {"OMP_NUM_THREADS": "1"}  # otherwise a second core's busy waiting would count
    before = os.times()
    with tempfile.TemporaryDirectory() as folder:
        notebook, here = nbformat.read(path, as_version=4), {"metadata": {"path": str(path.parent)}}
        with patch.dict(os.environ, one, DDPM_PROGRESS=f"{folder}/progress.json"):
            NotebookClient(notebook, timeout=3600, startup_timeout=600, resources=here).execute()
    after = os.times()
    took = after.children_user + after.children_system - before.children_user - before.children_system
    return 5 * math.ceil(took / 5)


def told(readme: str, run: bool) -> str:
    """The README with an updated map; with `run`, lessons are run for their seconds."""

    def row(old: re.Match[str]) -> str:
        path = ROOT / "notebooks" / old[2]
        seconds = running(path) if run else old[4]
        new = f"{old[1]}| {reading(path)} | {seconds} |"
        print(new, flush=True)
        return new

    files = {
        path.stem.split("_")[0]: f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")
    }
    return WAYS.sub(lambda _: ways_table(files), ROW.sub(row, readme))


if __name__ == "__main__":
    page = ROOT / "README.md"
    page.write_text(told(page.read_text("utf-8"), run=sys.argv[1:] != ["read"]), "utf-8")
