"""Exercises whose answer is a formula, which is identified by its values at random points."""

import cmath
import math
import random
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from . import grammar
from .exercise import LONGEST_TEXT, Exercise, Mistake, Outcome, Verdict, five_digits, kind_of, not_yet
from .grammar import KNOWN, Unreadable, shown
from .number import to_float
from .slips import DONE, LARGEST, UNDONE, Slip, exchanged, forms, said, slips
from .table import linear_table
from .tree import (
    Name,
    Num,
    Power,
    Product,
    Tree,
    Value,
    evaluate,
    latex,
    names,
    nodes,
    renamed,
    same_values,
    unparse,
)

POINTS = 12
BARE_LOG = re.compile(r"(?:log|ln)\s*(?![\s(\[{|_2])")
EXAMPLE = {"x_t": 1.0, "x_0": 0.6, "eps": 0.5, "z": -0.8, "mu": 0.9, "x_prev": 0.7}
TIMES = (500, 100, 10, 2, 900)
LINEAR = ("x_t", "x_0", "x_prev", "eps", "z", "mu")
SCHEDULE = ("alpha", "abar", "abar_prev", "beta")
REST = tuple(grammar.parse(f"1-{name}") for name in ("abar", "abar_prev", "abar_s"))
ATOMS = (*map(Name, (*SCHEDULE, "abar_s", "sigma", "beta_tilde")), *REST)


def _density(name: str) -> bool:
    return "(" in name


class World(dict[str, Any]):
    """Random values for every name, which satisfy abar = alpha abar_prev, beta = 1 - alpha and so on."""

    def __init__(self, seed: int, **fixed: Value):
        super().__init__(fixed)
        self.seed = seed

    def __missing__(self, name: str) -> Value:
        dice = random.Random(zlib.crc32(f"{name} {self.seed}".encode()))  # fixed numbers for each name
        if name in LINEAR:
            value = dice.uniform(0.5, 2) * dice.choice([-1, 1])
        elif _density(name) or name == "sigma":
            value = dice.uniform(0.2, 1.8)
        else:
            value = self._derived(name, dice)
        self[name] = value
        return value

    def _derived(self, name: str, dice: random.Random) -> Any:
        match name:
            case "alpha" | "abar_prev":
                return dice.uniform(0.2, 0.95)
            case "abar":
                return self["alpha"] * self["abar_prev"]
            case "beta":
                return 1 - self["alpha"]
            case "beta_tilde":
                return self["beta"] * (1 - self["abar_prev"]) / (1 - self["abar"])
            case "abar_s":
                return self["abar"] + dice.uniform(0.1, 0.9) * (1 - self["abar"])
        raise KeyError(name)


WORLDS = [World(seed) for seed in range(POINTS)]


def everywhere(tree: Tree) -> list[Value]:
    """The values of a formula at all points."""
    return [evaluate(tree, world) for world in WORLDS]


def at(t: int) -> World:
    """The names' values at time t of linear(1000), with the data of EXAMPLE and s = t/2."""
    abar, prev, s = (linear_table().abar[k] for k in (t, t - 1, t // 2))
    world = World(0, **EXAMPLE, abar=abar, abar_prev=prev, abar_s=s, alpha=abar / prev)
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
            return unparse(renamed(grammar.from_sympy(answer), self._other_names))[: grammar.LONGEST + 1]
        if isinstance(answer, int | float) and not isinstance(answer, bool):
            return unparse(Num(to_float(answer)))
        raise Unreadable(f"Write the formula as text, such as `sqrt(alpha)*x_t`; {kind_of(answer)} came.")

    def weigh(self, data: Any) -> Verdict:
        """Passed if equal to the reference at all points; else its mistake, or where it differs."""
        if not isinstance(data, str):
            raise Unreadable("A formula is written as text.")
        readings = [self._chained(grammar.parse(data))]
        if BARE_LOG.search(grammar.normalized(data)):
            readings.append(self._chained(grammar.parse(data, wide=True)))
        values = [everywhere(tree) for tree in readings]
        for tree, value in zip(readings, values, strict=True):
            if same_values(value, self._value):
                return self._passed(tree)
        for tree, value in zip(readings, values, strict=True):
            if mistake := next((m for m, wrong in self._wrong if same_values(value, wrong)), None):
                return not_yet(mistake.message, self._numbers(tree))
        two = len(values) > 1 and not same_values(values[0], values[1])
        best = int(two and bool(self._inferred(readings[1], values[1])))
        return not_yet(
            self._diagnosis(readings[best], values[best], data), self._reading(data, two and not best)
        )

    def _passed(self, tree: Tree) -> Verdict:
        """Passed, unless a name is still to be written out."""
        if strangers := self._strangers(tree):
            written, allowed = (", ".join(map(shown, x)) for x in (strangers, self.given))
            return not_yet(f"Right. Now write {written} out, with nothing but {allowed}.")
        return Verdict(Outcome.PASSED, self.right)

    def _diagnosis(self, tree: Tree, value: list[Value], data: str) -> str:
        """What is wrong with a formula that is none of the exercise's own mistakes."""
        if certain := next((name for name in sorted(names(tree)) if _certain(name)), None):
            return (
                f"{shown(certain)} has one state on both sides of the bar. What is given is certain: that is "
                "no density to take a logarithm of, and so the last step has no divergence."
            )
        if strangers := self._strangers(tree):
            allowed = ", ".join(map(shown, self.given))
            clause = self._inferred(tree, value) if len(data) < LONGEST_TEXT else ""
            so = f" Yours comes out if {clause}." if clause else ""
            return f"{shown(strangers[0])} is not among what you have here: {allowed}.{so}"
        if not all(map(cmath.isfinite, value)):
            return "That has no finite value at ordinary numbers: a division by 0, or a huge power."
        if len(data) > LONGEST_TEXT:
            return "That is another formula. Write it shorter, and I can say where it departs."
        if not any(value):
            return f"That is 0, whatever the numbers are. {self._departs(tree)}"
        if clause := self._inferred(tree, value):
            return f"Yours comes out if {clause}. {self._numbers(tree)}"
        if times := named_factor(value, self._value):
            return f"Yours is ${times}$ times what is asked. {self._departs(tree)}"
        return f"Another formula came out. {self._departs(tree)}"

    # --- what the formula is ---

    @property
    def _other_names(self) -> dict[str, Tree]:
        """Sympy symbols to rename: the lessons call the earlier time s, an exercise may call it t-1."""
        if "abar_s" in self.given:
            return {} if "alpha" in self.given else {"alpha": grammar.parse("abar/abar_s")}
        return {"abar_s": Name("abar_prev")} if "abar_prev" in self.given else {}

    @cached_property
    def _trees(self) -> list[Tree]:
        """The formula, and the other ways to write it that come as text."""
        return [grammar.parse(form) for form in (self.answer, *self.also) if isinstance(form, str)]

    @property
    def _tree(self) -> Tree:
        return self._trees[0]

    @cached_property
    def _forms(self) -> list[Tree]:
        return [form for tree in self._trees for form in forms(tree)]

    @cached_property
    def _value(self) -> list[Value]:
        return everywhere(self._tree)

    @cached_property
    def _wrong(self) -> list[tuple[Mistake, list[Value]]]:
        return [(m, everywhere(grammar.parse(str(m.example)))) for m in self.mistakes]

    def _strangers(self, tree: Tree) -> list[str]:
        return [name for name in sorted(names(tree)) if name not in self.given]

    def _chained(self, tree: Tree) -> Tree:
        """The tree with each joint density as the product of the kernels that this exercise speaks of."""
        joint = {name: factors for name in names(tree) if (factors := kernels_of(name, self.given))}
        return renamed(tree, joint) if joint else tree

    # --- what the mistake is ---

    def _inferred(self, tree: Tree, value: list[Value]) -> str:
        """The slip that explains a formula, made in the right one or undone in the student's, or both."""
        mine = names(tree)
        if not all(map(cmath.isfinite, value)):
            return ""
        done = [s for form in self._forms for s in slips(form, self._others(form, mine))]
        done.sort(key=lambda slip: slip.cost)
        if slip := next((s for s in done if is_value(s.tree, value)), None):
            return self._words(slip, DONE)
        if sum(1 for _ in nodes(tree)) > LARGEST:
            return ""
        undone = [s for s in slips(tree, self._others(tree, names(self._tree))) if s.kind != "stopped"]
        if slip := next((s for s in undone if is_value(s.tree, self._value)), None):
            return self._words(slip, UNDONE, tree)
        for first, second in meeting(done, undone):
            if swap := exchanged(first, second):
                return self._words(swap, DONE, tree)
            return f"{self._words(first, DONE)}, and {self._words(second, UNDONE, tree)}"
        return ""

    def _others(self, tree: Tree, those: set[str]) -> dict[str, list[str]]:
        """For each name in a tree, what could stand in its place: of those names, and of the author's."""
        here = names(tree)
        return {
            name: [
                other
                for other in sorted({*those, *self.instead.get(name, ())} - {name})
                if _density(other) == _density(name) and not (_density(name) and other in here)
            ]
            for name in here
        }

    def _words(self, slip: Slip, table: Mapping[str, str], tree: Tree | None = None) -> str:
        whole = [*self._forms, tree]
        return said(slip, table, lambda part: "the whole" if part in whole else f"${latex(part)}$")

    # --- where the two differ ---

    def _departs(self, tree: Tree) -> str:
        """The first wrong part, if the formula is a sum of parts; else its value beside the right one."""
        fine: list[str] = []
        t = self._time(tree)
        for name in [*self.given, *sorted(names(tree) - set(self.given))]:
            if not (_density(name) or name in LINEAR):
                continue
            place, counts = shown(name), "logarithm" if _density(name) else "factor"
            mine, right = (self._part(formula, name, at(t)) for formula in (tree, self._tree))
            if mine is None or right is None:
                break
            if not abs(mine - right) <= 1e-6 * (abs(right) + 1e-3):
                good = f"The part with {', '.join(fine)} is right. " if fine else ""
                where = "" if _density(name) else f" at t = {t} of linear(1000)"
                its = f"its {counts} counts {five_digits(mine)}{where}, expected {five_digits(right)}"
                return f"{good}Look at {place}: {its}{self._too_much(tree, name)}."
            fine.append(place)
        if not any(map(_density, self.given)):
            return self._numbers(tree)
        mine, right = self._both(tree, at(500))
        its = f"at one set of densities it is {five_digits(mine)}, expected {five_digits(right)}"
        return f"It is no sum of logarithms as it should be: {its}."

    def _too_much(self, tree: Tree, name: str) -> str:
        """By which of the lesson's quantities the part with a name is too large, if it is one of them."""
        mine, right = ([self._part(f, name, World(s)) for s in range(POINTS)] for f in (tree, self._tree))
        if None in mine or None in right or not all(right) or not any(mine):
            return ""
        times = named_factor([m or 0 for m in mine], [r or 0 for r in right])
        return f"; it is ${times}$ times what it should be" if times else ""

    def _part(self, formula: Tree, name: str, world: World) -> Value | None:
        """What a name contributes when all others of its kind are neutral; None if that isn't linear."""
        for other in {*self.given, *names(formula)}:
            world[other] = 1.0 if _density(other) else 0.0 if other in LINEAR else world[other]
        base = evaluate(formula, world)
        world[name] = math.e if _density(name) else 1.0
        once = evaluate(formula, world) - base
        world[name] = math.e**2 if _density(name) else 2.0
        twice = evaluate(formula, world) - base
        return once if abs(twice - 2 * once) <= 1e-6 * (abs(once) + 1e-3) else None

    def _both(self, tree: Tree, world: Mapping[str, Value]) -> tuple[Value, Value]:
        """The values of a formula and of the reference."""
        return evaluate(tree, world), evaluate(self._tree, world)

    def _time(self, tree: Tree) -> int:
        """The time at which a formula is furthest off, as a share of both values."""

        def off(t: int) -> float:
            mine, right = self._both(tree, at(t))
            return abs(mine - right) / (abs(mine) + abs(right) + 1e-12) if cmath.isfinite(mine) else 1.0

        return max(TIMES, key=off)

    def _numbers(self, tree: Tree) -> str:
        if any(map(_density, self.given)):
            return self._departs(tree)
        t = self._time(tree)
        world: Mapping[str, Value] = at(t)
        time = f"At t = {t} of linear(1000)"
        if isinstance(self.given, Mapping):
            world, time = {**world, **self.given}, ""
        mine, right = self._both(tree, world)
        met = (names(tree) | set(self.given)) - {"abar_s", "beta_tilde", *(SCHEDULE if time else ())}
        values = [f"{shown(n)} = {five_digits(world[n])}" for n in KNOWN if n in met]
        if "abar_s" in self.given and time:
            values.append(f"s = {t // 2}")
        data = f"with {', '.join(values)}" if values else ""
        where = " ".join(filter(None, [time, data]))
        numbers = f"yours gives {five_digits(mine)}, expected {five_digits(right)}"
        return f"{where[:1].upper()}{where[1:]}: {numbers}."

    def _reading(self, text: str, two: bool) -> str:
        """How a text was read that may have been meant otherwise; two: whether a log has another reading."""
        if "abar_prev" in self.given and re.search(r"_t\s*[-−]\s*1", text):
            return "I read abar_t-1 as abar_t minus 1; write abar_prev or abar_{t-1} for the time before."
        if two:
            return "I read log a b as (log a) b, and log a/b as (log a)/b; put brackets around what it is of."
        return ""


def is_value(tree: Tree, values: list[Value]) -> bool:
    """Whether a formula has these values; most that don't are told at the first point."""
    return same_values([evaluate(tree, WORLDS[0])], values[:1]) and same_values(everywhere(tree), values)


def meeting(done: list[Slip], undone: list[Slip]) -> Iterator[tuple[Slip, Slip]]:
    """Pairs of a slip made in the right formula and one undone in the student's that lead to the same."""
    key: Callable[[Slip], str] = lambda slip: f"{complex(evaluate(slip.tree, WORLDS[0])):.9g}"  # noqa: E731
    met: dict[str, Slip] = {}
    for slip in done:
        met.setdefault(key(slip), slip)
    for slip in undone:
        if (first := met.get(key(slip))) and same_values(everywhere(slip.tree), everywhere(first.tree)):
            yield first, slip


def named_factor(values: list[Value], right: list[Value]) -> str:
    """The quotient of two formulas in LaTeX, if it is a number or a power of a quantity of the lesson."""
    if not all(right):
        return ""
    ratio = [v / r for v, r in zip(values, right, strict=True)]
    if same_values(ratio, [ratio[0]] * POINTS):
        return five_digits(ratio[0])
    for atom in ATOMS:
        for power in (0.5, -0.5, 1.0, -1.0, 2.0, -2.0):
            if same_values(ratio, everywhere(Power(atom, Num(power)))):
                top = Power(atom, Num(abs(power))) if abs(power) != 1 else atom
                return latex(top if power > 0 else Product(((-1, top),)))
    return ""


def _certain(name: str) -> bool:
    """Whether a density is of a state that is given."""
    ahead, _, behind = name.partition("|")
    return _density(name) and bool({*re.findall(r"x_\d", ahead)} & {*re.findall(r"x_\d", behind)})


def kernels_of(name: str, given: Sequence[str] | Mapping[str, float]) -> Tree | None:
    """A joint density as the product of kernels among `given`; None if it is none, or can't be written so."""
    ahead, _, behind = (re.findall(r"x_\d", part) for part in name.partition("|"))
    if not _density(name) or len(ahead) < 2:
        return None
    for order in (sorted(ahead), sorted(ahead, reverse=True)):
        known, kernels = set(behind), []
        for state in order:
            of = [g for g in given if g.startswith(f"{name[0]}({state}")]
            kernels += [g for g in of if set(re.findall(r"x_\d", g.partition("|")[2])) <= known][:1]
            known.add(state)
        if len(kernels) == len(order):
            return Product(tuple((1, Name(kernel)) for kernel in kernels))
    return None
