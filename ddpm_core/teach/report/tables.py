"""The report's rows, and the two tables made of them, as text that a spreadsheet and pandas read as it is."""

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

from ... import files
from ..progress.file import NOT_YET, PASSED

OLDER = "answered under an older version"
UNKNOWN = "unknown exercise"
# Text that pandas or a spreadsheet would take for a number, a date, a truth value or nothing.
MONTHS = "jan feb mar apr may jun jul aug sep sept oct nov dec january february march april june july august"
MONTHS += " september october november december"
MONTH = f"({'|'.join(MONTHS.split())})"
NO_TEXT = re.compile(
    rf"[\W\d_]+|[\d.,]*e[\d+-]*|0x[\da-f]+|<?#?n/?a>?|nan|null|none|true|false|inf(inity)?|1\.#(ind|qnan)"
    rf"|\d+[-/. ]?{MONTH}[-/. ]?\d*|{MONTH}[-/. ]?\d+|[\d: ]+[ap]m",
    re.I,
)


class Row(NamedTuple):
    """One line of the report; if there was no recheck, `rechecked` is "" and `remark` says why.

    passed: when, in the time zone of this machine; version: of the exercise that was answered; counted: 1 if
    it counts as passed in the grades, else 0.
    """

    student: str
    exercise: str
    claimed: str
    rechecked: str
    attempts: int
    passed: str = ""
    version: str = ""
    counted: int = 0
    remark: str = ""

    @property
    def unconfirmed(self) -> bool:
        """Whether a pass is claimed that the recheck doesn't confirm, though the exercise is as it was."""
        return self.claimed == PASSED and self.rechecked != PASSED and OLDER not in self.remark


def write_rows(out: Path, rows: Iterable[Row]) -> None:
    """Write the rows as CSV: one for each student and exercise."""
    write_csv(out, [list(Row._fields), *map(list, rows)])


def write_grades(out: Path, rows: Sequence[Row], students: Sequence[str], names: Iterable[str]) -> None:
    """Write the grades as CSV: a row for each student, a column for each lesson, and the total.

    names: of all exercises.  A grade is the number of the lesson's exercises that count as passed.
    """
    lessons: dict[str, int] = {}
    for name in names:
        lessons[lesson_of(name)] = lessons.get(lesson_of(name), 0) + 1
    grades = {student: dict.fromkeys(lessons, 0) for student in students}
    for row in rows:
        if row.counted:
            grades[row.student][lesson_of(row.exercise)] += 1
    head = [f"lesson {number} (of {most})" for number, most in lessons.items()]
    body = [[student, *own.values(), sum(own.values())] for student, own in grades.items()]
    write_csv(out, [["student", *head, f"total (of {sum(lessons.values())})"], *body])


def lesson_of(name: str) -> str:
    """The lesson of an exercise: "02" for "02.4"."""
    return name.rpartition(".")[0]


def write_csv(out: Path, table: Iterable[Iterable[object]]) -> None:
    """Write a table as CSV in which nothing is a formula and no text is taken for a number or for nothing."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([[cell(value) for value in row] for row in table])
    files.write(out, text.getvalue().encode("utf-8-sig"))  # Excel needs the byte order mark to read é


def cell(value: object) -> str | int:
    """A value as a cell: a number stays one; ' comes before a formula, "id " before text that isn't kept."""
    if isinstance(value, int):
        return value
    text = re.sub(r"[;\t|]", " ", clean(str(value)))
    if text.lstrip()[:1] in tuple("=+-@＝＋－＠"):
        return f"'{text}"
    return f"id {text}" if text and not TIME.fullmatch(text) and NO_TEXT.fullmatch(text.strip()) else text


TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")  # it may well be read as a time


def clean(text: str, most: int = 200) -> str:
    """One line of at most `most` characters, without control characters that a terminal would obey."""
    line = "".join(c if c.isprintable() else "�" for c in text)
    return line if len(line) <= most else line[: most - 1] + "…"


def distinct(student: str, file: str, shown: Collection[str | int]) -> str:
    """A name for the student that differs from all in `shown`, also after `cell` has cleaned it."""
    names = chain((student, f"{student} ({file})"), (f"{student[:150]} ({k})" for k in count(2)))
    return next(name for name in names if cell(name) not in shown)


def summary(rows: Sequence[Row], students: Sequence[str], total: int) -> str:
    """The class as a table: how many exercises count for each student, and what there is to look at."""
    width = max([7, *(min(len(clean(s)), 40) for s in students)])
    own: dict[str, list[Row]] = {student: [] for student in students}
    for row in rows:
        own[row.student].append(row)
    lines = [f"{'student':{width}}   passed"]
    for student in students:
        passed = sum(row.counted for row in own[student])
        flags = []
        for why, names in _flags(own[student]):
            flags.append(
                f"{why}: {', '.join(map(clean, names[:8]))}{', …' if len(names) > 8 else ''}".strip(": ")
            )
        lines.append(f"{clean(student, 40):{width}}   {passed:3d} of {total}   {'; '.join(flags)}".rstrip())
    return "\n".join(lines)


def _flags(rows: Sequence[Row]) -> Iterator[tuple[str, list[str]]]:
    known = [row for row in rows if row.remark != UNKNOWN]
    groups = {
        "! claimed, not confirmed": [row.exercise for row in known if row.unconfirmed],
        f"{OLDER}, to be checked again": [row.exercise for row in known if OLDER in row.remark],
        "passes, though not claimed": [
            r.exercise for r in known if (r.claimed, r.rechecked) == (NOT_YET, PASSED)
        ],
        "unknown": [row.exercise for row in rows if row.remark == UNKNOWN],
    }
    alone = [(row.remark, [""]) for row in rows if not row.exercise]
    return chain(((why, names) for why, names in groups.items() if names), alone)
