"""Every lesson, run from top to bottom in a kernel of its own: seconds, memory, and its slowest cells.

    python tests/benchmarks/lessons.py [NOTEBOOK ...]

Prints a table in Markdown: seconds from the kernel's start until the first cell is done, and until the last;
the most memory that the kernel took; the three cells that took longest, by their first lines.  Threads are as
many as the machine has cores, unless OMP_NUM_THREADS says otherwise.
"""

import heapq
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SCALE = 1024 if sys.platform == "linux" else 1024**2  # ru_maxrss is in KiB on Linux, in bytes on macOS


class Told(NamedTuple):
    """What a run of a lesson took."""

    first: float  # seconds until its first cell was done
    seconds: float
    mb: float  # MiB
    slowest: list[tuple[float, str]]  # seconds and first line of three cells


def every() -> list[Path]:
    """The lessons."""
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def measured(path: Path) -> Told:
    """Run one lesson in a process of its own, and measure it.  RuntimeError if a cell fails."""
    with tempfile.TemporaryDirectory() as folder:
        own = {"DDPM_PROGRESS": f"{folder}/progress.json", "DDPM_STUDENT": ""}
        command = [sys.executable, __file__, "--one", str(path)]
        done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no word"])[-1][:100])
    return Told(**json.loads(done.stdout.strip().splitlines()[-1]))


def _one(path: Path) -> Told:
    """Run a notebook in this process's only child."""
    import nbformat
    from nbclient import NotebookClient

    notebook, began, starts, took = nbformat.read(path, as_version=4), time.perf_counter(), {}, {}

    def start(cell: object, cell_index: int) -> None:
        starts[cell_index] = time.perf_counter()

    def end(cell: object, cell_index: int, **_: object) -> None:
        took[cell_index] = time.perf_counter() - starts[cell_index]

    where = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=300, startup_timeout=120, resources=where)
    client.on_cell_execute, client.on_cell_executed = start, end
    client.execute()
    seconds, first = time.perf_counter() - began, min(took)
    lines = {k: next(iter(notebook.cells[k].source.strip().splitlines()), "")[:60] for k in took}
    slowest = [(took[k], lines[k]) for k in heapq.nlargest(3, took, key=took.__getitem__)]
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / SCALE
    return Told(starts[first] + took[first] - began, seconds, most, slowest)


def main() -> None:
    """Print a row for each lesson."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(_one(Path(sys.argv[2]))._asdict()))
        return
    print("| lesson | first cell, s | all, s | memory, MiB | slowest cells |\n|---|--:|--:|--:|---|")
    for path in [*map(Path, sys.argv[1:])] or every():
        told = measured(path)
        cells = "; ".join(f"`{line}` {s:.1f} s" for s, line in told.slowest)
        print(
            f"| {path.stem} | {told.first:.1f} | {told.seconds:.0f} | {told.mb:.0f} | {cells} |", flush=True
        )


if __name__ == "__main__":
    main()
