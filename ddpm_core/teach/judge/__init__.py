"""Exercises: an answer is read into plain data, the data are judged, and the verdict says what it saw.

Reading may run a student's function; judging runs nothing, so a record can be judged again by anybody.
Both have a time limit: an exercise never raises and never takes more than 2 s.
"""

from .choice import Choice
from .exercise import Exercise, Mistake, Outcome, Verdict
from .function import Case, Function
from .number import Number
from .prose import Marked, Prose
from .symbolic import SCHEDULE, Symbolic

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
