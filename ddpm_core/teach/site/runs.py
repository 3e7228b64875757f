"""Runs notebooks and saves their widgets' state; cached by a checksum of their code and of the package."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from ... import files
from ...data import SHIPPED

PACKAGE = Path(__file__).parents[2]
HERE = Path(__file__).parent


def executed(path: Path, kept: Path, timeout: int = 900) -> NotebookNode:
    """The notebook with the outputs and the widgets' state of a run; `kept` is a folder that caches runs.

    It is run only if its code or the package has changed; its Markdown is always that of the file.  timeout:
    seconds for one cell.  ValueError, with the notebook's name and the cell's number, if a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    run = kept / f"{path.stem}-{_sum(cell.source.encode() for cell in _code(notebook))}-{_package()}.ipynb"
    if not run.exists():
        print(f"running {path.name}", file=sys.stderr, flush=True)
        _run(notebook, path, timeout)
        for old in kept.glob(f"{path.stem}-*.ipynb"):
            old.unlink()
        files.write(run, nbformat.writes(notebook).encode())
    done = nbformat.read(run, as_version=4)
    for cell, ran in zip(_code(notebook), _code(done), strict=True):
        cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    notebook.metadata.widgets = done.metadata.get("widgets", {})
    return notebook


def _code(notebook: NotebookNode) -> Iterator[NotebookNode]:
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def _run(notebook: NotebookNode, path: Path, timeout: int) -> None:
    begun: list[int] = []  # the indices of the cells that have started
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=lambda cell, cell_index: begun.append(cell_index),
    )
    with tempfile.TemporaryDirectory() as own:  # for the run's progress file, which is thrown away
        try:
            here = {"DDPM_PROGRESS": str(Path(own) / "progress.json"), "DDPM_STUDENT": ""}
            client.execute(env={**os.environ, **here})
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise ValueError(f"{path.name}, cell [{len(begun)}]: {_reason(error, timeout)}") from error


def _reason(error: Exception, timeout: int) -> str:
    if isinstance(error, CellExecutionError):
        return f"{error.ename}: {error.evalue}"
    return f"not done after {timeout} s" if isinstance(error, CellTimeoutError) else "its kernel died"


@cache
def _package() -> str:
    """A checksum of what a notebook depends on: the package without this folder, and what ships with it."""
    sources = [
        p for p in PACKAGE.rglob("*") if p.suffix in (".py", ".js", ".css", ".toml") and HERE not in p.parents
    ]
    shipped = [p for p in SHIPPED.glob("*") if p.suffix in (".npz", ".safetensors")]
    return _sum(path.read_bytes() for path in sorted(sources + shipped))


def _sum(parts: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:12]
