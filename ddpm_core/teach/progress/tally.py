"""How far a student is in one lesson: a line below each verdict, and a small mark at the lesson's end."""

from typing import NamedTuple

from ..bank import LESSONS, lesson
from ..judge.exercise import Exercise
from .file import OUTCOMES, PASSED, SYMBOLS, WORDS, Entry, load_entries

COLOURS = dict(zip(OUTCOMES, ("--jp-success-color1, #2e7d32", "--jp-warn-color1, #ef6c00", ""), strict=True))


class LessonMark(NamedTuple):
    """A lesson's exercises as {id: outcome}, those that it needs and the optional ones."""

    needed: dict[str, str]
    optional: dict[str, str]

    @property
    def line(self) -> str:
        """`4 of 16 in this lesson`, and the optional ones that are passed besides."""
        done, more = (list(part.values()).count(PASSED) for part in self)
        text = f"{done} of {len(self.needed)} in this lesson"
        return text + f", and {more} optional" * bool(more) + ": all done" * (done == len(self.needed))

    @property
    def left(self) -> list[str]:
        """The numbers of those that are needed and not passed."""
        return [id for id, outcome in self.needed.items() if outcome != PASSED]

    def __repr__(self) -> str:
        signs = " ".join(SYMBOLS[outcome] for outcome in self.needed.values())
        rest = f"\nStill open: {', '.join(self.left)}" if self.left else ""
        return f"{signs}\n{self.line[0].upper()}{self.line[1:]}.{rest}"

    def _repr_html_(self) -> str:
        signs = " ".join(_sign(id, outcome) for id, outcome in self.needed.items())
        rest = f" Still open: {', '.join(self.left)}." if 0 < len(self.left) < len(self.needed) else ""
        return f"<p style='font-size: 1.2em; margin: 0'>{signs}</p><p>{self.line}.{rest}</p>"


def mark(number: str) -> LessonMark:
    """What is done of a lesson, such as "02".  ValueError if there is no such lesson."""
    if number not in LESSONS:
        raise ValueError(f"there is no lesson {number!r} with exercises; there are {', '.join(LESSONS)}")
    entries = load_entries()
    found = LessonMark({}, {})
    for place, (name, words) in enumerate(lesson(number).words.items(), 1):
        part = found.optional if words.get("optional", False) else found.needed
        part[f"{number}.{place}"] = entries.get(f"{number}.{name}", Entry()).outcome
    return found


def tally(exercise: Exercise) -> str:
    """How far the lesson of an exercise is done, `4 of 16 in this lesson`; "" if it is of no lesson."""
    number = exercise.id.partition(".")[0]
    return mark(number).line if number in LESSONS else ""


def _sign(id: str, outcome: str) -> str:
    told = f"{id}: {WORDS[outcome]}"
    colour = f"color: var({COLOURS[outcome]})" if COLOURS[outcome] else "opacity: 0.6"
    return f"<span role='img' title='{told}' aria-label='{told}' style='{colour}'>{SYMBOLS[outcome]}</span>"
