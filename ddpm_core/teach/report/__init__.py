"""A report on a class: every answer in its progress files is checked again, and listed in two tables."""

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from queue import SimpleQueue
from typing import Any

from ... import files
from ..progress.file import NOT_ATTEMPTED, PASSED, Entry, local, say
from ..progress.version import version
from .handed_in import Handed, collect
from .rechecker import Rechecker
from .tables import OLDER, UNKNOWN, Row, cell, clean, distinct, summary, write_grades, write_rows

CUTS = 3  # failed or timed-out rechecks of one student after which the rest isn't tried
WORKERS, FEW = 2, 20
BANK = "ddpm_core.teach.exercises:bank"


def class_report(
    source: Path,
    out: Path,
    grades: Path | None = None,
    until: datetime | None = None,
    exercises: str = BANK,
) -> list[Row]:
    """Recheck a class's files, write rows and grades as CSV, and then print the summary and every problem.

    source: a folder, a ZIP or one file; grades: grades.csv beside `out` if None; until: the moment up to
    which passes count; exercises: where they are, as module:name.  OSError if something can't be read or
    written, ValueError if there are no files.
    """
    grades = grades or out.with_name("grades.csv")
    problems: list[str] = []
    class_ = by_name(collect(source, problems))
    if not class_:
        tell_all(problems)
        raise ValueError(f"no progress files in {source}")
    for table in (out, grades):
        files.try_write(table)
    bank = resolve_name(exercises)
    rows = [row for rows in checked(class_, bank, exercises, until) for row in rows]
    students = [handed.student for handed in class_]
    try:
        write_rows(out, rows)
        write_grades(grades, rows, students, bank)
    finally:
        for line in summary(rows, students, len(bank)).splitlines():
            say(line)
        tell_all(problems)
    say(clean(f"{len(rows)} lines in {out}, {len(students)} students in {grades}"))
    return rows


def tell_all(problems: Sequence[str]) -> None:
    """Print the problems, a line each."""
    for problem in problems:
        say(clean(f"problem: {problem}"))


def by_name(class_: Sequence[Handed]) -> list[Handed]:
    """The students, each with a name of its own."""
    shown: dict[str | int, Handed] = {}
    for handed in class_:
        name = distinct(handed.student, handed.files[0], shown)
        shown[cell(name)] = handed._replace(student=name)
    return list(shown.values())


def checked(
    class_: Sequence[Handed], bank: Mapping[str, Any], source: str, until: datetime | None
) -> list[list[Row]]:
    """The rows of each student, judged in WORKERS processes, or in one for a few students."""
    workers = WORKERS if len(class_) > FEW else 1
    with Rechecker(source) as one, Rechecker(source) as other, ThreadPoolExecutor(workers) as pool:
        free: SimpleQueue[Rechecker] = SimpleQueue()
        for rechecker in (one, other):
            free.put(rechecker)
        return list(pool.map(partial(_rows, bank=bank, free=free, until=until), class_))


def _rows(
    handed: Handed, bank: Mapping[str, Any], free: "SimpleQueue[Rechecker]", until: datetime | None
) -> list[Row]:
    rechecker = free.get()
    try:
        rows = list(recheck(handed.student, handed.entries, bank, rechecker, until))
    finally:
        free.put(rechecker)
    return rows or [Row(handed.student, "", "", "", 0, remark=handed.remark or "no answers")]


def recheck(
    student: str,
    entries: Mapping[str, Entry],
    bank: Mapping[str, Any],
    rechecker: Rechecker,
    until: datetime | None = None,
) -> Iterator[Row]:
    """The rows of one student, in the order of the course, with unknown exercises last."""
    cuts = 0
    order = {name: k for k, name in enumerate(bank)}
    for name in sorted(entries, key=lambda n: (order.get(n, len(order)), n)):
        entry = entries[name]
        if entry.outcome == NOT_ATTEMPTED:
            continue
        found, remark = "", ""
        if name not in bank:
            remark = UNKNOWN
        elif entry.data is None:
            remark = "no answer in the file"
        elif cuts >= CUTS:
            remark = f"not rechecked: {CUTS} rechecks of this student were cut already"
        else:
            found, remark = rechecker(name, entry.data)
            if entry.outcome == PASSED != found:  # once more: the machine may have been busy
                found, remark = rechecker(name, entry.data)
            cuts += not found
        yield row(student, name, entry, bank.get(name), found, remark, until)


def row(
    student: str, name: str, entry: Entry, exercise: Any, found: str, remark: str, until: datetime | None
) -> Row:
    """The row of one answer: whether it counts, and what is remarked."""
    remarks = [remark] if remark else []
    if found and exercise.kind == "prose":
        remarks.append("marked by the student")
    if entry.outcome == PASSED != found and exercise is not None and older(entry, exercise):
        remarks.append(OLDER)
    late = until is not None and not in_time(entry, until)
    if late:
        remarks.append("after the date")
    counted = int(found == PASSED and not late)
    passed, kept = local(entry.passed), entry.version or ""
    return Row(student, name, entry.outcome, found, entry.attempts, passed, kept, counted, "; ".join(remarks))


def older(entry: Entry, exercise: Any) -> bool:
    """Whether an answer was judged by another version of the exercise than the present one.

    Files of the first schema name no version; there a function with other than the present cases shows it.
    """
    if entry.version is not None:
        return entry.version != version(exercise)
    outputs = entry.data.get("outputs") if isinstance(entry.data, dict) else None
    cases = getattr(exercise, "cases", None)
    return isinstance(outputs, list) and cases is not None and len(outputs) != len(cases)


def in_time(entry: Entry, until: datetime) -> bool:
    """Whether an answer was given up to a moment; not, if its time can't be read."""
    try:
        return datetime.fromisoformat(entry.passed or entry.when or "").astimezone() <= until
    except (ValueError, OverflowError, OSError):
        return False


def moment(text: str) -> datetime:
    """The moment that a teacher means: the end of the day for a date, in the time zone of this machine.

    ValueError if it is no date or time.
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"--until takes a date such as 2026-12-01 or 2026-12-01 18:00, got {text!r}"
        ) from None
    day = timedelta(days=1, microseconds=-1) if re.fullmatch(r"[\d-]+", text) else timedelta()
    return (when + day).astimezone()
