"""The bank: a mapping from ids ("03.4": lesson and number) to the exercises of the course.

An author adds an exercise to its lesson's list, with its likely mistakes; the tests find it there.  Numbers
that the library can compute are placeholders in the text, such as ⟨noise_500:.3f⟩; see `words`.
"""

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from ..judge import Exercise
from . import lesson00, lesson01, lesson02, lesson03, lesson04, lesson05, lesson06, lesson07
from .words import filled

LESSONS = (lesson00, lesson01, lesson02, lesson03, lesson04, lesson05, lesson06, lesson07)

bank: Mapping[str, Exercise] = MappingProxyType(
    {e.id: filled(e, getattr(lesson, "NUMBERS", {})) for lesson in LESSONS for e in lesson.EXERCISES}
)


def find(id: str) -> Exercise:
    """The exercise of that id, such as "03.4".  ValueError, with the most similar ids, if there is none."""
    if isinstance(id, str) and id in bank:
        return bank[id]
    near = difflib.get_close_matches(str(id)[:20], bank, n=4, cutoff=0.3) or list(bank)[:4]
    raise ValueError(f"there is no exercise {str(id)[:20]!r}; near it are {', '.join(sorted(near))}")
