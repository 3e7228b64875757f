"""The time that each lesson takes, written into the README's map of the lessons.

python tests/minutes.py              run every lesson, some minutes on two cores
python tests/minutes.py read         count the words only; the seconds stay as they are
"""

import math
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
PACE = 150  # words a minute, for text with formulas
ROW = re.compile(r"^(\| \w+ \| \[.*\]\(notebooks/(.+)\) \| .* )\| (\d+) \| (\d+) \|$", re.M)


def reading(path: Path) -> int:
    """Minutes to read a lesson's text, rounded up to five."""
    cells = nbformat.read(path, as_version=4).cells
    words = sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown")
    return 5 * math.ceil(words / PACE / 5)


def running(path: Path) -> int:
    """CPU seconds of a run on one core, from the kernel's start to its end, rounded up to five."""
    os.environ["OMP_NUM_THREADS"] = "1"  # otherwise a second core's busy waiting would count
    before = os.times()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DDPM_PROGRESS"] = f"{folder}/progress.json"
        notebook, here = nbformat.read(path, as_version=4), {"metadata": {"path": str(path.parent)}}
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

    return ROW.sub(row, readme)


if __name__ == "__main__":
    page = ROOT / "README.md"
    page.write_text(told(page.read_text("utf-8"), run=sys.argv[1:] != ["read"]), "utf-8")
