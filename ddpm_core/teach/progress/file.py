"""What a student has done: one small file of theirs, and the map of the course drawn from it.

The file is `progress.json` in the folder the notebooks run in, or where DDPM_PROGRESS says.  It changes only
under a lock, after being read again, and all at once, so two open notebooks lose nothing.  Nothing in here
raises because of the file: where it can't be kept, one line says so and the lesson goes on.
"""

import contextlib
import html
import json
import os
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from ..text.markup import inline, plain

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

SCHEMA = 1
LARGEST = 5_000_000  # bytes of a file that is read
LONGEST = 100_000  # characters of one answer, as JSON
FULL = LARGEST - 100_000  # bytes that answers may fill; the rest is for outcomes
DEEPEST = 32  # brackets in brackets
PATIENCE = 0.8  # seconds to wait for a lock behind which nothing happens
CROWD = 5.0  # seconds to wait while others write

PASSED, NOT_YET, NOT_ATTEMPTED = OUTCOMES = ("PASSED", "NOT_YET", "NOT_ATTEMPTED")
SYMBOLS = {PASSED: "✓", NOT_YET: "◐", NOT_ATTEMPTED: "○"}
WORDS = {PASSED: "passed", NOT_YET: "not yet", NOT_ATTEMPTED: "not tried"}

LESSONS = {
    "00": "Start here",
    "01": "From the VAE to the DDPM",
    "02": "The forward process",
    "03": "The ELBO",
    "04": "Predicting the noise",
    "05": "Sampling",
    "06": "Information and compression",
    "07": "Conditions and scores",
    "A": "Errata",
}


class Entry(NamedTuple):
    """One exercise: its outcome, the tries up to the first pass, when that was (UTC), the answer's data.

    Once passed, the data are those of the last answer that passed; before, of the last answer.
    """

    outcome: str = NOT_ATTEMPTED
    attempts: int = 0
    passed: str | None = None
    data: Any = None


Entries = dict[str, Entry]


class Newer(ValueError):
    """The file was written by a later version of the course: not damaged, only not ours to change."""


def parse(raw: bytes) -> tuple[Entries, list[str]]:
    """The sound entries in a file's bytes, and the names of the others.

    ValueError if it is no progress file at all, Newer if it is one of a later version.  Safe on any bytes.
    """
    if len(raw) > LARGEST:
        raise ValueError(f"more than {LARGEST:,} bytes")
    try:
        book = json.loads(raw.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("brackets nested too deep") from None
    except ValueError:
        raise ValueError("no JSON") from None
    if not isinstance(book, dict) or not isinstance(exercises := book.get("exercises"), dict):
        raise ValueError("JSON, but no progress of this course")
    schema = book.get("schema")
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < 1:
        raise ValueError("JSON, but no progress of this course")
    if schema > SCHEMA:
        raise Newer("written by a later version of the course")
    entries, broken = {}, []
    for name, value in exercises.items():
        entry = _entry(value)
        if entry is None or len(name) > 40 or not fits(name):
            broken.append(name)
        else:
            entries[name] = entry
    return entries, broken


def _entry(value: object) -> Entry | None:
    """The entry a JSON value stands for, or None if it stands for none."""
    if not isinstance(value, dict) or set(value) != set(Entry._fields):
        return None
    outcome, attempts, passed = value["outcome"], value["attempts"], value["passed"]
    sound = (
        outcome in (PASSED, NOT_YET)
        and isinstance(attempts, int)
        and not isinstance(attempts, bool)
        and 1 <= attempts < 10**9
        and (isinstance(passed, str) if outcome == PASSED else passed is None)
        and len(passed or "") <= 40
        and fits(value["data"])
    )
    return Entry(outcome, attempts, passed, value["data"]) if sound else None


def fits(data: object) -> bool:
    """Whether `data` can be kept: plain JSON, not too long, not too deep."""
    try:
        text = json.dumps(data, allow_nan=False, ensure_ascii=False)
        text.encode("utf-8")  # a lone surrogate can't be written
    except (TypeError, ValueError, RecursionError):
        return False
    return len(text) <= LONGEST and _depth(data) <= DEEPEST


def _depth(data: object) -> int:
    """How many lists and dicts lie in one another."""
    level, deep = [data], 0
    while any(isinstance(outer, (list, tuple, dict)) for outer in level):
        deep += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, (list, tuple, dict))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return deep


def _text(entries: Entries) -> str:
    exercises = {name: entries[name]._asdict() for name in sorted(entries)}
    return json.dumps({"schema": SCHEMA, "exercises": exercises}, indent=1, ensure_ascii=False) + "\n"


class Note(NamedTuple):
    """One check, as it came."""

    exercise: str
    outcome: str
    data: Any
    when: str


_said: set[str] = set()
_unkept: dict[Path, list[Note]] = {}  # what this session couldn't write yet, for each file
_held: set[Path] = set()  # files whose lock wasn't to be had the last time


def path() -> Path:
    """Where the progress is kept: DDPM_PROGRESS, or progress.json in the current folder."""
    name = os.environ.get("DDPM_PROGRESS") or "progress.json"
    try:
        return Path(os.path.realpath(name))
    except OSError:  # the current folder is gone
        return Path(name)


def load() -> Entries:
    """All entries there are; {} where there are none.  Never raises; a damaged file is set aside."""
    file, damaged = path(), False
    try:
        entries, broken = _read(file)
        damaged = bool(broken)
    except Newer as error:
        _say(f"{file.name} was {error}: it is left alone, and progress isn't kept.")
        return _noted({}, _unkept.get(file, []))
    except ValueError:
        entries, damaged = {}, True
    except OSError as error:
        _say(f"{file.name} can't be read ({_why(error)}): progress isn't kept.")
        return _noted({}, _unkept.get(file, []))
    kept = _keep(file, []) if damaged or _unkept.get(file) else None
    return _noted(entries, _unkept.get(file, [])) if kept is None else kept


def note(exercise: str, outcome: str, data: object = None) -> None:
    """Keep the outcome of a check.  Nothing is written for NOT_ATTEMPTED or for the same answer again.

    ValueError if `outcome` is none of PASSED, NOT_YET, NOT_ATTEMPTED; nothing else is raised.
    """
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome must be one of {', '.join(OUTCOMES)}, got {outcome!r}")
    if outcome == NOT_ATTEMPTED:
        return
    when = datetime.now(UTC).isoformat(timespec="seconds")
    _keep(path(), [Note(exercise, outcome, _bounded(exercise, data), when)])


def _keep(file: Path, notes: list[Note]) -> Entries | None:
    """Write the notes, and before them those that couldn't be written yet: all entries there are then.

    None, and a line, if they can't be written now either; they wait for the next time.
    """
    notes = [*_unkept.get(file, []), *notes]
    try:
        with _locked(file):
            before = _sound(file)
            after = _noted(before, notes)
            if after != before:
                after = _trimmed(file, after, [name for name in after if after[name] != before.get(name)])
                _write(file, after)
    except OSError as error:
        _say(
            f"Progress isn't kept: {file.name} can't be written ({_why(error)}). "
            "The course goes on without; DDPM_PROGRESS may name another file."
        )
        _unkept[file] = notes
        return None
    _unkept.pop(file, None)
    return after


def _noted(entries: Entries, notes: list[Note]) -> Entries:
    """The entries after these checks."""
    for each in notes:
        entries = entries | {each.exercise: _after(entries.get(each.exercise, Entry()), each)}
    return entries


def _after(before: Entry, new: Note) -> Entry:
    """The entry after one more check.  What was passed stays passed, and its tries are counted no further."""
    if before.outcome == PASSED:
        return before._replace(data=new.data) if new.outcome == PASSED else before
    if (new.outcome, new.data) == (before.outcome, before.data) and new.data is not None:
        return before
    when = new.when if new.outcome == PASSED else None
    return Entry(new.outcome, before.attempts + 1, when, new.data)


def _trimmed(file: Path, entries: Entries, new: list[str]) -> Entries:
    """The entries that the file has room for: without new answers, then without the longest old ones."""
    size = len(_text(entries).encode())
    if size <= FULL:
        return entries
    longest = sorted(entries, key=lambda name: -len(json.dumps(entries[name].data)))
    for name, most in [*((name, FULL) for name in new), *((name, LARGEST) for name in longest)]:
        if size > most:
            _say(f"{file.name} is full: the answer to {name} isn't kept; that it was checked is kept.")
            full, bare = {name: entries[name]}, {name: entries[name]._replace(data=None)}
            size -= len(_text(full).encode()) - len(_text(bare).encode())
            entries = entries | bare
    return entries


def _bounded(exercise: str, data: object) -> Any:
    """`data` as JSON would give it back, or None if it can't be kept."""
    if not fits(data):
        _say(f"The answer to {exercise} is too long to keep; that it was checked is kept.")
        return None
    return json.loads(json.dumps(data))


def _read(file: Path) -> tuple[Entries, list[str]]:
    """`parse` of a file; nothing if there is none.  Never waits on a pipe or reads without end."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise OSError("it is no plain file")
        with open(file, "rb") as stream:
            return parse(stream.read(LARGEST + 1))
    except FileNotFoundError:
        return {}, []


def _sound(file: Path) -> Entries:
    """The entries of the file, under the lock.  A damaged file is set aside, and what is sound in it kept."""
    try:
        entries, broken = _read(file)
    except Newer as error:
        raise OSError(str(error)) from None
    except ValueError as error:
        entries, broken, why = {}, ["all"], str(error)
    else:
        why = f"{len(broken)} of its entries can't be read"
    if not broken:
        return entries
    aside, damage = _aside(file), f"{file.name} is damaged ({why})."
    try:
        _write(file, _trimmed(file, entries, []), aside)
    except OSError:
        _say(f"{damage} It can't be mended now; entries that can be read: {len(entries)}.")
        raise
    _say(f"{damage} It is now {aside.name}; entries kept: {len(entries)}.")
    return entries


def _aside(file: Path) -> Path:
    """The first free name for a damaged file: .damaged, .damaged-2, ..."""
    names = (file.with_name(f"{file.name}.damaged{f'-{k}' if k > 1 else ''}") for k in range(1, 10_000))
    return next(name for name in names if not os.path.lexists(name))


def _write(file: Path, entries: Entries, aside: Path | None = None) -> None:
    """Replace the file at once, with the mode that it has; what it was is renamed to `aside`, if given."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with open(part, "w", encoding="utf-8", newline="\n") as stream:
            if os.name == "posix" and file.exists():
                part.chmod(stat.S_IMODE(file.stat().st_mode))
            stream.write(_text(entries))
            stream.flush()
            os.fsync(stream.fileno())
        if aside is not None:
            file.rename(aside)
        part.replace(file)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold the lock beside `file`.  OSError if the folder can't be written to or the wait is too long.

    The system gives the lock back when its holder dies, so none is ever stale; the empty file stays.  After
    one wait in vain there are none, until the lock is to be had again.
    """
    with open(file.parent / f".{file.name}.lock", "ab") as lock:
        if not _try_lock(lock.fileno()) and (file in _held or not _queue(lock.fileno(), file)):
            _held.add(file)
            raise OSError("another notebook doesn't let go of it")
        _held.discard(file)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True  # a file system without locks: better one notebook's progress than none
    return True


def _queue(descriptor: int, file: Path) -> bool:
    """Whether the lock came.  The wait is PATIENCE, begun again while others write, but never over CROWD."""
    end = time.monotonic() + CROWD
    seen, until = _stamp(file), time.monotonic() + PATIENCE
    while not _try_lock(descriptor):
        if (now := _stamp(file)) != seen:
            seen, until = now, time.monotonic() + PATIENCE
        if time.monotonic() > (end if _writing(file) else min(until, end)):
            return False
        time.sleep(0.005)
    return True


def _writing(file: Path) -> bool:
    """Whether somebody is in the middle of writing the file, on a slow disk perhaps."""
    return any(x.startswith(f".{file.name}.") and x.endswith(".part") for x in os.listdir(file.parent))


def _stamp(file: Path) -> tuple[int, int] | None:
    """What tells one writing of the file from the next."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _say(line: str) -> None:
    """Print a line, once a session."""
    if line not in _said:
        _said.add(line)
        show(line)


def show(line: str) -> None:
    """Print a line, with ? for what the console has no letter for."""
    letters = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(line.encode(letters, "replace").decode(letters))


class Lesson(NamedTuple):
    """A lesson on the map: its notebook's name if it is there, and (id, title, outcome) of each exercise."""

    number: str
    title: str
    notebook: str | None
    exercises: list[tuple[str, str, str]]

    @property
    def done(self) -> int:
        """How many of its exercises are passed."""
        return sum(outcome == PASSED for _, _, outcome in self.exercises)

    @property
    def tally(self) -> str:
        """`2 of 5`, or that there is nothing to do, or nothing yet."""
        if self.exercises:
            return f"{self.done} of {len(self.exercises)}"
        return "coming" if self.notebook is None else "no exercises"


class CourseMap:
    """Every lesson with its exercises and what is done: as HTML, and as text where that doesn't show."""

    def __init__(self, lessons: list[Lesson]) -> None:
        self.lessons = lessons
        self.done = sum(lesson.done for lesson in lessons)
        self.total = sum(len(lesson.exercises) for lesson in lessons)

    def __repr__(self) -> str:
        legend = "   ".join(f"{SYMBOLS[o]} {WORDS[o]}" for o in OUTCOMES)
        lines = [f"{self.done} of {self.total} exercises passed   ({legend})"]
        for lesson in self.lessons:
            where = lesson.notebook or ""
            lines.append(f"{lesson.number:>2}  {lesson.title:28s}  {lesson.tally:12s}  {where}".rstrip())
            lines += [f"      {SYMBOLS[o]} {name}  {plain(title)}" for name, title, o in lesson.exercises]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        legend = "".join(f"<span>{_mark(o)} {WORDS[o]}</span>" for o in OUTCOMES)
        lessons = "".join(map(_lesson_html, self.lessons))
        return (
            f"<style>{_STYLE}</style><section class='ddpm-map' aria-label='Map of the course'>"
            f"<header><b>{self.done} of {self.total}</b> exercises passed"
            f"<span class='legend'>{legend}</span></header><ol>{lessons}</ol></section>"
        )


def course_map() -> CourseMap:
    """The map of the course with the progress there is; links lead to notebooks in the current folder."""
    from ..bank import bank

    titles = {name: exercise.title for name, exercise in bank.items()}
    return CourseMap(survey(titles, load(), [file.name for file in Path().glob("*_*.ipynb")]))


def survey(titles: Mapping[str, str], entries: Entries, notebooks: list[str]) -> list[Lesson]:
    """The lessons in order: exercises by id, each with its outcome, and the notebook whose name fits."""
    numbers = [*LESSONS, *sorted({_lesson(name) for name in titles} - set(LESSONS))]
    return [
        Lesson(
            number,
            LESSONS.get(number, f"Lesson {number}"),
            min((n for n in notebooks if n.startswith(f"{number}_")), key=len, default=None),
            [
                (name, titles[name], entries.get(name, Entry()).outcome)
                for name in sorted(titles, key=_order)
                if _lesson(name) == number
            ],
        )
        for number in numbers
    ]


def _lesson(name: str) -> str:
    return name.rpartition(".")[0]


def _order(name: str) -> tuple[str, int, str]:
    lesson, _, number = name.rpartition(".")
    return lesson, int(number) if number.isdecimal() else 0, number


def _mark(outcome: str) -> str:
    return f"<i class='{outcome.lower()}' aria-hidden='true'>{SYMBOLS[outcome]}</i>"


def _lesson_html(lesson: Lesson) -> str:
    title = html.escape(lesson.title)
    if lesson.notebook is not None:
        title = f"<a href='{quote(lesson.notebook)}'>{title}</a>"
    parts = "".join(f"<u class='{outcome.lower()}'></u>" for _, _, outcome in lesson.exercises)
    exercises = "".join(
        f"<li>{_mark(outcome)}<span class='id'>{html.escape(name)}</span>"
        f"<span>{inline(text, html.escape)}<span class='aloud'>, {WORDS[outcome]}</span></span></li>"
        for name, text, outcome in lesson.exercises
    )
    return (
        f"<li class='{'here' if lesson.notebook else 'coming'}'>"
        f"<div class='line'><span class='number'>{html.escape(lesson.number)}</span>"
        f"<span class='title'>{title}</span><span class='bar' aria-hidden='true'>{parts}</span>"
        f"<span class='count'>{lesson.tally}</span></div>"
        + (f"<ul>{exercises}</ul>" if exercises else "")
        + "</li>"
    )


_STYLE = """
.ddpm-map { max-width: 46rem; font: var(--jp-ui-font-size1, 13px)/1.5 var(--jp-ui-font-family, sans-serif);
  color: var(--jp-ui-font-color1, inherit); }
.ddpm-map header { display: flex; flex-wrap: wrap; gap: .2em .5em; padding: .2em 0 .7em; }
.ddpm-map header b { font-variant-numeric: tabular-nums; }
.ddpm-map .legend { display: flex; gap: 1.1em; margin-left: auto; color: var(--jp-ui-font-color2, inherit); }
.ddpm-map.ddpm-map ol, .ddpm-map.ddpm-map ul { list-style: none; margin: 0; padding: 0; }
.ddpm-map ol > li { border-top: 1px solid var(--jp-border-color2, #8884); padding: .55em 0; margin: 0; }
.ddpm-map .line { display: flex; align-items: baseline; gap: .8em; }
.ddpm-map .number { width: 1.6em; color: var(--jp-ui-font-color2, inherit);
  font-variant-numeric: tabular-nums; }
.ddpm-map .title { font-weight: 600; }
.ddpm-map .title a { color: var(--jp-content-link-color, #0645ad); text-decoration: none; }
.ddpm-map .title a:hover, .ddpm-map .title a:focus-visible { text-decoration: underline; }
.ddpm-map .coming .title { font-weight: 400; color: var(--jp-ui-font-color2, inherit); }
.ddpm-map .bar { display: flex; gap: 2px; margin-left: auto; }
.ddpm-map .bar u { width: 10px; height: 6px; box-sizing: border-box; border-radius: 1px;
  border: 1px solid var(--jp-ui-font-color2, #888); }
.ddpm-map .bar u.passed { background: var(--jp-success-color1, #2e7d32); border-color: transparent; }
.ddpm-map .bar u.not_yet {
  background: linear-gradient(90deg, var(--jp-ui-font-color2, #888) 50%, transparent 50%); }
.ddpm-map .count { min-width: 6.5em; text-align: right; color: var(--jp-ui-font-color2, inherit);
  font-variant-numeric: tabular-nums; }
.ddpm-map.ddpm-map ul { display: grid; gap: .1em 1.2em;
  grid-template-columns: repeat(auto-fill, minmax(19em, 1fr));
  padding: .3em 0 0 2.4em; }
.ddpm-map ul li { display: flex; align-items: baseline; margin: 0; }
.ddpm-map i { display: inline-block; flex: none; width: 1.5em; font-style: normal;
  color: var(--jp-ui-font-color2, inherit); }
.ddpm-map .legend i { width: 1.2em; }
.ddpm-map i.passed { color: var(--jp-success-color1, #2e7d32); font-weight: 700; }
.ddpm-map .id { flex: none; width: 3.3em; color: var(--jp-ui-font-color2, inherit);
  font-variant-numeric: tabular-nums; }
.ddpm-map.ddpm-map code { padding: 0; background: none; font-size: 1em; }
.ddpm-map .aloud { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
"""
