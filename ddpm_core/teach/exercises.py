"""The exercises of the course by number or key, and the map of the course, with a student's progress."""

from functools import partial
from pathlib import Path

from .bank import bank, find
from .judge import Exercise
from .page.last import recalled
from .progress.file import load_entries, note
from .progress.map import CourseMap, survey
from .progress.version import version

__all__ = ["bank", "course_map", "exercise"]


def exercise(id: str) -> Exercise:
    """The exercise of that number, such as "03.4", or key; its checks are recorded in the student's progress.

    ValueError, with the most similar ones, if there is none.
    """
    found = find(id)
    found.note = partial(note, version=version(found))
    found.recall = recalled
    return found


def course_map() -> CourseMap:
    """The map of the course with the student's progress; links lead to notebooks in the current folder."""
    titles = {each.id: each.title for each in bank.values()}
    entries = {bank[key].id: entry for key, entry in load_entries().items() if key in bank}
    return CourseMap(survey(titles, entries, [file.name for file in Path().glob("*_*.ipynb")]))
