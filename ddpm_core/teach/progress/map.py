"""The map of the course: every lesson with its exercises, and which of them a student has done."""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from ..text.markup import inline, plain
from .file import OUTCOMES, PASSED, SYMBOLS, WORDS, Entries, Entry

STYLE = Path(__file__).parents[1] / "page/static/map.css"
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


class Lesson(NamedTuple):
    """A lesson on the map: its notebook's name, None if missing, and each exercise's (id, title, outcome)."""

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
            where = lesson.notebook or ""
            lines.append(f"{lesson.number:>2}  {lesson.title:28s}  {lesson.tally:12s}  {where}".rstrip())
            lines += [f"      {SYMBOLS[o]} {name}  {plain(title)}" for name, title, o in lesson.exercises]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        legend = "".join(f"<span>{_mark(o)} {WORDS[o]}</span>" for o in OUTCOMES)
        lessons = "".join(map(_lesson_html, self.lessons))
        return (
            f"<style>\n{STYLE.read_text('utf-8')}</style>"
            "<section class='ddpm-map' aria-label='Map of the course'>"
            f"<header><b>{self.done} of {self.total}</b> exercises passed"
            f"<span class='legend'>{legend}</span></header><ol>{lessons}</ol></section>"
        )


def survey(titles: Mapping[str, str], entries: Entries, notebooks: list[str]) -> list[Lesson]:
    """The lessons in order, each with its exercises in order, their outcomes, and the matching notebook.

    titles: exercise id -> title; notebooks: names of files.
    """
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
