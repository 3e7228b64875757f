"""Exercises whose answer is a number."""

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from numbers import Rational
from typing import Any

from . import grammar, tree
from .exercise import LONGEST_TEXT, Exercise, Outcome, Verdict, five_digits, kind_of, not_yet
from .grammar import Unreadable
from .inference import Inference, Typed

SCALES = {"thousand": 1e3, "k": 1e3, "million": 1e6, "mio": 1e6, "m": 1e6, "billion": 1e9, "%": 0.01}
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
ABOUT = re.compile(r"^(?:~|≈|about\b|approximately\b|approx\b\.?|around\b|ca\b\.?|roughly\b)\s*", re.I)
LITERAL = re.compile(r"[+-]?(?=\.?\d)(\d*)(\.\d*)?(?:[eE]([+-]?\d+))?")
TAIL = re.compile(
    r"(?<![\w(*/^.√\\])\s+([A-Za-zµμ%][\w/% ]{0,40})$|(?<=[\d)])\s*([A-Za-z%][A-Za-z/% ]{0,40})$"
)
GROUPS = re.compile(r"(?<=\d)[ _\u2009\u202f'](?=\d{3}(?!\d))")
LOOSE = 3e-4  # how far a number may be off, relative to it, if it was computed from rounded ones


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
            value = tree.evaluate(grammar.parse(self.formula, known=values), values)
            self.answer = complex(value).real

    @property
    def references(self) -> Sequence[object]:
        """The number as a float, as text, as a formula, and as text with its unit."""
        text = f"{self.answer:.12g}"
        return [self.answer, text, f"({text})*2/2", f"{text} {self.unit}".strip(), *self.also]

    def read(self, answer: Any, marks: Any) -> object:
        """The answer as a float, or its text."""
        if isinstance(answer, str):
            return str.strip(answer)[:LONGEST_TEXT] or None
        if isinstance(answer, tuple) and len(answer) == 2 and all(type(part) is int for part in answer):
            whole, decimals = answer
            raise Unreadable(f"Python reads a comma as two numbers; write {whole}.{decimals} with a point.")
        value = to_float(answer)
        return value if math.isfinite(value) else repr(value)

    def weigh(self, data: Any) -> Verdict:
        """Passed if right within the tolerance; else the mistake that it is, or how far it is off."""
        typed = self._typed(data) if isinstance(data, str) else literal(f"{to_float(data):.15g}")
        if not math.isfinite(typed.value):
            return not_yet("That is no finite number.")
        if self._is(typed, self.answer):
            return Verdict(Outcome.PASSED, self.right)
        return not_yet(
            self._own(typed, 3) or self._short(typed) or self._own(typed, 2) or self._diagnosis(typed)
        )

    def _is(self, typed: Typed, target: float, digits: int | None = None) -> bool:
        """Whether a number is the target within the tolerance, or rounded to the digits asked for."""
        if abs(typed.value - target) <= max(self.rel, 1e-9) * abs(target) + 1e-12:
            return True
        asked = self.digits if digits is None else digits
        said = self.rel > 0 or typed.off > 1  # as in 3.07 million
        return said and typed.digits >= asked and rounds_to(typed, target)

    def _own(self, typed: Typed, digits: int) -> str:
        """The message of the exercise's own mistake, if it is one."""
        made = (m.message for m in self.mistakes if self._is(typed, to_float(m.example), digits))
        return next(made, "")

    def _short(self, typed: Typed) -> str:
        """What to say to a right number with too few digits, or with the last one cut off."""
        near = abs(typed.value / self.answer - 1) < 0.06 if self.answer else False
        cut = 0 < abs(self.answer) - abs(typed.value) < 2 * typed.off * (1 - 1e-9)
        if typed.digits >= 15 or not near or not (cut or rounds_to(typed, self.answer)):
            return ""
        if not self.rel or self.answer == int(self.answer):
            return "Right as far as it goes; here the exact number is asked for."
        count = COUNTS[self.digits] if self.digits < len(COUNTS) else self.digits
        if rounds_to(typed, self.answer):
            return f"Right as far as it goes: give {count} digits."
        return f"{shown_number(typed)} is cut off where it should be rounded. Give {count} digits, rounded."

    def _diagnosis(self, typed: Typed) -> str:
        """The mistake that a wrong number shows, else how far it is off."""
        shown = shown_number(typed)
        loose = typed._replace(off=LOOSE * abs(typed.value), digits=4)
        for reading in [typed, loose] if typed.digits > 6 else [typed]:
            match self._inference.told(reading):
                case [one]:
                    return f"{shown} is what comes out if {one}."
                case [one, other]:
                    return f"{shown} comes out if {one}; or if {other}. Which of the two was it?"
        return f"{self._distance(typed, shown)} {self._inference.so_far(typed)}".strip()

    @cached_property
    def _inference(self) -> Inference:
        """What is known of the formula; where there is none, of the number alone."""
        values = {name: to_float(value) for name, value in self.given.items()}
        counts = {
            name: value == int(value) for name, value in values.items()
        }  # whole numbers among themselves
        others = {a: [b for b in values if a != b and counts[a] == counts[b]] for a in values}
        for name, all_ in self.instead.items():
            values |= {other: float(value) for other, value in all_.items()}
            others[name] = [*others.get(name, ()), *all_]
        trees = [grammar.parse(self.formula or repr(float(self.answer)), known=values)]
        also = [self._typed(form).tree for form in self.also if isinstance(form, str) and self.formula]
        return Inference([*trees, *filter(None, also)], values, others)

    def _distance(self, typed: Typed, shown: str) -> str:
        a, value = self.answer, typed.value
        if value == 0:
            return "0 came, and the answer is not 0."
        if a and abs(value / a - 1) < 0.05:
            if a == int(a):
                return f"{shown} is close, but not it. Count once more."
            if abs(value / a - 1) < 0.005:
                return f"{shown} is close, but not close enough. Keep five digits, and round at the end."
            return f"{shown} is near, but a term or a factor differs."
        if value * a < 0:
            return f"{shown} has the wrong sign."
        ratio = value / a if a else math.inf
        times = f"{rounded(max(ratio, 1 / ratio), 3):.15g}"
        how = f"{times} times too {'large' if ratio > 1 else 'small'}"
        return f"{shown} is {how}. Write the step down in symbols before you put numbers in."

    def _typed(self, text: str) -> Typed:
        text = ABOUT.sub("", " ".join(text.partition("#")[0].split()))
        if re.fullmatch(r"[+-]?(nan|inf|infinity)", text, re.I):
            return Typed(math.nan, 0, 0)
        text, share = self._without_unit(text)
        text = GROUPS.sub("", text)
        if re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", text):
            whole, point = text.replace(",", ""), text.replace(",", ".")
            if self._is(literal(point), self.answer):
                raise Unreadable(f"I read {text} as {whole}; if that is no thousand, write {point}.")
        text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text) if not re.match(r"[+-]?0,", text) else text
        typed = self._value(re.sub(r"^([+-]?\d+),(\d+)$", r"\1.\2", text))
        return typed._replace(value=share * typed.value, off=share * typed.off)

    def _without_unit(self, text: str) -> tuple[str, float]:
        """The text without its unit, and what million or % stands for.  Unreadable for another unit."""
        tail = TAIL.search(text)
        word = (tail[1] or tail[2]).strip() if tail else ""
        if not tail or word.split()[0] in {*grammar.SPELLINGS, *grammar.CONSTANTS}:
            return text, 1.0
        scale, _, unit = word.partition(" ")
        if scale.lower() not in SCALES or (scale == "%" and self.unit) or stem(word) in self._units:
            scale, unit = "", word
        if unit and stem(unit) not in self._units:
            asked = f"in {self.unit}" if self.unit else "as a plain number without a unit"
            raise Unreadable(f"Give the answer {asked}; {grammar.quoted(word)} came.")
        return text[: tail.start()], SCALES.get(scale.lower(), 1.0)

    @property
    def _units(self) -> set[str]:
        return {stem(unit) for unit in (self.unit, *self.units) if unit}

    def _value(self, text: str) -> Typed:
        if LITERAL.fullmatch(text):
            return literal(text)
        formula = grammar.parse(text)
        if found := tree.names(formula):
            symbol = grammar.shown(min(found))
            raise Unreadable(f"A number is asked for; {symbol} is a symbol. Put its value in.")
        value = complex(tree.evaluate(formula, {}))
        return Typed(value.real if value.imag == 0 else math.nan, 0.0, 15, formula)


def literal(text: str) -> Typed:
    """A number as typed: 0.250 has three digits, and so has 250."""
    match = LITERAL.fullmatch(text)
    if match is None:
        return Typed(float(text), 0.0, 15)
    whole, decimals = match[1], (match[2] or "")[1:]
    count = len((whole + decimals).lstrip("0"))
    off = 0.5 * 10.0 ** min(int(match[3] or 0) - len(decimals), 300) if count else 0.0
    return Typed(float(text), off, count)


def rounds_to(typed: Typed, target: float) -> bool:
    """Whether a number is what the target rounds to at its digits; a half may go up or down."""
    return abs(typed.value - target) <= typed.off * (1 + 1e-9)


def shown_number(typed: Typed) -> str:
    """A number as it came, or a formula's value with five digits."""
    if abs(typed.value) < 1e-14:
        return "0"
    return five_digits(typed.value) if typed.tree or typed.digits > 6 else f"{typed.value:.15g}"


def rounded(value: float, count: int) -> float:
    """A number rounded to so many significant digits."""
    return float(f"{value:.{max(count, 1)}g}")


def stem(word: str) -> str:
    """A unit in the singular, in lower case, with a stroke for "per"."""
    word = re.sub(r"\s*(?:\bper\b|/)\s*", "/", " ".join(word.lower().split()))
    word = re.sub(r"\bdim(ension)?s?$", "dim", {"bpd": "bit/dim"}.get(word, word))
    return "/".join(_singular(part) for part in word.split("/"))


def _singular(word: str) -> str:
    if word.endswith("ss"):
        return word
    return word.removesuffix("es") if word.endswith("ses") else word.removesuffix("s")


def _item(value: Any) -> Any:
    """The one number in a tensor of torch's or an array of numpy's, anything else as it is."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch is not None and isinstance(value, torch.Tensor):
        if value.numel() != 1:
            raise Unreadable(f"One number is asked for; a tensor of shape {tuple(value.shape)} came.")
        value = value.detach().cpu().reshape(()).item()
    if numpy is not None and isinstance(value, numpy.ndarray | numpy.generic):
        if value.size != 1 or value.dtype.kind not in "iuf":
            raise Unreadable("One number is asked for; an array came.")
        value = value.item()
    return value


def to_float(value: Any) -> float:
    """A number of any usual type as a float.  Unreadable for anything else, including a bool."""
    value = _item(value)
    if isinstance(value, bool | complex):
        raise Unreadable(f"A number is asked for; {type(value).__name__} came.")
    try:
        if isinstance(value, float):
            return float.__float__(value)
        if isinstance(value, int):
            return int.__float__(value)
        if grammar.is_sympy(value):
            return complex(tree.evaluate(grammar.from_sympy(value), {})).real
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
