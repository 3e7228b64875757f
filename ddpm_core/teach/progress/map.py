"""The map of the course: every lesson with its exercises, and which of them a student has done."""

import html
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from ..text.markup import inline, plain
from .file import OUTCOMES, PASSED, SYMBOLS, WORDS, Entries, Entry
from .lessons import LESSONS, OPTIONAL
from .ways import listed, ways

STYLE = Path(__file__).parents[1] / "page/static/map.css"
NOWHERE: Mapping[str, str] = {}


class Lesson(NamedTuple):
    """A lesson on the map: its notebook's name, None if missing, and each exercise's (id, title, outcome).

    places: the cells of its exercises by id, and of its sections by title.
    """

    number: str
    title: str
    notebook: str | None
    exercises: list[tuple[str, str, str]]
    places: Mapping[str, str] = NOWHERE

    @property
    def done(self) -> int:
        """How many of its exercises are passed."""
        return sum(outcome == PASSED for _, _, outcome in self.exercises)

    @property
    def optional(self) -> bool:
        """Whether no later lesson needs it."""
        return self.number in OPTIONAL

    @property
    def open(self) -> bool:
        """Whether the lesson is there, and something of it is left to do."""
        return self.notebook is not None and self.done < len(self.exercises)

    @property
    def next(self) -> str:
        """The number of the first exercise that isn't passed, "" if all are."""
        return next((name for name, _, outcome in self.exercises if outcome != PASSED), "")

    def link(self, text: str, place: str = "") -> str:
        """Some HTML as a link to the notebook, or to an exercise or a section in it."""
        if self.notebook is None:
            return text
        cell = self.places.get(place)
        return f"<a href='{quote(self.notebook)}{f'#cell-id={cell}' if cell else ''}'>{text}</a>"

    @property
    def tally(self) -> str:
        """`2 of 5`; without exercises `no exercises`, or `coming` if the notebook is missing too."""
        if self.exercises:
            return f"{self.done} of {len(self.exercises)}"
        return "coming" if self.notebook is None else "no exercises"


class CourseMap:
    """Every lesson with its exercises and their outcomes, as HTML, and as text where HTML isn't shown."""

    def __init__(self, lessons: list[Lesson]) -> None:
        self.lessons = lessons
        self.done = sum(lesson.done for lesson in lessons)
        self.total = sum(len(lesson.exercises) for lesson in lessons)

    def __repr__(self) -> str:
        legend = "   ".join(f"{SYMBOLS[o]} {WORDS[o]}" for o in OUTCOMES)
        lines = [f"{self.done} of {self.total} exercises passed   ({legend})"]
        for lesson in self.lessons:
            where = (lesson.notebook or "") + "  optional" * lesson.optional
            lines.append(f"{lesson.number:>2}  {lesson.title:28s}  {lesson.tally:12s}  {where}".rstrip())
            lines += [f"      {SYMBOLS[o]} {name}  {plain(title)}" for name, title, o in lesson.exercises]
        lines += [f"{way.name}, {way.hours} hours: {' '.join(s.lesson for s in way.stops)}" for way in ways()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        legend = " ".join(f"<span>{_mark(o)} {WORDS[o]}</span>" for o in OUTCOMES)
        first = sorted(self.lessons, key=lambda lesson: lesson.optional)  # optional ones after all others
        here = next((lesson for lesson in first if lesson.open), None)
        lessons = "".join(_lesson_html(lesson, lesson is here) for lesson in self.lessons)
        return (
            f"<style>\n{STYLE.read_text('utf-8')}</style>"
            "<section class='ddpm-map' aria-label='Map of the course'>"
            f"<header><p><b>{self.done} of {self.total}</b> exercises passed</p> "
            f"<p class='legend'>{legend}</p></header><ol>{lessons}</ol>{self._ways()}</section>"
        )

    def _ways(self) -> str:
        known = {lesson.number: lesson for lesson in self.lessons}
        ways = listed(lambda number, title, text: known[number].link(text, title))
        return f"<details class='all'><summary class='line'>Ways through the course</summary>{ways}</details>"


def survey(
    titles: Mapping[str, str],
    entries: Entries,
    notebooks: list[str],
    places: Callable[[str], Mapping[str, str]] = lambda _: NOWHERE,
) -> list[Lesson]:
    """The lessons in order, each with its exercises in order, their outcomes, and the matching notebook.

    titles: exercise id -> title; notebooks: names of files; places: see `Lesson`, given the name of a file.
    """
    numbers = [*LESSONS, *sorted({_lesson(name) for name in titles} - set(LESSONS))]
    files = {n: min((f for f in notebooks if f.startswith(f"{n}_")), key=len, default=None) for n in numbers}
    return [
        Lesson(
            number,
            LESSONS.get(number, f"Lesson {number}"),
            file,
            [
                (name, titles[name], entries.get(name, Entry()).outcome)
                for name in sorted(titles, key=_order)
                if _lesson(name) == number
            ],
            places(file) if file else NOWHERE,
        )
        for number, file in files.items()
    ]


def _lesson(name: str) -> str:
    return name.rpartition(".")[0]


def _order(name: str) -> tuple[str, int, str]:
    lesson, _, number = name.rpartition(".")
    return lesson, int(number) if number.isdecimal() else 0, number


def _mark(outcome: str) -> str:
    return f"<i class='{outcome.lower()}' aria-hidden='true'>{SYMBOLS[outcome]}</i>"


def _lesson_html(lesson: Lesson, here: bool) -> str:
    """A lesson as HTML; its exercises are unfolded in the one where to go on."""
    title = lesson.link(html.escape(lesson.title))
    parts = "".join(f"<u class='{outcome.lower()}'></u>" for _, _, outcome in lesson.exercises)
    exercises = "".join(
        f"<li>{_mark(outcome)} <span class='id'>{html.escape(name)}</span> "
        f"<span>{lesson.link(inline(text, html.escape), name)}<span class='aloud'>, {WORDS[outcome]}</span>"
        "</span></li>"
        for name, text, outcome in lesson.exercises
    )
    go = f"<em>{lesson.link('continue here', lesson.next)}</em> " * here
    line = (
        f"<span class='number'>{html.escape(lesson.number)}</span> <span class='title'>{title}</span> "
        f"{'<small>optional</small> ' * lesson.optional}"
        f"{go}<span class='bar' aria-hidden='true'>{parts}</span> "
        f"<span class='count'>{lesson.tally}</span>"
    )
    if not exercises:
        return f"<li class='{_place(lesson)}'><div class='line'>{line}</div></li>"
    unfolds = f"<summary aria-label='Exercises of {html.escape(lesson.number)}'></summary>"
    return (
        f"<li class='{_place(lesson)}'><div class='line'>{line}</div>"
        f"<details{' open' * here}>{unfolds}<ul>{exercises}</ul></details></li>"
    )


def _place(lesson: Lesson) -> str:
    return "here" if lesson.notebook else "coming"
