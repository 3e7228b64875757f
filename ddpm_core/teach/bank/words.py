"""Fills numbers into the bank's texts: ⟨noise_500:.3f⟩ becomes the standard deviation, to three decimals.

A placeholder names one of the lesson's NUMBERS, or a quantity of linear(1000) at a time; the prefix root_
takes the square root.  `answer` is the answer of an exercise that asks for a number, `example` that of a
mistake.  After the colon stands a Python format, "g" by default.  ⟨b⟩ is the letter of an option.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..judge.exercise import Exercise, Mistake
from ..judge.table import linear_table

LINEAR = linear_table()
PLACE = re.compile(r"⟨(\w+)(?::([^⟩]+))?⟩")
TEXTS = ("title", "prompt", "worked", "right", "hints", "mistakes", "options", "why", "rubric")

QUANTITIES: Mapping[str, Callable[[int], float]] = {
    "signal": lambda t: LINEAR.abar[t] ** 0.5,
    "noise": lambda t: (1 - LINEAR.abar[t]) ** 0.5,
    "abar": lambda t: LINEAR.abar[t],
    "variance": lambda t: 1 - LINEAR.abar[t],  # of the noise in x_t
    "snr": lambda t: LINEAR.snr[t],
    "alpha": lambda t: LINEAR.alphas[t],
    "beta": lambda t: LINEAR.betas[t],
    "beta_tilde": lambda t: LINEAR.beta_tilde[t],
    "open": lambda t: 0.25 / (1 + 0.25 * LINEAR.snr[t]),  # Var(x_0 | x_t) for data of variance 1/4
    "prior": lambda t: -math.log(1 - LINEAR.abar[t]) / 2,  # L_T of a pixel at 1, if T = t
}


def filled(exercise: Exercise, numbers: Mapping[str, Any]) -> Exercise:
    """The exercise with its placeholders filled in.  KeyError for an unknown name."""
    known = {"answer": getattr(exercise, "answer", None), **numbers}

    def worded(part: Any) -> Any:
        if isinstance(part, str):
            return fill(part, known)
        if isinstance(part, Mistake):
            return part._replace(message=fill(part.message, {"example": part.example, **known}))
        if isinstance(part, Mapping):
            return {key: worded(text) for key, text in part.items()}
        return [worded(text) for text in part]

    fields = {name: worded(getattr(exercise, name)) for name in TEXTS if hasattr(exercise, name)}
    if mutants := getattr(exercise, "mutants", {}):
        fields["mutants"] = {fill(text, known): mutant for text, mutant in mutants.items()}
    return replace(exercise, **fields)


def fill(text: str, numbers: Mapping[str, Any]) -> str:
    """The text with its placeholders filled in."""

    def written(place: re.Match[str]) -> str:
        if re.fullmatch("[a-h]", place[1]):
            return place[0]  # for `Choice.shuffled`
        digits = format(float(looked_up(place[1], numbers)), place[2] or "g")
        return in_formula(digits) if text[: place.start()].count("$") % 2 else in_prose(digits)

    return PLACE.sub(written, text)


def looked_up(name: str, numbers: Mapping[str, Any]) -> Any:
    """The number of that name.  KeyError if it means nothing."""
    if name in numbers:
        return numbers[name]
    if name.startswith("root_"):
        return looked_up(name.removeprefix("root_"), numbers) ** 0.5
    quantity, _, t = name.rpartition("_")
    if quantity not in QUANTITIES or not t.isdecimal():
        raise KeyError(f"⟨{name}⟩ names no number")
    return QUANTITIES[quantity](int(t))


def in_prose(digits: str) -> str:
    """A formatted number as written in prose: −0.5, 3e-5, 60 %, 49 554."""
    return re.sub("e([+-])0*", r"e\1", re.sub("^-", "−", digits)).replace("%", " %").replace("_", " ")


def in_formula(digits: str) -> str:
    r"""A formatted number in LaTeX: -0.5, 3\cdot10^{-5}, 99\,100."""
    return re.sub(r"e\+?(-?)0*(\d+)", r"\\cdot10^{\1\2}", digits).replace("_", r"\,")
