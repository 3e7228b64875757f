"""What a lesson needs besides the models: exercises, widgets, pictures, and the student's progress."""

from functools import partial
from pathlib import Path

from . import bank
from .judge import Exercise
from .page.explore import explore
from .page.last import recalled
from .page.plots import show, strip
from .page.quiz import quiz
from .page.widgets import scrub, scrub_noise, shape_schedule
from .progress.file import load_entries, note
from .progress.map import CourseMap, survey
from .progress.version import version

__all__ = [
    "course_map",
    "exercise",
    "explore",
    "quiz",
    "scrub",
    "scrub_noise",
    "shape_schedule",
    "show",
    "strip",
]


def exercise(id: str) -> Exercise:
    """The exercise of that id, such as "03.4"; its checks are recorded in the student's progress.

    ValueError, with the most similar ids, if there is none.
    """
    found = bank.find(id)
    found.note = partial(note, version=version(found))
    found.recall = recalled
    return found


def course_map() -> CourseMap:
    """The map of the course with the student's progress; links lead to notebooks in the current folder."""
    titles = {id: each.title for id, each in bank.bank.items()}
    return CourseMap(survey(titles, load_entries(), [file.name for file in Path().glob("*_*.ipynb")]))
