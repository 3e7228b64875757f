"""The ways through the course, read from `ways.toml`: which lessons and sections, in which order."""

import html
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .lessons import LESSONS

FILE = Path(__file__).with_name("ways.toml")


class Stop(NamedTuple):
    """A lesson on a way, and the titles of the sections to read: none means its whole road."""

    lesson: str
    sections: tuple[str, ...]


class Way(NamedTuple):
    """One way: its name, about how many hours it takes, for whom it is, and its stops."""

    name: str
    hours: int
    told: str
    stops: tuple[Stop, ...]


def ways() -> list[Way]:
    """All ways, in the order of the file."""
    read = tomllib.loads(FILE.read_text("utf-8"))["way"]
    return [
        Way(
            each["name"],
            each["hours"],
            " ".join(each["told"].split()),
            tuple(Stop(lesson, tuple(sections)) for lesson, *sections in each["stops"]),
        )
        for each in read
    ]


class Ways:
    """The ways as a table, for a notebook: `files` are the names of the lessons' notebooks by number."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def __repr__(self) -> str:
        lines = []
        for way in ways():
            stops = [_words(stop, stop.lesson) for stop in way.stops]
            lines += [f"{way.name}, about {way.hours} hours", f"    {way.told}", f"    {' → '.join(stops)}"]
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        return ways_table(self.files)


def ways_table(files: dict[str, str]) -> str:
    """The ways as a table in Markdown, each lesson a link to its file."""
    rows = ["| way | hours | lessons, in this order |", "|---|--:|---|"]
    for way in ways():
        stops = [
            _words(s, f"[{s.lesson}]({files[s.lesson]})" if s.lesson in files else s.lesson)
            for s in way.stops
        ]
        rows.append(f"| **{way.name}.** {way.told} | {way.hours} | {' → '.join(stops)} |")
    return "\n".join(rows)


def listed(link: Callable[[str, str, str], str]) -> str:
    """The ways as a list in HTML; link(lesson, section, text) makes a link, section "" means the lesson."""
    items = []
    for way in ways():
        stops = [
            _words(
                Stop(
                    stop.lesson, tuple(link(stop.lesson, name, html.escape(name)) for name in stop.sections)
                ),
                link(stop.lesson, "", f"{stop.lesson} {html.escape(LESSONS[stop.lesson])}"),
            )
            for stop in way.stops
        ]
        head = f"<b>{html.escape(way.name)}</b>, about {way.hours} hours. {html.escape(way.told)}"
        items.append(f"<li><p>{head}</p> <p>{' → '.join(stops)}</p></li>")
    return f"<ul class='ways'>{' '.join(items)}</ul>"


def _words(stop: Stop, name: str) -> str:
    return f"{name} ({', '.join(stop.sections)})" if stop.sections else name
