"""Exercises: an answer is read into plain data, and judging the data gives a verdict with a message.

Reading may run a student's function; judging runs nothing of the student's, so recorded data can safely be
judged again.  Both have a timeout: an exercise never raises, and never takes more than 2 s.
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
