"""Exercises whose answer is a number."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from numbers import Rational
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import grammar
from .exercise import LONGEST_TEXT, Exercise, Outcome, Verdict, five_digits, kind_of, not_yet
from .grammar import Unreadable

GENERIC_NUMBERS: tuple[tuple[Callable[[float], float], str], ...] = (
    (lambda a: -a, "The size is right, the sign is not."),
    (lambda a: a * a, "That is the square of what is asked."),
    (lambda a: abs(a) ** 0.5, "That is the square root of what is asked; one root too many."),
    (lambda a: 1 / a, "That is the reciprocal of what is asked; something stands upside down."),
    (lambda a: 1 - a if 0 < a < 1 else math.nan, "That is 1 minus what is asked."),
    (lambda a: 100 * a, "That is 100 times what is asked. Give a plain number, not a percentage."),
)


@dataclass(kw_only=True, eq=False, repr=False)
class Number(Exercise):
    """A number, right within a relative tolerance; it may be typed as a formula of numbers.

    formula: in the judge's own grammar, with the names in `given`, whose values are numbers or functions
    without arguments.  The answer is its value, and mistakes are inferred from it.  instead: for a name, what
    could be taken for it by mistake, {name: {other: value}}.  answer: alone, for what can only be counted.
    digits: how many significant digits the prompt asks for.  units: other words for `unit`.
    """

    kind = "number"
    formula: str = ""
    given: Mapping[str, float | Callable[[], float]] = field(default_factory=dict)
    instead: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    answer: float = math.nan
    digits: int = 3
    rel: float = 1e-3
    unit: str = ""
    units: Sequence[str] = ()

    def __post_init__(self) -> None:
        values = {name: float(v() if callable(v) else v) for name, v in self.given.items()}
        self.given = values
        if self.formula:
            tree = grammar.parse(self.formula, known=values)
            self.answer = float(complex(grammar.evaluate(tree, values)).real)

    @property
    def references(self) -> Sequence[object]:
        """The number as a float, as text, as text with its unit, and as numpy and torch scalars."""
        text = f"{self.answer:.12g}"
        arrays = np.float64(self.answer), torch.tensor(self.answer, dtype=torch.float64)
        return [self.answer, text, f"({text})*2/2", f"{text} {self.unit}".strip(), *arrays, *self.also]

    def read(self, answer: Any, marks: Any) -> object:
        """The answer as a float, or its text."""
        if isinstance(answer, str):
            return str.strip(answer)[:LONGEST_TEXT] or None
        value = to_float(answer)
        return value if math.isfinite(value) else repr(value)

    def weigh(self, data: Any) -> Verdict:
        """Passed if right within the tolerance; else the mistake that it is, or how far it is off."""
        value = self._typed(data) if isinstance(data, str) else to_float(data)
        if not math.isfinite(value):
            return not_yet("That is no finite number.")
        if self._is(value, self.answer):
            return Verdict(Outcome.PASSED, self.right)
        for mistake in self.mistakes:
            if self._is(value, to_float(mistake.example)):
                return not_yet(mistake.message)
        return not_yet(self._distance(value))

    def _is(self, value: float, target: float) -> bool:
        if abs(value - target) <= max(self.rel, 1e-9) * abs(target) + 1e-12:
            return True
        return self.rel > 0 and digit_count(value) >= 3 and rounded(target, digit_count(value)) == value

    def _distance(self, value: float) -> str:
        a = self.answer
        for change, message in GENERIC_NUMBERS:
            if a not in (0, 1) and self._is(value, change(a)):
                return f"{five_digits(value)}: {message}"
        if value == 0:
            return "0 came, and the answer is not 0."
        if abs(value / a - 1) < 0.05:
            if a == int(a):
                return f"{grammar.unparse(grammar.Num(value))} is close, but not it. Count once more."
            if abs(value / a - 1) < 0.005 or rounded(a, digit_count(value)) == value:
                how = "Keep five digits, and round at the end."
                return f"{five_digits(value)} is close, but not close enough. {how}"
            return f"{five_digits(value)} is near, but a term or a factor differs."
        if value * a < 0:
            return f"{five_digits(value)} has the wrong sign."
        ratio = value / a
        times = f"{rounded(max(ratio, 1 / ratio), 3):.15g}"
        how = f"{times} times too {'large' if ratio > 1 else 'small'}"
        return f"{five_digits(value)} is {how}. Write the step down in symbols before you put numbers in."

    def _typed(self, text: str) -> float:
        text = " ".join(text.partition("#")[0].split())
        if re.fullmatch(r"[+-]?(nan|inf|infinity)", text, re.I):
            return math.nan
        share = 1.0
        tail = re.search(
            r"(?<![\w(*/^.√\\])\s+([A-Za-zµμ%][\w/ ]{0,30})$|(?<=[\d)])\s*([A-Za-z%][A-Za-z/ ]{0,30})$", text
        )
        if tail and (word := (tail[1] or tail[2]).strip()).split()[0] not in grammar.SPELLINGS:
            if word == "%" and not self.unit:
                share = 0.01
            elif stem(word) not in map(stem, (self.unit, *self.units)):
                asked = f"in {self.unit}" if self.unit else "as a plain number without a unit"
                raise Unreadable(f"Give the answer {asked}; {grammar.quoted(word)} came.")
            text = text[: tail.start()]
        parted = re.sub(r"(?<=\d)[ ,_\u2009\u202f'](?=\d{3}(?!\d))", "", text)
        whole, decimal = (re.sub(r"^([+-]?\d+),(\d+)$", r"\1.\2", x) for x in (parted, text))
        readings = [whole, decimal] if decimal != text else [whole]  # 99,108 and 0,825
        return min((share * self._value(x) for x in readings), key=lambda value: abs(value - self.answer))

    def _value(self, text: str) -> float:
        tree = grammar.parse(text)
        if found := grammar.names(tree):
            symbol = grammar.shown(min(found))
            raise Unreadable(f"A number is asked for; {symbol} is a symbol. Put its value in.")
        value = complex(grammar.evaluate(tree, {}))
        return value.real if value.imag == 0 else math.nan


def digit_count(value: float) -> int:
    """How many significant digits a number has, without trailing zeros."""
    return len(f"{value:.15g}".partition("e")[0].lstrip("-0.").replace(".", "").rstrip("0"))


def rounded(value: float, count: int) -> float:
    """A number rounded to so many significant digits."""
    return float(f"{value:.{max(count, 1)}g}")


def stem(word: str) -> str:
    """A unit in the singular, in lower case."""
    word = word.lower()
    if word.endswith("ss"):
        return word
    return word.removesuffix("es") if word.endswith("ses") else word.removesuffix("s")


def to_float(value: Any) -> float:
    """A number of any usual type as a float.  Unreadable for anything else, including a bool."""
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
        if grammar.is_sympy(value):
            return complex(grammar.evaluate(grammar.from_sympy(value), {})).real
        if isinstance(value, Decimal):
            return Decimal.__float__(value)
        if isinstance(value, Rational):
            return int(value.numerator) / int(value.denominator)
    except OverflowError:
        return math.inf
    except KeyError:
        raise Unreadable("A number is asked for; put values in for the symbols.") from None
    if callable(value):
        raise Unreadable("A number is asked for; a function came. Did you mean to call it?")
    raise Unreadable(f"A number is asked for; {kind_of(value)} came.")
