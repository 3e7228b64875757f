"""What a class handed in: every progress file in a folder or a ZIP, and a word about every other file."""

import io
import os
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..progress.file import LARGEST, Entries, parse_entries, plain_bytes, united

Parts = tuple[str, ...]  # a path below the folder; an archive counts as a folder
Owner = tuple[Parts, str]  # a student's folder and "", or the student's name as a path and the file's own

NONE = "no progress file"
NESTED = 100_000_000  # bytes of a ZIP within a ZIP
DEEPEST, MOST = 3, 100_000  # ZIPs within each other; files in one
NEVER = {".ipynb", ".md", ".py", ".csv", ".html", ".pdf", ".docx", ".png", ".jpg", ".npz", ".pt"}
NEVER |= {".safetensors"}
PROGRESS = re.compile(r"progress(?![a-z])", re.I)
CONFLICT = re.compile(r"\s*\([^()]*(conflict|konflikt|conflit)[^()]*\)|\.sync-conflict-[^.]*", re.I)


class Handed(NamedTuple):
    """What one student handed in: the entries, the files that they are from, and what there is to remark."""

    student: str
    entries: Entries
    files: list[str]
    remark: str = ""


class Leaf(NamedTuple):
    """A file, and how to read it; `why` says why it can't be read."""

    parts: Parts
    read: Callable[[], bytes] | None
    why: str = ""


@dataclass
class Heap:
    """What was found so far: books and files by student, and the files and folders that hold none."""

    books: dict[Owner, list[Entries]] = field(default_factory=dict)
    files: dict[Owner, list[Parts]] = field(default_factory=dict)
    folders: dict[Parts, None] = field(default_factory=dict)
    without: dict[Parts, str] = field(default_factory=dict)  # files, and why they aren't read
    problems: list[str] = field(default_factory=list)


def collect(source: Path, problems: list[str]) -> list[Handed]:
    """Every student of a folder, of a ZIP, or of one file, in the order of the names.

    Links aren't followed, and nothing is unpacked to the disk.  `problems` gets a line for each file or
    folder that can't be read or holds no progress; a student whose file can't be read has no entries and a
    remark.
    OSError or ValueError if `source` itself can't be read.
    """
    heap = Heap()
    for leaf in found_in(source, heap):
        sort(leaf, heap)
    homes = {at for at, file in heap.books if not file}
    full = _above(file for files in heap.files.values() for file in files)
    empty = [
        f for f in heap.folders if f not in full and (f[:-1] in full or len(f) == 1) and not _in(homes, f)
    ]
    lost = [file for file in heap.without if _stands_for_a_student(file) and not _in(homes, file)]
    problems += heap.problems + _told(heap.without, empty, homes)
    found = {
        who: Handed("/".join(who[0]), united(*books), ["/".join(file) for file in heap.files[who]])
        for who, books in heap.books.items()
    }
    several = [each for each in found.values() if len(each.files) > 1]
    problems += [f"{each.student}: joined from {', '.join(each.files)}" for each in several]
    lost += [(*folder, "progress.json") for folder in empty if folder not in _above(lost)]
    for file in lost:
        who, why = owner(file), heap.without.get(file, NONE)
        found.setdefault(who, Handed("/".join(who[0]), {}, ["/".join(file)], why))
    return [found[who] for who in sorted(found)] if heap.books else []


def _above(files: Iterable[Parts]) -> set[Parts]:
    """All folders above some files."""
    return {file[:k] for file in files for k in range(1, len(file))}


def _in(homes: set[Parts], parts: Parts) -> bool:
    """Whether a file or folder lies in the folder of a student whose progress was read."""
    return any(_home(parts[:k]) in homes for k in range(1, len(parts)))


def found_in(source: Path, heap: Heap) -> Iterator[Leaf]:
    """Every file of a folder or ZIP.  The folders on the way are noted in the heap."""
    if source.is_dir():
        yield from _in_folder(source, (), heap)
    elif source.suffix.lower() == ".zip":
        yield from _in_zip(partial(open, source, "rb"), (), heap, 1)
    elif source.is_file():
        yield Leaf((source.name,), partial(plain_bytes, source))
    else:
        os.scandir(source)  # raises the system's own error


def _in_folder(folder: Path, parts: Parts, heap: Heap) -> Iterator[Leaf]:
    hidden = []
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        path, here = folder / entry.name, (*parts, entry.name)
        if entry.name.startswith("."):
            hidden.append(entry.name)
        elif entry.is_symlink():
            yield Leaf(here, None, "a link, not followed")
        elif entry.is_dir(follow_symlinks=False):
            heap.folders[here] = None
            try:
                yield from _in_folder(path, here, heap)
            except OSError as error:
                heap.problems.append(f"{'/'.join(here)}: {error.strerror}")
        elif path.suffix.lower() == ".zip":
            yield from _in_zip(partial(open, path, "rb"), here, heap, 1)
        else:
            yield Leaf(here, partial(plain_bytes, path))
    if hidden and not parts:
        heap.problems.append(f"hidden, not looked at: {_some(hidden)}")


def _in_zip(opened: Callable[[], io.IOBase], parts: Parts, heap: Heap, depth: int) -> Iterator[Leaf]:
    """The files in a ZIP.  Anything may be wrong with one: then it is a file that can't be read."""
    if parts:
        heap.folders[parts] = None
    try:
        with opened() as stream, zipfile.ZipFile(stream) as archive:
            for info in archive.infolist()[:MOST]:
                yield from _member(archive, info, parts, heap, depth)
            if len(archive.infolist()) > MOST:
                heap.problems.append(f"{'/'.join(parts)}: only the first {MOST:,} files are looked at")
    except Exception as error:
        if not parts:
            raise ValueError(f"this ZIP can't be read: {error}") from None
        heap.without[parts] = "this ZIP can't be read"


def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, parts: Parts, heap: Heap, depth: int
) -> Iterator[Leaf]:
    inner = tuple(p for p in re.split(r"[/\\]", info.filename) if p not in ("", ".", ".."))
    here = (*parts, *inner)
    if info.is_dir() or not inner or inner[0] == "__MACOSX" or inner[-1].startswith("."):
        return
    heap.folders.update({here[:k]: None for k in range(len(parts) + 1, len(here))})
    if inner[-1].lower().endswith(".zip") and depth < DEEPEST:
        yield from _in_zip(lambda: io.BytesIO(_bytes(archive, info, NESTED)), here, heap, depth + 1)
    else:
        yield Leaf(here, lambda: _bytes(archive, info, LARGEST))


def _bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """The bytes of a member, at most `most` + 1: what it claims about its size isn't believed."""
    with archive.open(info) as stream:
        return stream.read(most + 1)


def sort(leaf: Leaf, heap: Heap) -> None:
    """Put the entries of a progress file, or the reason why it is none, on the heap."""
    parts, why = leaf.parts, leaf.why
    if PurePosixPath(parts[-1]).suffix.lower() in NEVER:
        heap.without[parts] = NONE
        return
    try:
        if leaf.read is None:
            raise ValueError(why)
        entries, broken = parse_entries(leaf.read())
    except Exception as error:  # of a ZIP, any
        heap.without[parts] = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return
    if broken:
        heap.problems.append(f"{'/'.join(parts)}: {len(broken)} entries can't be read")
    heap.books.setdefault(owner(parts), []).append(entries)
    heap.files.setdefault(owner(parts), []).append(parts)


def owner(parts: Parts) -> Owner:
    """The student of a file: anna for anna.json, anna/progress.json, anna/my/progress-laptop.json, anna.zip.

    Files of one owner are joined: all in a student's folder, and a file with its synchronised copies.
    """
    name = CONFLICT.sub("", parts[-1])
    home = _home(parts[:-1])
    if home and PROGRESS.match(name):
        return home, ""
    return (*home, re.split(r"\.(?:json|zip)", name, flags=re.I)[0] or name), name


def _home(folder: Parts) -> Parts:
    """A student's folder, without the course's own folders in it, and as the learning platform named it."""
    while len(folder) > 1 and folder[-1] in ("my", "notebooks"):
        folder = folder[:-1]
    return tuple(
        re.sub(r"(_assignsubmission_file_?|\.zip)$", "", part, flags=re.I) or part for part in folder
    )


def _stands_for_a_student(file: Parts) -> bool:
    name = file[-1].lower()
    return ".json" in name or name.endswith(".zip") or bool(PROGRESS.match(name))


def _told(without: dict[Parts, str], empty: list[Parts], homes: set[Parts]) -> list[str]:
    """A line for each file that isn't read, each folder without progress, and students' other files."""
    inside: dict[Parts, list[str]] = {folder: [] for folder in empty}
    owned: Counter[str] = Counter()
    lines = []
    for file, why in without.items():
        top = next((file[:k] for k in range(1, len(file)) if file[:k] in inside), None)
        if top is not None and why == NONE:
            inside[top].append("/".join(file[len(top) :]))
        elif why == NONE and _in(homes, file):
            owned[PurePosixPath(file[-1]).suffix.lower()] += 1
        else:
            lines.append(f"{'/'.join(file)}: {why}")
    for folder, names in inside.items():
        if folder not in without:
            lines.append(f"{'/'.join(folder)}: {NONE}" + (f"; there is {_some(names)}" if names else ""))
    if owned:
        kinds = ", ".join(f"{n} {suffix}" for suffix, n in owned.most_common())
        lines.append(f"beside progress files that were read, not looked at: {kinds}")
    return lines


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
