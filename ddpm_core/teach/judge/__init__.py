"""Exercises: an answer is read into plain data, and judging the data gives a verdict with a message.

Reading may run a student's function; judging runs nothing of the student's, so recorded data can safely be
judged again.  Both have a timeout: an exercise never raises, and never takes more than 2 s.

Choices, numbers, formulas and prose need the standard library alone; torch is imported for functions.
"""

from typing import TYPE_CHECKING, Any

from .choice import Choice
from .exercise import Exercise, Mistake, Outcome, Verdict
from .number import Number
from .prose import Marked, Prose
from .symbolic import SCHEDULE, Symbolic

if TYPE_CHECKING:
    from .function import Case, Function

__all__ = [
    "SCHEDULE",
    "Case",
    "Choice",
    "Exercise",
    "Function",
    "Marked",
    "Mistake",
    "Number",
    "Outcome",
    "Prose",
    "Symbolic",
    "Verdict",
]


def __getattr__(name: str) -> Any:
    if name in ("Case", "Function"):
        from . import function

        return getattr(function, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
