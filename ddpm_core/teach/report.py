"""A report on a class: every answer in its progress files is checked again, and listed in a table."""

import csv
import io
import json
import multiprocessing
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, count
from multiprocessing.connection import Connection
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

from .. import files
from .progress.file import NOT_YET, PASSED, Entry, parse_entries, plain_bytes, say

LIMIT = 1.0  # seconds; timeout of one recheck
CUTS = 3  # failed or timed-out rechecks of one student after which the rest isn't tried
BANK = "ddpm_core.teach.exercises:bank"


class Row(NamedTuple):
    """One line of the report; if there was no recheck, `rechecked` is "" and `remark` says why."""

    student: str
    exercise: str
    claimed: str
    rechecked: str
    attempts: int
    remark: str = ""

    @property
    def unconfirmed(self) -> bool:
        """Whether a pass is claimed that the recheck doesn't confirm."""
        return self.claimed == PASSED and self.rechecked != PASSED


def class_report(folder: Path, out: Path, source: str = BANK) -> list[Row]:
    """Recheck a class's files, write the rows as CSV to `out`, and print the summary and every problem.

    source: where the exercises are, as module:name.  OSError if the folder can't be read or `out` can't be
    written, ValueError if there are no progress files.
    """
    problems: list[str] = []
    books: dict[str, dict[str, Entry]] = {}
    shown: set[str] = set()
    for student, entries, name in collect(folder, problems):
        student = distinct(student, name, shown)
        shown.add(cell(student))
        books[student] = entries
    if not books:
        tell_all(problems)
        raise ValueError(f"no progress files in {folder}")
    files.try_write(out)
    bank = resolve_name(source)
    rows: list[Row] = []
    with Rechecker(source) as rechecker:
        for student, entries in books.items():
            rows += recheck(student, entries, bank, rechecker)
    for line in summary(rows, list(books), len(bank)).splitlines():
        say(line)
    tell_all(problems)
    write_table(out, rows)
    say(clean(f"{len(rows)} lines in {out}"))
    return rows


def tell_all(problems: Sequence[str]) -> None:
    """Print the problems, a line each."""
    for problem in problems:
        say(clean(f"problem: {problem}"))


def distinct(student: str, file: str, shown: Collection[str]) -> str:
    """A name for the student that differs from all in `shown`, also after `cell` has cleaned it."""
    names = chain((student, f"{student} ({file})"), (f"{student[:150]} ({k})" for k in count(2)))
    return next(name for name in names if cell(name) not in shown)


def collect(folder: Path, problems: list[str]) -> Iterator[tuple[str, dict[str, Entry], str]]:
    """(student, entries, file) of every progress file in the folder and its direct subfolders.

    Links aren't followed.  For each file or folder that can't be read, a line is added to `problems`.
    """
    for path in _files(folder, problems):
        name = path.relative_to(folder).as_posix()
        try:
            entries, broken = parse_entries(plain_bytes(path))
        except (OSError, ValueError) as error:
            problems.append(f"{name}: {getattr(error, 'strerror', None) or error}")
            continue
        if broken:
            problems.append(f"{name}: {len(broken)} entries can't be read")
        yield _student(path.relative_to(folder)), entries, name


def _files(folder: Path, problems: list[str], deeper: bool = True) -> Iterator[Path]:
    entries = sorted((e for e in os.scandir(folder) if not e.name.startswith(".")), key=lambda e: e.name)
    for entry in entries:
        path = folder / entry.name
        is_json = entry.name.lower().endswith(".json")
        if entry.is_symlink():
            if is_json or deeper:
                problems.append(f"{path}: a link, not followed")
        elif entry.is_dir(follow_symlinks=False):
            if deeper:
                told = len(problems)
                try:
                    found = list(_files(path, problems, deeper=False))
                except OSError as error:
                    problems.append(f"{path}: {error.strerror}")
                    continue
                if not found and len(problems) == told:
                    problems.append(f"{path}: no progress file (further down none is looked for)")
                yield from found
        elif is_json:
            yield path


def _student(path: Path) -> str:
    """The student of a file: "anna" for anna.json and anna/progress.json, else "anna/second"."""
    stem = path.with_suffix("")
    return str(stem.parent if stem.name == "progress" and len(stem.parts) > 1 else stem.as_posix())


def recheck(
    student: str, entries: Mapping[str, Entry], bank: Mapping[str, Any], rechecker: "Rechecker"
) -> Iterator[Row]:
    """The rows of one student, in the order of the course, with unknown exercises last."""
    cuts = 0
    order = {name: k for k, name in enumerate(bank)}
    for name in sorted(entries, key=lambda n: (order.get(n, len(order)), n)):
        entry = entries[name]
        found, remark = "", ""
        if name not in bank:
            remark = "unknown exercise"
        elif entry.data is None:
            remark = "no answer in the file"
        elif cuts >= CUTS:
            remark = f"not rechecked: {CUTS} rechecks of this student were cut already"
        else:
            found, remark = rechecker(name, entry.data)
            if entry.outcome == PASSED != found:  # once more: the machine may have been busy
                found, remark = rechecker(name, entry.data)
            cuts += not found
            if found and bank[name].kind == "prose":
                remark = "marked by the student"
        yield Row(student, name, entry.outcome, found, entry.attempts, remark)


class Rechecker:
    """Checks answers in a process of its own, which is killed when one takes longer than LIMIT.

    A context manager: the process ends with it.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.context = multiprocessing.get_context("spawn")
        self.process: Any = None
        self.pipe: Connection | None = None

    def __enter__(self) -> "Rechecker":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def __call__(self, name: str, data: object) -> tuple[str, str]:
        """(outcome, "") of the recheck of one answer, or ("", why there is none)."""
        pipe = self.pipe or self.start()
        try:
            tell(pipe, [name, data])
            if pipe.poll(LIMIT):
                outcome, why = hear(pipe)
                return str(outcome), str(why)
            why = f"recheck cut after {LIMIT:g} s"
        except (EOFError, OSError, ValueError):
            why = "recheck ended its process"
        self.end()
        return "", why

    def start(self) -> Connection:
        """Start a process and wait until it is ready.  OSError if it doesn't start."""
        self.pipe, theirs = self.context.Pipe()
        self.process = self.context.Process(target=serve, args=(theirs, self.source), daemon=True)
        self.process.start()
        theirs.close()
        try:
            ready = self.pipe.poll(120) and hear(self.pipe) == "ready"
        except EOFError:
            ready = False
        if not ready:
            self.end()
            raise OSError("the process that rechecks does not start")
        return self.pipe

    def end(self) -> None:
        """End the process, if there is one."""
        if self.pipe is not None:
            self.pipe.close()
            self.process.kill()
            self.process.join()
        self.pipe = None


def serve(pipe: Connection, source: str) -> None:
    """The other process: check what comes through the pipe until it is closed."""
    bank = resolve_name(source)
    tell(pipe, "ready")
    while True:
        try:
            name, data = hear(pipe)
        except (EOFError, OSError):
            return
        try:
            tell(pipe, [bank[name].recheck(data).outcome.name, ""])
        except Exception as error:  # `recheck` doesn't raise; if it does, the report goes on
            tell(pipe, ["", f"recheck failed: {type(error).__name__}"])


def tell(pipe: Connection, what: object) -> None:
    """Send as JSON, not as pickle: an answer that takes over the other process can't take over this one."""
    pipe.send_bytes(json.dumps(what).encode())


def hear(pipe: Connection) -> Any:
    """Receive what `tell` sent."""
    return json.loads(pipe.recv_bytes())


def write_table(out: Path, rows: Sequence[Row]) -> None:
    """Write the rows as CSV in which a spreadsheet evaluates no cell as a formula."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(Row._fields)
    table.writerows([[cell(value) for value in row] for row in rows])
    files.write(out, text.getvalue().encode("utf-8-sig"))  # Excel needs the byte order mark to read é


def cell(value: object) -> str:
    """A value as the text of a cell, with ' before what a spreadsheet would evaluate as a formula."""
    text = re.sub(r"[;\t|]", " ", clean(str(value)))
    return f"'{text}" if text.lstrip()[:1] in tuple("=+-@＝＋－＠") else text


def clean(text: str, most: int = 200) -> str:
    """One line of at most `most` characters, without control characters that a terminal would obey."""
    line = "".join(c if c.isprintable() else "�" for c in text)
    return line if len(line) <= most else line[: most - 1] + "…"


def summary(rows: Sequence[Row], students: Sequence[str], total: int) -> str:
    """The class as a table: how many exercises each student passes on recheck, and unconfirmed claims."""
    width = max([7, *(min(len(clean(s)), 40) for s in students)])
    lines = [f"{'student':{width}}   passed"]
    for student in students:
        own = [row for row in rows if row.student == student]
        passed = sum(row.rechecked == PASSED for row in own)
        flags = []
        for why, names in _flags(own):
            flags.append(f"{why}: {', '.join(map(clean, names[:8]))}{', …' if len(names) > 8 else ''}")
        lines.append(f"{clean(student, 40):{width}}   {passed:3d} of {total}   {'; '.join(flags)}".rstrip())
    return "\n".join(lines)


def _flags(rows: Sequence[Row]) -> Iterator[tuple[str, list[str]]]:
    known = [row for row in rows if row.remark != "unknown exercise"]
    groups = {
        "! claimed, not confirmed": [row.exercise for row in known if row.unconfirmed],
        "passes, though not claimed": [
            r.exercise for r in known if (r.claimed, r.rechecked) == (NOT_YET, PASSED)
        ],
        "unknown": [row.exercise for row in rows if row.remark == "unknown exercise"],
    }
    return ((why, names) for why, names in groups.items() if names)
