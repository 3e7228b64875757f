"""The student's folder of lessons: each lesson is put there once, and brought up to date when it changes.

Beside the lessons lie `.course`, with every version that was ever put there, and `backup`, with each notebook
as it was before a change.  A notebook is known by its cells, so it may be renamed, copied or moved.
"""

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from ... import files
from ..progress.file import HANDED
from .cells import asked, squeezed
from .merge import merge

BACKUP = "backup"
LIKE = 0.2  # the share of a lesson's cells by which a notebook is known to be a copy of it


class Version(NamedTuple):
    """A lesson as the course delivered it: the name of its file, and the notebook."""

    name: str
    notebook: NotebookNode

    @property
    def digest(self) -> str:
        """A short name for its cells, without their outputs."""
        cells = [[c.id, c.cell_type, c.source, c.metadata] for c in self.notebook.cells]
        return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()[:12]


def update(folder: Path, lessons: Path) -> Iterator[str]:
    """Bring a student's folder up to date with the delivered lessons; yields a line for a change.

    A lesson that isn't there is put there.  What is replaced is kept in `backup`.  OSError if the folder
    can't be read or written, ValueError if there are no lessons.
    """
    new = [Version(path.name, _read(path)) for path in sorted(lessons.glob("*.ipynb"))]
    if not new:
        raise ValueError(f"no lessons in {lessons}")
    old = list(_versions(folder / HANDED))
    _remember(folder / HANDED, new)
    there = set()
    backup = _free(folder / BACKUP / datetime.now().strftime("%Y-%m-%d %H.%M.%S"))
    for path in _notebooks(folder):
        try:
            mine = _read(path)
        except Exception as error:  # whatever nbformat says of a damaged file
            if line := _set_aside(path, folder, backup, new, str(error)):
                yield line
            continue
        base = _like(mine, old)
        lesson = _lesson(base, mine, path.name, new)
        if lesson is not None:
            there.add(lesson.name)
            if base is None or base.digest != lesson.digest:
                try:
                    yield from _bring(path, folder, mine, base, lesson, backup, new)
                except (nbformat.ValidationError, LookupError, TypeError, AttributeError) as error:
                    yield f"{path.relative_to(folder)}: it stays as it is ({type(error).__name__}: {error})"
    for lesson in new:
        if lesson.name not in there:
            target = _free(folder / lesson.name)
            files.write(target, (lessons / lesson.name).read_bytes())
            yield f"{target.name}: new"
    _bring_files(folder, lessons)


def _bring(
    path: Path,
    folder: Path,
    mine: NotebookNode,
    base: Version | None,
    lesson: Version,
    backup: Path,
    new: list[Version],
) -> Iterator[str]:
    """Bring one notebook to the lesson's new version, and keep it as it was among the backups."""
    merged = merge(mine, base.notebook if base else None, lesson.notebook, _places(new, lesson))
    nbformat.validate(merged.notebook)
    before, after = path.read_bytes(), nbformat.writes(merged.notebook).encode() + b"\n"
    if [dict(c) for c in mine.cells] == [dict(c) for c in merged.notebook.cells]:
        return
    kept = backup / path.relative_to(folder)
    files.write(kept, before)
    files.write(path, after)
    said = f"; {merged.kept} of your cells are kept as text" if merged.kept else ""
    yield f"{path.relative_to(folder)}: brought up to date{said}; as it was: {kept.relative_to(folder)}"


def _places(new: list[Version], here: Version) -> Mapping[str, str]:
    """For each exercise of the other lessons, by key, the lesson."""
    return {
        exercise: lesson.name
        for lesson in new
        if lesson.name != here.name
        for exercise in asked(lesson.notebook.cells)
    }


def _set_aside(path: Path, folder: Path, backup: Path, new: list[Version], why: str) -> str:
    """Move a notebook of a lesson's name that can't be read to the backups, so that a fresh one comes."""
    if path.name not in {lesson.name for lesson in new} or path.parent != folder:
        return f"{path.relative_to(folder)}: it can't be read and stays as it is"
    kept = backup / path.name
    kept.parent.mkdir(parents=True, exist_ok=True)
    path.rename(kept)
    return f"{path.name}: it can't be read ({why[:60]}); it is now {kept.relative_to(folder)}"


def _like(mine: NotebookNode, versions: list[Version]) -> Version | None:
    """The version from which a notebook was made: that of which most cells are in it as they were."""
    sources, ids = {squeezed(cell.source) for cell in mine.cells}, {cell.id for cell in mine.cells}

    def shared(version: Version) -> tuple[float, int]:
        cells = version.notebook.cells
        same = sum(squeezed(cell.source) in sources for cell in cells)
        return same / max(1, len(cells)), sum(cell.id in ids for cell in cells)

    best = max(reversed(versions), key=shared, default=None)  # of equals, the latest
    return best if best is not None and shared(best)[0] >= LIKE else None


def _lesson(base: Version | None, mine: NotebookNode, name: str, new: list[Version]) -> Version | None:
    """The delivered lesson that a notebook is a copy of, None if it is the student's own."""
    by_name = {lesson.name: lesson for lesson in new}
    if base is not None and base.name in by_name:
        return by_name[base.name]
    ids = {cell.id for cell in (base.notebook if base else mine).cells}
    best = max(new, key=lambda lesson: sum(cell.id in ids for cell in lesson.notebook.cells))
    shared = sum(cell.id in ids for cell in best.notebook.cells)
    if shared >= LIKE * len(best.notebook.cells):
        return best
    return by_name.get(name) if base is None and shared else None


def _notebooks(folder: Path) -> list[Path]:
    """The notebooks in a student's folder, in folders below it too, but not the backups."""
    found = [path for path in folder.rglob("*.ipynb") if path.is_file()]
    inside = {path: path.relative_to(folder).parts for path in found}
    return sorted(
        p for p in found if BACKUP not in inside[p] and not any(x.startswith(".") for x in inside[p])
    )


def _versions(store: Path) -> Iterator[Version]:
    """Every version that was delivered to this folder, the latest last; a damaged one is renamed."""
    for path in sorted(store.glob("*/*.ipynb"), key=lambda p: p.stat().st_mtime_ns):
        try:
            notebook = _read(path)
        except OSError:
            raise
        except Exception:  # whatever nbformat says of a damaged file
            path.replace(path.with_suffix(".damaged"))  # `_remember` writes it again, if it is a new one
        else:
            yield Version(path.parent.name, notebook)


def _remember(store: Path, new: list[Version]) -> None:
    """Keep the versions, without their outputs, which aren't needed to find out what the student changed."""
    for version in new:
        path = store / version.name / f"{version.digest}.ipynb"
        if not path.exists():
            bare = nbformat.from_dict(version.notebook)
            for cell in bare.cells:
                if cell.cell_type == "code":
                    cell.outputs, cell.execution_count = [], None
            files.write(path, nbformat.writes(bare).encode())


def _bring_files(folder: Path, lessons: Path) -> None:
    """The files beside the lessons, such as their licence; one that the student has changed stays."""
    for path in sorted(lessons.iterdir()):
        mine, given = folder / path.name, folder / HANDED / path.name
        if (
            not path.is_file()
            or path.suffix == ".ipynb"
            or "progress" in path.name
            or path.name.startswith(".")
        ):
            continue
        raw = path.read_bytes()
        known = given.read_bytes() if given.exists() else None
        if not mine.exists() or (mine.read_bytes() == known and known != raw):
            files.write(mine, raw)
        if known != raw:
            files.write(given, raw)


def _read(path: Path) -> NotebookNode:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ids that are missing or there twice: they are mended
        notebook = nbformat.read(path, as_version=4)
        notebook.nbformat_minor = max(5, notebook.nbformat_minor)  # from which on cells have ids
        _, notebook = nbformat.validator.normalize(notebook)
    return nbformat.from_dict(notebook)


def _free(path: Path) -> Path:
    """The path, or one with a number, at which there is nothing yet."""
    names = [path, *(path.with_name(f"{path.stem}-{k}{path.suffix}") for k in range(2, 10_000))]
    return next(name for name in names if not name.exists())
