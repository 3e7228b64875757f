"""The exercises of the course by number or key, and the map of the course, with a student's progress."""

from functools import partial
from pathlib import Path

from .bank import bank, find
from .judge import Exercise
from .page.last import recalled
from .progress.file import load_entries, note
from .progress.map import CourseMap, survey
from .progress.places import cell_ids
from .progress.tally import LessonMark, mark, tally
from .progress.version import version
from .progress.ways import Ways

__all__ = ["bank", "course_map", "course_ways", "exercise", "lesson_mark"]


def exercise(id: str) -> Exercise:
    """The exercise of that number, such as "03.4", or key; its checks are recorded in the student's progress.

    ValueError, with the most similar ones, if there is none.
    """
    found = find(id)
    found.note = partial(note, version=version(found))
    found.recall, found.tally = recalled, tally
    return found


def lesson_mark(number: str) -> LessonMark:
    """The small mark at the end of a lesson, such as "02": what is done of its exercises, and what is left.

    ValueError for a lesson without exercises.
    """
    return mark(number)


def course_map() -> CourseMap:
    """The map of the course with the student's progress; links lead to notebooks in the current folder.

    Optional exercises aren't on it.
    """
    titles = {each.id: each.title for each in bank.values() if not each.optional}
    entries = {bank[key].id: entry for key, entry in load_entries().items() if key in bank}
    return CourseMap(survey(titles, entries, _notebooks(), _places))


def course_ways() -> Ways:
    """The ways through the course: which lessons, in which order; links lead to the current folder."""
    return Ways(
        {lesson.number: lesson.notebook for lesson in survey({}, {}, _notebooks()) if lesson.notebook}
    )


def _notebooks() -> list[str]:
    return [file.name for file in Path().glob("*_*.ipynb")]


def _places(notebook: str) -> dict[str, str]:
    """The cells of a notebook by the numbers of their exercises, and by the titles of its sections."""
    return {bank[name].id if name in bank else name: cell for name, cell in cell_ids(Path(notebook)).items()}
