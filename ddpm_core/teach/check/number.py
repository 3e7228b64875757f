"""Exercises whose answer is a number."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Rational
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import answers
from ..answers import Unreadable
from .exercise import LONGEST_TEXT, Exercise, Outcome, Verdict, kind_of, not_yet, number

GENERIC_NUMBERS: tuple[tuple[Callable[[float], float], str], ...] = (
    (lambda a: -a, "The size is right, the sign is not."),
    (lambda a: a * a, "That is the square of what is asked: a variance where a standard deviation belongs?"),
    (lambda a: abs(a) ** 0.5, "That is the square root of what is asked; one root too many."),
    (lambda a: 1 / a, "That is the reciprocal of what is asked; something stands upside down."),
    (lambda a: 1 - a, "That is 1 minus what is asked: the complementary part."),
    (lambda a: 100 * a, "That is 100 times what is asked. Give a plain number, not a percentage."),
)


@dataclass(kw_only=True, eq=False, repr=False)
class Number(Exercise):
    """A number, right within a relative tolerance; may be typed as an unevaluated formula of numbers."""

    kind = "number"
    answer: float
    rel: float = 1e-3
    unit: str = ""

    @property
    def references(self) -> Sequence[object]:
        """The number as a float, as text, as text with its unit, and as numpy and torch hold it."""
        text = f"{self.answer:.12g}"
        arrays = np.float64(self.answer), torch.tensor(self.answer, dtype=torch.float64)
        return [self.answer, text, f"({text})*2/2", f"{text} {self.unit}".strip(), *arrays, *self.also]

    def read(self, answer: Any, marks: Any) -> object:
        """A float where there is one, else the text."""
        if isinstance(answer, str):
            return str.strip(answer)[:LONGEST_TEXT] or None
        value = real(answer)
        return value if math.isfinite(value) else repr(value)

    def weigh(self, data: Any) -> Verdict:
        """Right within the tolerance; else the mistake that it is; else how far off."""
        value = self._typed(data) if isinstance(data, str) else real(data)
        if not math.isfinite(value):
            return not_yet("That is no finite number.")
        if self._is(value, self.answer):
            return Verdict(Outcome.PASSED, self.right)
        for mistake in self.mistakes:
            if self._is(value, real(mistake.example)):
                return not_yet(mistake.message)
        return not_yet(self._distance(value))

    def _is(self, value: float, target: float) -> bool:
        return abs(value - target) <= max(self.rel, 1e-9) * abs(target) + 1e-12

    def _distance(self, value: float) -> str:
        a = self.answer
        for change, message in GENERIC_NUMBERS:
            if a not in (0, 1) and self._is(value, change(a)):
                return f"{number(value)}: {message}"
        if value == 0:
            return "0 came, and the answer is not 0."
        if abs(value / a - 1) < 0.05:
            how = "Count once more." if a == int(a) else "Keep five digits, and round at the end."
            return f"{number(value)} is close, but not close enough. {how}"
        if value * a < 0:
            return f"{number(value)} has the wrong sign."
        ratio = value / a
        how = f"{ratio:.3g} times too large" if ratio > 1 else f"{1 / ratio:.3g} times too small"
        return f"{number(value)} is {how}. Write the step down in symbols before you put numbers in."

    def _typed(self, text: str) -> float:
        text = text.strip()
        if re.fullmatch(r"[+-]?(nan|inf|infinity)", text, re.I):
            return math.nan
        tail = re.search(
            r"(?<![\w(*/^.√\\])\s+([A-Za-zµμ%][\w/ ]{0,30})$|(?<=[\d)])\s*([A-Za-z%][A-Za-z/ ]{0,30})$", text
        )
        if tail and (word := (tail[1] or tail[2]).strip()) not in answers.SPELLINGS:
            if word.lower().rstrip("s") != self.unit.lower().rstrip("s"):
                asked = f"in {self.unit}" if self.unit else "as a plain number without a unit"
                raise Unreadable(f"Give the answer {asked}; {word!r} came.")
            text = text[: tail.start()]
        text = re.sub(r"(?<=\d)[ ,_\u2009\u202f'](?=\d{3}(?!\d))", "", text)
        text = re.sub(r"^(\s*[+-]?\d+),(\d+\s*)$", r"\1.\2", text)
        tree = answers.parse(text)
        if found := answers.names(tree):
            raise Unreadable(f"A number is asked for; {sorted(found)[0]} is a symbol. Put its value in.")
        value = complex(answers.evaluate(tree, {}))
        return value.real if value.imag == 0 else math.nan


def real(value: Any) -> float:
    """A number of any of the usual types as a float.  Unreadable for anything else, a bool too."""
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise Unreadable(f"One number is asked for; a tensor of shape {tuple(value.shape)} came.")
        value = value.detach().cpu().reshape(()).item()
    if isinstance(value, np.ndarray | np.generic):
        if value.size != 1 or value.dtype.kind not in "iuf":
            raise Unreadable("One number is asked for; an array came.")
        value = value.item()
    if isinstance(value, bool | complex):
        raise Unreadable(f"A number is asked for; {type(value).__name__} came.")
    try:
        if isinstance(value, float):
            return float.__float__(value)
        if isinstance(value, int):
            return int.__float__(value)
        if type(value).__module__.split(".")[0] == "sympy":
            return complex(answers.evaluate(answers.from_sympy(value), {})).real
        if isinstance(value, Rational):
            return int(value.numerator) / int(value.denominator)
    except OverflowError:
        return math.inf
    except KeyError:
        raise Unreadable("A number is asked for; put values in for the symbols.") from None
    if callable(value):
        raise Unreadable("A number is asked for; a function came. Did you mean to call it?")
    raise Unreadable(f"A number is asked for; {kind_of(value)} came.")
