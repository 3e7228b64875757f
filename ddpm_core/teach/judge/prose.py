"""Exercises whose answer is prose, which students mark themselves."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .exercise import LONGEST_TEXT, Exercise, Mistake, Outcome, Verdict, kind_of, not_yet
from .grammar import Unreadable


class Marked(NamedTuple):
    """A text with its marks: the right answer to a prose exercise."""

    text: str
    marks: object


@dataclass(kw_only=True, eq=False, repr=False)
class Prose(Exercise):
    """A few sentences, which students mark themselves against a rubric: one mark for each point."""

    kind = "prose"
    rubric: Sequence[str]
    models: Sequence[str]

    @property
    def references(self) -> Sequence[object]:
        """Model answers with full marks, given as lists and tuples of several kinds."""
        n = len(self.rubric)
        forms: list[object] = [[True] * n, (True,) * n, [1] * n, ["yes"] * n]
        return [Marked(text, marks) for text in self.models for marks in forms] + list(self.also)

    def read(self, answer: Any, marks: Any) -> object:
        """The text and the marks, or None if there is no text."""
        text, marks = answer if isinstance(answer, Marked) else (answer, marks)
        if not isinstance(text, str):
            raise Unreadable(f"Write a few sentences, in quotes; {kind_of(text)} came.")
        if str.strip(text) in ("", "..."):
            return None
        return {"text": str.strip(text)[:LONGEST_TEXT], "marks": _marks(marks)}

    def weigh(self, data: Any) -> Verdict:
        """Passed if every point is marked true; else the rubric, or the points that aren't."""
        text, marks = data["text"], data["marks"]
        if not isinstance(text, str) or len(text.split()) < 5:
            return not_yet("Write a sentence or two before you mark it, so that there is something to mark.")
        seen = [m.message for m in self.mistakes if _made(m, text[:5000])]
        if marks is None:
            return Verdict(Outcome.NOT_YET, " ".join([*seen, self._ask]), "Your turn")
        if not (isinstance(marks, list) and all(isinstance(m, bool) for m in marks)):
            return not_yet("Marks are a list with True or False for each point of the rubric.", self._ask)
        if len(marks) != len(self.rubric):
            return not_yet(
                f"The rubric has {len(self.rubric)} points and {len(marks)} marks came.", self._ask
            )
        if all(marks):
            return Verdict(Outcome.PASSED, " ".join([self.right, *seen]))
        open_ = [
            f"({i}) {p}" for i, (p, mark) in enumerate(zip(self.rubric, marks, strict=True), 1) if not mark
        ]
        return not_yet(*seen, "Still open by your own marks: " + " ".join(open_))

    @property
    def _ask(self) -> str:
        points = " ".join(f"({i}) {point}" for i, point in enumerate(self.rubric, 1))
        example = ", ".join(["True", "False", "True", "True", "True", "True"][: len(self.rubric)])
        return (
            "Now mark your text yourself, point by point, and be strict. "
            f"{points} Then pass the marks, for example check(text, marks=[{example}])."
        )


DENIES = r"\b(not|no|never|none|nothing|neither|nor|nobody|without|unlike|wrong|cannot|can.?t)\b|n[’']t\b"


def _made(mistake: Mistake, text: str) -> bool:
    """Whether a text makes a mistake: one of its sentences has the mistake's signs.

    That sentence must have no more negations than the example has, and nothing in the text may amend it.
    """
    if mistake.amends and re.search(mistake.amends, text, re.I | re.S):
        return False
    mine, example = (_denials(mistake.signs, words) for words in (text, str(mistake.example)))
    return bool(mine) and min(mine) <= max(example, default=0)


def _denials(signs: str, text: str) -> list[int]:
    """For each sentence that matches `signs`, the number of negations up to the end of the match."""
    hits = (
        (sentence, re.search(signs, sentence, re.I | re.S)) for sentence in re.split(r"(?<=[.!?;])\s+", text)
    )
    return [len(re.findall(DENIES, sentence[: hit.end()], re.I)) for sentence, hit in hits if hit]


YES, NO = {"yes", "y", "true", "1"}, {"no", "n", "false", "0"}


def _marks(marks: Any) -> list[bool] | str | None:
    """Marks as a list of bools, None if there are none, "?" for anything else, so that the text is kept."""
    if marks is None or marks is Ellipsis:
        return None
    if isinstance(marks, list | tuple) and len(marks) <= 100:
        read = [_mark(m) for m in marks]
        if None not in read:
            return [bool(m) for m in read]
    return "?"


def _mark(mark: Any) -> bool | None:
    if type(mark) in (bool, int) or f"{type(mark).__module__}.{type(mark).__name__}".startswith("numpy.bool"):
        return bool(mark) if mark in (0, 1) else None
    word = str.strip(mark).lower() if isinstance(mark, str) else None
    return True if word in YES else False if word in NO else None
