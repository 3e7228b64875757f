"""A student's progress, stored in one small file.

The file is `progress.json` in the folder in which the kernel began, or the one named in the environment
variable DDPM_PROGRESS; `os.chdir` doesn't move it.  Every update takes a lock, reads the file again and
replaces it atomically, so two open notebooks lose nothing.  No problem with the file raises an error in a
lesson: if progress can't be stored, one line says so and the lesson goes on.
"""

import contextlib
import json
import os
import re
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from ... import files
from ..bank import former, number_shown
from ..judge.exercise import Outcome

SCHEMA = 2  # 1 had neither version, when nor draft; it is read as well
LARGEST = 5_000_000  # bytes; larger files are refused
LONGEST = 100_000  # characters of one answer, as JSON
FULL = LARGEST - 100_000  # bytes up to which answers are stored; the rest is for outcomes
DEEPEST = 32  # levels of nesting in an answer
PATIENCE = 5.0  # seconds to wait for the lock while other notebooks write
HANDED = ".course"  # the folder that marks a student's folder of lessons: see `lessons`
# In the name of a copy that a synchronised folder made when two devices wrote the file.
CONFLICT = re.compile(r"\W.*(conflict|konflikt|conflit)", re.I)

PASSED, NOT_YET, NOT_ATTEMPTED = OUTCOMES = ("PASSED", "NOT_YET", "NOT_ATTEMPTED")
SYMBOLS = {outcome.name: outcome.mark for outcome in Outcome}
WORDS = {PASSED: "passed", NOT_YET: "not yet", NOT_ATTEMPTED: "not tried"}


class Entry(NamedTuple):
    """One exercise: its outcome, the attempts up to the first pass, when that was, and the answer's data.

    After a pass, the data are those of the last answer that passed; before, those of the last answer.
    version: of the exercise that judged these data; when: they were given; draft: what was typed since, for
    prose.  Times are UTC, as ISO 8601 text.
    """

    outcome: str = NOT_ATTEMPTED
    attempts: int = 0
    passed: str | None = None
    data: Any = None
    version: str | None = None
    when: str | None = None
    draft: Any = None


FIRST = {"outcome", "attempts", "passed", "data"}  # the fields of schema 1
Entries = dict[str, Entry]


class Newer(ValueError):
    """The file was written by a later version of the course: it isn't damaged, but must not be changed."""


def parse_entries(raw: bytes) -> tuple[Entries, list[str]]:
    """The valid entries in a file's bytes by key, and the names of the invalid ones.

    An id of former times stands for its exercise's key; if both are there, a pass counts, else the key.
    ValueError if this is no progress file, Newer if a later version wrote it.  Safe on any bytes.
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
        raise Newer("a later version of the course wrote it")
    entries: Entries = {}
    broken: list[str] = []
    for name, value in exercises.items():
        entry = _entry(value)
        if entry is None or len(name) > 40 or not fits(name):
            broken.append(name)
        else:
            name = current(name)
            entries[name] = _joined([entries[name], entry]) if name in entries else entry
    return entries, broken


def current(name: str) -> str:
    """The permanent key of an exercise, given it or a number that the exercise had."""
    return former(name)


def _entry(value: object) -> Entry | None:
    """The entry in a JSON value, or None if it is invalid."""
    if not isinstance(value, dict) or not FIRST <= set(value) <= set(Entry._fields):
        return None
    entry = Entry(**{"when": value["passed"]} | value)
    texts = (entry.passed, entry.version, entry.when)
    sound = (
        isinstance(entry.attempts, int)
        and not isinstance(entry.attempts, bool)
        and _in_step(entry)
        and all(text is None or (isinstance(text, str) and len(text) <= 40) for text in texts)
        and fits(entry.data)
        and fits(entry.draft)
    )
    return entry if sound else None


def _in_step(entry: Entry) -> bool:
    """Whether an entry's outcome, attempts and time of passing can be true together."""
    if entry.outcome == NOT_ATTEMPTED:
        return entry.attempts == 0 and entry.passed is None and entry.draft is not None
    timed = entry.passed is not None
    return entry.outcome in OUTCOMES and 1 <= entry.attempts < 10**9 and timed == (entry.outcome == PASSED)


def united(*books: Entries) -> Entries:
    """Several books as one: a pass wins, the first of several; else the last answer; the last draft.

    The order of the books doesn't matter, and a book joined with itself stays as it is.
    """
    names = {name: None for book in books for name in book}
    return {name: _joined([book[name] for book in books if name in book]) for name in names}


def _joined(entries: list[Entry]) -> Entry:
    outcome = min((entry.outcome for entry in entries), key=OUTCOMES.index)
    same = [entry for entry in entries if entry.outcome == outcome]
    first = min(same, key=lambda e: (e.passed or "", e.attempts if outcome == PASSED else -e.attempts))
    last = max(same, key=lambda e: (e.when or "", json.dumps(e.data)))
    drafts = [entry for entry in entries if entry.draft is not None]
    draft = max(drafts, key=lambda e: (e.when or "", json.dumps(e.draft)), default=last).draft
    return first._replace(data=last.data, version=last.version, when=last.when, draft=draft)


def fits(data: object) -> bool:
    """Whether `data` can be stored: plain JSON, at most LONGEST characters, nested at most DEEPEST levels."""
    try:
        text = json.dumps(data, allow_nan=False, ensure_ascii=False)
        text.encode("utf-8")  # a lone surrogate can't be written
    except (TypeError, ValueError, RecursionError):
        return False
    return len(text) <= LONGEST and _depth(data) <= DEEPEST


def _depth(data: object) -> int:
    """How deeply lists and dicts are nested."""
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


def _text(entries: Entries) -> bytes:
    exercises = {name: entries[name]._asdict() for name in sorted(entries)}
    book = {"schema": SCHEMA, "exercises": exercises}
    return (json.dumps(book, indent=1, ensure_ascii=False) + "\n").encode()


class Note(NamedTuple):
    """One check of an answer, with its time and the exercise's version; NOT_ATTEMPTED for a draft."""

    exercise: str
    outcome: str
    data: Any
    when: str
    version: str | None = None


_said: set[str] = set()
_unkept: dict[Path, list[Note]] = {}  # for each file, what this session couldn't write yet


def _began() -> Path:
    try:
        return Path.cwd()
    except OSError:  # the current folder is gone
        return Path()


BEGAN = _began()  # a kernel that goes elsewhere later still keeps its progress here


def path() -> Path:
    """The file for the progress: the one named in DDPM_PROGRESS, or progress.json where the kernel began.

    In a folder below a student's lessons, it is the one beside the lessons.
    """
    name = os.environ.get("DDPM_PROGRESS")
    home = BEGAN if name else next((p for p in (BEGAN, *BEGAN.parents) if (p / HANDED).is_dir()), BEGAN)
    file = home / os.path.expanduser(name or "progress.json")
    try:
        return Path(os.path.realpath(file))
    except OSError:
        return file


def local(when: str | None) -> str:
    """A time of the file in the time zone of this machine, "2026-11-29 14:05"; "" if it is no time."""
    try:
        return datetime.fromisoformat(when or "").astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return ""


def load_entries() -> Entries:
    """All entries, {} if there are none.  Never raises; a damaged file is renamed, and its rest kept."""
    file, sound = path(), False
    entries: Entries = {}
    with contextlib.suppress(OSError, ValueError):
        entries, broken = _read(file)
        sound = not broken and not _copies(file)
    kept = None if sound and file not in _unkept else _keep(file, [])
    return _noted(entries, _unkept.get(file, [])) if kept is None else kept


def note(
    exercise: str, outcome: str, data: object = None, version: str | None = None, when: str = ""
) -> None:
    """Store the outcome of a check, but not NOT_ATTEMPTED, nor the same answer again.

    version: of the exercise; when: the time of the check, now if it is "".  ValueError if `outcome` is none
    of PASSED, NOT_YET, NOT_ATTEMPTED; nothing else is raised.
    """
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome must be one of {', '.join(OUTCOMES)}, got {outcome!r}")
    if outcome != NOT_ATTEMPTED:
        _keep(path(), [Note(current(exercise), outcome, _bounded(exercise, data), when or _now(), version)])


def draft(exercise: str, data: object) -> None:
    """Store what is typed and not yet checked.  Nothing is raised."""
    if fits(data):
        _keep(path(), [Note(current(exercise), NOT_ATTEMPTED, json.loads(json.dumps(data)), _now())])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _keep(file: Path, notes: list[Note]) -> Entries | None:
    """Write the notes, after those that couldn't be written before; returns all entries that result.

    If they can't be written, prints a line and returns None.  They then stay in memory for the next call,
    which doesn't wait for the lock again.
    """
    notes = [*_unkept.get(file, []), *notes]
    try:
        with _locked(file, 0 if file in _unkept else PATIENCE):
            before, copies = _sound(file), _copies(file)
            after = _noted(united(before, *copies.values()), notes)
            if after != before:
                after = _trimmed(file, after, [name for name in after if after[name] != before.get(name)])
                files.write(file, _text(after))
            _put_away(file, list(copies))
    except OSError as error:
        _say_once(
            f"Progress isn't kept: {file.name} can't be written ({_why(error)}). "
            "The course goes on without; DDPM_PROGRESS may name another file."
        )
        _unkept[file] = notes
        return None
    _unkept.pop(file, None)
    return after


def _noted(entries: Entries, notes: list[Note]) -> Entries:
    """The entries, updated with these checks."""
    for each in notes:
        entries = entries | {each.exercise: _after(entries.get(each.exercise, Entry()), each)}
    return entries


def _after(before: Entry, new: Note) -> Entry:
    """The entry after one more check.  After a pass, outcome and number of attempts don't change any more."""
    if new.outcome == NOT_ATTEMPTED:
        when = new.when if before.outcome == NOT_ATTEMPTED else before.when
        return before if new.data == before.draft else before._replace(draft=new.data, when=when)
    known = (new.outcome, new.data) == (before.outcome, before.data) and new.data is not None
    if known or (before.outcome == PASSED != new.outcome):
        return before._replace(draft=None) if known else before
    answer = before._replace(data=new.data, version=new.version, when=new.when, draft=None)
    if before.outcome == PASSED:
        return answer
    passed = new.when if new.outcome == PASSED else None
    return answer._replace(outcome=new.outcome, attempts=before.attempts + 1, passed=passed)


def _trimmed(file: Path, entries: Entries, new: list[str]) -> Entries:
    """The entries that fit into the file: without new answers if need be, then without the longest ones."""
    size = len(_text(entries))
    if size <= FULL:
        return entries
    longest = sorted(entries, key=lambda name: -len(json.dumps(entries[name].data)))
    for name, most in [*((name, FULL) for name in new), *((name, LARGEST) for name in longest)]:
        if size > most:
            _say_once(
                f"{file.name} is full: the answer to {number_shown(name)} isn't kept; "
                "that it was checked is kept."
            )
            full, bare = {name: entries[name]}, {name: entries[name]._replace(data=None, draft=None)}
            size -= len(_text(full)) - len(_text(bare))
            entries = entries | bare
    return entries


def _bounded(exercise: str, data: object) -> Any:
    """`data` after a round trip through JSON, or None, with a line, if it can't be stored."""
    if not fits(data):
        _say_once(f"The answer to {number_shown(exercise)} is too long to keep; that it was checked is kept.")
        return None
    return json.loads(json.dumps(data))


def plain_bytes(file: Path) -> bytes:
    """The bytes of a regular file, at most LARGEST + 1.  OSError for anything else, links and pipes too."""
    if not stat.S_ISREG(file.lstat().st_mode):
        raise OSError("it is no plain file")
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # it may be replaced after lstat
    with open(file, "rb", opener=lambda name, how: os.open(name, how | flags)) as stream:
        return stream.read(LARGEST + 1)


def _read(file: Path) -> tuple[Entries, list[str]]:
    """`parse_entries` of a file; no entries if there is no file."""
    try:
        return parse_entries(plain_bytes(file))
    except FileNotFoundError:
        return {}, []


def _sound(file: Path) -> Entries:
    """The entries of the file, read under the lock.  A damaged file is renamed, its valid entries kept."""
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
        files.write(file, _text(_trimmed(file, entries, [])), aside)
    except OSError:
        _say_once(f"{damage} It can't be mended now; entries that can be read: {len(entries)}.")
        raise
    _say_once(f"{damage} It is now {aside.name}; entries kept: {len(entries)}.")
    return entries


def _aside(file: Path, what: str = "damaged") -> Path:
    """The first free name for a file that is set aside: .damaged, .damaged-2, ..."""
    names = (file.with_name(f"{file.name}.{what}{f'-{k}' if k > 1 else ''}") for k in range(1, 10_000))
    return next(name for name in names if not os.path.lexists(name))


def _copies(file: Path) -> dict[Path, Entries]:
    """The second copies that a synchronised folder made of the file when two devices wrote it."""
    found: dict[Path, Entries] = {}
    with contextlib.suppress(OSError):
        beside = [
            p for p in file.parent.iterdir() if p.name.startswith(file.stem) and p.suffix == file.suffix
        ]
        for copy in sorted(p for p in beside if CONFLICT.match(p.stem.removeprefix(file.stem))):
            with contextlib.suppress(OSError, ValueError):
                found[copy] = parse_entries(plain_bytes(copy))[0]
    return found


def _put_away(file: Path, copies: list[Path]) -> None:
    """Rename copies that have been joined, so that a deleted progress file doesn't come back from them."""
    for copy in copies:
        with contextlib.suppress(OSError):
            copy.rename(_aside(copy, "joined"))
        _say_once(f"{copy.name} was written on another device: it is joined with {file.name}.")


def join(paths: list[Path], out: Path) -> Entries:
    """Join progress files into `out`; a file that is there is kept beside it, as NAME.before-join.

    OSError or ValueError, and nothing is written, if one can't be read whole.
    """
    books = [_whole(file) for file in paths]
    with _locked(out, PATIENCE):
        if out in paths:
            books.append(_whole(out))  # a notebook may have written it since
        after = united(*books)
        files.write(out, _text(after), _aside(out, "before-join") if os.path.lexists(out) else None)
    return after


def _whole(file: Path) -> Entries:
    """The entries of a file of which all can be read.  OSError or ValueError if that isn't so."""
    try:
        entries, broken = parse_entries(plain_bytes(file))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    if broken:
        raise ValueError(f"{file}: {len(broken)} of its entries can't be read")
    return entries


@contextlib.contextmanager
def _locked(file: Path, patience: float) -> Iterator[None]:
    """Hold the lock of `file`, a lock file beside it.  OSError after waiting `patience` seconds in vain.

    The system releases the lock when the process that holds it dies, so no lock is ever stale; the empty lock
    file stays.
    """
    with contextlib.ExitStack() as held:
        lock = FileLock(file.with_name(f".{file.name}.lock"))
        try:
            held.enter_context(lock.acquire(patience, poll_interval=0.01))
        except Timeout:
            raise OSError("another notebook doesn't let go of it") from None
        except (OSError, NotImplementedError):
            pass  # a file system without locks: go on without one
        yield


def _why(error: OSError) -> str:
    """The system's own message, without the text that `files.write` adds."""
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    return (cause.strerror or str(cause)).lower()


def _say_once(line: str) -> None:
    """Print a line, unless this session has printed it before."""
    if line not in _said:
        _said.add(line)
        say(line)


def say(line: str) -> None:
    """Print a line, with ? for each character that the console's encoding lacks."""
    letters = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(line.encode(letters, "replace").decode(letters))
