"""Exercises whose answer is a formula, which is identified by its values at random points."""

import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ...schedule import linear
from . import grammar
from .exercise import LONGEST_TEXT, Exercise, Mistake, Outcome, Verdict, five_digits, kind_of, not_yet
from .grammar import SHOWN, Unreadable, shown
from .number import to_float

POINTS = 12
BARE_LOG = re.compile(r"(?:log|ln)\s*(?![\s(\[{_2])")
EXAMPLE = {"x_t": 1.0, "x_0": 0.6, "eps": 0.5, "z": -0.8, "mu": 0.9, "x_prev": 0.7}
ABAR = linear().abar
LINEAR = ("x_t", "x_0", "x_prev", "eps", "z", "mu")
SCHEDULE = ("alpha", "abar", "abar_prev", "beta")


def _density(name: str) -> bool:
    return name[0] in "pq"


class World(dict[str, Any]):
    """Random values for every name, which satisfy abar = alpha abar_prev, beta = 1 - alpha and so on."""

    def __missing__(self, name: str) -> Any:
        dice = np.random.default_rng(zlib.crc32(name.encode()))  # fixed numbers for each name
        if name in LINEAR:
            value = dice.uniform(0.5, 2, POINTS) * dice.choice([-1, 1], POINTS)
        elif _density(name) or name == "sigma":
            value = dice.uniform(0.2, 1.8, POINTS)
        else:
            value = self._derived(name, dice)
        self[name] = value
        return value

    def _derived(self, name: str, dice: np.random.Generator) -> Any:
        match name:
            case "alpha" | "abar_prev":
                return dice.uniform(0.2, 0.95, POINTS)
            case "abar":
                return self["alpha"] * self["abar_prev"]
            case "beta":
                return 1 - self["alpha"]
            case "beta_tilde":
                return self["beta"] * (1 - self["abar_prev"]) / (1 - self["abar"])
            case "abar_s":
                return self["abar"] + dice.uniform(0.1, 0.9, POINTS) * (1 - self["abar"])
        raise KeyError(name)


WORLD = World()
for _name in SHOWN:
    WORLD[_name]
SWAPS: tuple[tuple[dict[str, str], str], ...] = (
    ({"abar": "alpha", "abar_prev": "alpha"}, r"Every $\bar\alpha$ stands as $\alpha$: the bars are lost."),
    ({"abar": "alpha"}, r"$\alpha_t$ stands where $\bar\alpha_t$, the product of all steps so far, belongs."),
    ({"alpha": "abar"}, r"$\bar\alpha_t$ stands where $\alpha_t$, the factor of one step, belongs."),
    ({"abar": "abar_prev"}, r"The index is off by one: $\bar\alpha_{t-1}$ where $\bar\alpha_t$ belongs."),
    ({"abar_prev": "abar"}, r"The index is off by one: $\bar\alpha_t$ where $\bar\alpha_{t-1}$ belongs."),
    (
        {"abar_prev": "abar", "abar": "abar_prev"},
        r"$\bar\alpha_t$ and $\bar\alpha_{t-1}$ have changed places.",
    ),
)
GENERIC_FORMULAS: tuple[tuple[Callable[[Any], Any], str], ...] = (
    (lambda v: -v, "The sign is turned round."),
    (lambda v: v * v, "That is the square of what is asked."),
    (np.sqrt, "That is the square root of what is asked; one root too many."),
    (lambda v: 1 / v, "That is the reciprocal of what is asked; it stands upside down."),
)


class Moment(World):
    """Values at one time: one number for every name."""

    def __missing__(self, name: str) -> Any:
        self[name] = float(np.mean(super().__missing__(name)))
        return self[name]


def at(t: int) -> World:
    """The names' values at time t of linear(1000), with the data of EXAMPLE and s = t/2."""
    abar, prev, s = (float(ABAR[k]) for k in (t, t - 1, t // 2))
    world = Moment(EXAMPLE, abar=abar, abar_prev=prev, abar_s=s, alpha=abar / prev)
    world["sigma"] = 0.8 * math.sqrt(world["beta_tilde"])  # neither of the two usual choices
    return world


@dataclass(kw_only=True, eq=False, repr=False)
class Symbolic(Exercise):
    """A formula of the names in `given`, in any equivalent form, as text or as a sympy expression.

    given: the names, or {name: value} with the values at which a message compares two formulas.  instead: for
    a name, other names that could be taken for it by mistake.
    """

    kind = "symbolic"
    answer: str
    given: Sequence[str] | Mapping[str, float]
    instead: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def references(self) -> Sequence[object]:
        """The formula, and other ways to write it."""
        a = self.answer
        return [
            a,
            f"(({a})*3)/3",
            f"({a}) + beta - (1 - alpha)" if "alpha" in self.given else f"2*({a}) - ({a})",
            f"0.5*({a}) + ({a})/2",
            *self.also,
        ]

    def read(self, answer: Any, marks: Any) -> object:
        """The formula as text; a sympy expression is converted."""
        if isinstance(answer, str):
            return str.strip(answer)[: grammar.LONGEST + 1] or None
        if grammar.is_sympy(answer):
            tree = grammar.renamed(grammar.from_sympy(answer), self._other_names)
            return grammar.unparse(tree)[: grammar.LONGEST + 1]
        if isinstance(answer, int | float) and not isinstance(answer, bool):
            return grammar.unparse(grammar.Num(to_float(answer)))
        raise Unreadable(f"Write the formula as text, such as `sqrt(alpha)*x_t`; {kind_of(answer)} came.")

    def weigh(self, data: Any) -> Verdict:
        """Passed if equal to the reference at all points; else its mistake, or where it differs."""
        if not isinstance(data, str):
            raise Unreadable("A formula is written as text.")
        tree = grammar.parse(data)
        names = grammar.names(tree)
        note = self._reading(data)
        value = grammar.evaluate(tree, WORLD)
        strangers = [name for name in sorted(names) if name not in self.given]
        if not strangers and grammar.values_agree(value, self._value):
            return Verdict(Outcome.PASSED, self.right)
        if BARE_LOG.search(grammar.normalized(data)):
            wide = grammar.parse(data, wide=True)
            meant = grammar.evaluate(wide, WORLD)
            if not strangers and grammar.values_agree(meant, self._value):
                return Verdict(Outcome.PASSED, self.right)
            if any(grammar.values_agree(meant, wrong) for _, wrong in self._wrong):
                tree, value = wide, meant
        for mistake, wrong in self._wrong:
            if grammar.values_agree(value, wrong):
                return not_yet(mistake.message, self._numbers(tree))
        if strangers:
            allowed = ", ".join(map(shown, self.given))
            return not_yet(f"{shown(strangers[0])} is not among what you have here: {allowed}.", note)
        if not np.isfinite(value).all():
            return not_yet(
                "That has no finite value at ordinary numbers: a division by 0, or a huge power.", note
            )
        if len(data) > LONGEST_TEXT:
            return not_yet("That is another formula. Write it shorter, and I can say where it departs.", note)
        return not_yet(self._usual(value) or "Another formula came out.", self._departs(tree), note)

    @property
    def _other_names(self) -> dict[str, grammar.Tree]:
        """Sympy symbols to rename: the lessons call the earlier time s, an exercise may call it t-1."""
        if "abar_s" in self.given:
            return {} if "alpha" in self.given else {"alpha": grammar.parse("abar/abar_s")}
        return {"abar_s": grammar.Name("abar_prev")} if "abar_prev" in self.given else {}

    @cached_property
    def _tree(self) -> grammar.Tree:
        return grammar.parse(self.answer)

    @cached_property
    def _value(self) -> grammar.Values:
        return grammar.evaluate(self._tree, WORLD)

    @cached_property
    def _wrong(self) -> list[tuple[Mistake, grammar.Values]]:
        return [(m, grammar.evaluate(grammar.parse(str(m.example)), WORLD)) for m in self.mistakes]

    def _usual(self, value: grammar.Values) -> str:
        for change, message in GENERIC_FORMULAS:
            if grammar.values_agree(value, change(self._value)):
                return message
        for swap, message in SWAPS:
            swapped = World({**WORLD, **{old: WORLD[new] for old, new in swap.items()}})
            if grammar.values_agree(value, grammar.evaluate(self._tree, swapped)):
                return message
        if not np.any(value):
            return "That is 0, whatever the numbers are."
        ratio = value / self._value
        if grammar.values_agree(ratio, np.full(POINTS, ratio[0])):
            return f"Right but for a constant factor: yours is {five_digits(ratio[0])} times what is asked."
        return ""

    def _departs(self, tree: grammar.Tree) -> str:
        """The first wrong part, if the formula is a sum of parts; else its value beside the right one."""
        fine: list[str] = []
        t = self._time(tree)
        for name in [*self.given, *sorted(grammar.names(tree) - set(self.given))]:
            if not (_density(name) or name in LINEAR):
                continue
            place, counts = shown(name), "logarithm" if _density(name) else "factor"
            mine, right = (self._part(formula, name, t) for formula in (tree, self._tree))
            if mine is None or right is None:
                break
            if not abs(mine - right) <= 1e-6 * (abs(right) + 1e-3):
                good = f"The part with {', '.join(fine)} is right. " if fine else ""
                where = "" if _density(name) else f" at t = {t} of linear(1000)"
                its = f"its {counts} counts {five_digits(mine)}{where}, expected {five_digits(right)}"
                return f"{good}Look at {place}: {its}."
            fine.append(place)
        if not any(map(_density, self.given)):
            return self._numbers(tree)
        mine, right = self._both(tree, at(500))
        its = f"at one set of densities it is {five_digits(mine)}, expected {five_digits(right)}"
        return f"It is no sum of logarithms as it should be: {its}."

    def _part(self, formula: grammar.Tree, name: str, t: int) -> complex | None:
        """What a name contributes when all others of its kind are neutral; None if that isn't linear."""
        world = at(t)
        for other in {*self.given, *grammar.names(formula)}:
            world[other] = 1.0 if _density(other) else 0.0 if other in LINEAR else world[other]
        base = complex(grammar.evaluate(formula, world))
        world[name] = math.e if _density(name) else 1.0
        once = complex(grammar.evaluate(formula, world)) - base
        world[name] = math.e**2 if _density(name) else 2.0
        twice = complex(grammar.evaluate(formula, world)) - base
        return once if abs(twice - 2 * once) <= 1e-6 * (abs(once) + 1e-3) else None

    def _both(self, tree: grammar.Tree, world: World) -> tuple[complex, complex]:
        """The values of a formula and of the reference."""
        return complex(grammar.evaluate(tree, world)), complex(grammar.evaluate(self._tree, world))

    def _time(self, tree: grammar.Tree) -> int:
        """A time t >= 2 at which a formula is clearly wrong."""
        off: dict[int, float] = {}
        for t in (500, 100, 10, 2, 900):
            world = at(t)
            mine, right = self._both(tree, world)
            off[t] = abs(mine - right) / (abs(right) + 1e-12) if np.isfinite(mine) else math.inf
            if off[t] > 0.05:
                return t
        return max(off, key=lambda t: off[t])

    def _numbers(self, tree: grammar.Tree) -> str:
        if any(map(_density, self.given)):
            return self._departs(tree)
        t = self._time(tree)
        world = at(t)
        mine, right = self._both(tree, world)
        met = (grammar.names(tree) | set(self.given)) - {*SCHEDULE, "abar_s", "beta_tilde"}
        values = [f"{SHOWN[n]} = {five_digits(world[n])}" for n in SHOWN if n in met]
        if "abar_s" in self.given:
            values.append(f"s = {t // 2}")
        data = f" with {', '.join(values)}" if values else ""
        numbers = f"yours gives {five_digits(mine)}, expected {five_digits(right)}"
        return f"At t = {t} of linear(1000){data}: {numbers}."

    def _reading(self, text: str) -> str:
        if "abar_prev" in self.given and re.search(r"_t\s*[-−]\s*1", text):
            return "I read abar_t-1 as abar_t minus 1; write abar_prev or abar_{t-1} for the time before."
        if BARE_LOG.search(grammar.normalized(text)):
            return "I read log a b as (log a) b, and log a/b as (log a)/b; put brackets around what it is of."
        return ""
