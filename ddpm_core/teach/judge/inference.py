"""Finds the mistake behind a wrong number: which slips in the right formula lead to it.

An explanation counts only if it isn't likely to fit by chance: the fewer digits a number has, the fewer slips
may have been tried.
"""

import cmath
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from .slips import DONE, LARGEST, UNDONE, Slip, chance, forms, said, slips
from .tree import (
    Name,
    Num,
    Product,
    Tree,
    Value,
    evaluate,
    in_five_digits,
    latex,
    names,
    nodes,
    parts,
    places,
    renamed,
)

LIKELY, LIKELY_PAIRS = 0.4, 0.15  # how many explanations may be expected to fit by chance
EXACT = 1.2  # and where they give exactly the number, with its few digits
PAIRS = 3000  # how many pairs of slips are tried


class Fit(NamedTuple):
    """A wrong value, the slips that lead to it, and how rare they are."""

    value: float
    slips: tuple[Slip, ...]
    cost: float
    table: Mapping[str, str] = DONE


class Typed(NamedTuple):
    """A number as it came: its value, how far rounding may put it off, its digits, its tree if a formula."""

    value: float
    off: float
    digits: int
    tree: Tree | None = None


class Inference:
    """What is known of a number's formula: its trees, the values of its inputs, what they are taken for."""

    def __init__(
        self, trees: Sequence[Tree], values: Mapping[str, float], others: Mapping[str, Collection[str]]
    ):
        self.trees, self.values, self.others = trees, values, others
        self.elsewhere = {name: v * (1.01 + 0.013 * i) for i, (name, v) in enumerate(sorted(values.items()))}
        self._singles: list[Fit] | None = None

    def told(self, typed: Typed) -> list[str]:
        """The mistake that explains a number, as a clause after "if"; two if both do, none if none does."""
        for fits in self.tiers(typed):
            if best := self.best(fits, typed):
                clauses = (", and ".join(self.words(slip, fit.table) for slip in fit.slips) for fit in best)
                return list(dict.fromkeys(clauses))[:2]
        return []

    def tiers(self, typed: Typed) -> Iterator[list[Fit]]:
        """Explanations to try, the simplest first; each tier holds those before it."""
        for cost in (0, 1, 2, 3):
            yield [fit for fit in self.singles if fit.cost <= cost]
        if typed.tree and sum(1 for _ in nodes(typed.tree)) <= LARGEST:
            yield [*self.undone(typed)]
        if typed.digits >= 3:
            pairs = [*self.pairs()]
            yield [fit for fit in pairs if _alike(fit.slips)]
            yield pairs

    def undone(self, typed: Typed) -> Iterator[Fit]:
        """Slips undone in the formula that was typed, each with the value that it takes for the right one.

        That is the typed number itself if the right one comes out, and another if not.
        """
        right = evaluate(self.trees[0], self.values)
        for slip in slips(typed.tree, {}) if typed.tree else ():
            value = evaluate(slip.tree, {})
            if _is_real(value) and slip.kind != "stopped" and right:
                yield Fit(typed.value * value / right, (slip,), slip.cost, UNDONE)

    @property
    def singles(self) -> list[Fit]:
        """The real values after one slip, each only once, the simplest slips first."""
        if self._singles is None:
            trees = [form for tree in self.trees for form in forms(tree)]
            made = sorted((slip for tree in trees for slip in self.made(tree)), key=self.cost)
            simplest = {self.key(slip.tree): slip for slip in reversed(made)}
            for tree in self.trees:
                simplest.pop(self.key(tree), None)
            fits = (Fit(evaluate(s.tree, self.values), (s,), self.cost(s)) for s in simplest.values())
            self._singles = sorted((fit for fit in fits if _is_real(fit.value)), key=lambda fit: fit.cost)
        return self._singles

    def cost(self, slip: Slip) -> float:
        """How rare a slip is; in a form without names a little rarer, as its words say less."""
        return slip.cost + 0.5 * bool(self.values and not names(slip.tree) and slip.kind != "rounded")

    def pairs(self) -> Iterator[Fit]:
        """The values after two slips that are often made."""
        often = [fit.slips[0] for fit in self.singles if fit.cost <= 1]
        often = [slip for slip in often if slip.kind not in ("stopped", "percent")]
        twice = ((a, b) for a in often for b in slips(a.tree, self.others, 1) if b.kind != "stopped")
        seen = {(alike, _key(fit.value)) for fit in self.singles for alike in (True, False)}
        for pair in islice(twice, PAIRS):
            value = evaluate(pair[1].tree, self.values)
            key = _alike(pair), _key(value)
            if _is_real(value) and key not in seen:
                seen.add(key)
                yield Fit(value, pair, 1 + max(map(self.cost, pair)))

    def key(self, tree: Tree) -> tuple[str, str]:
        """The same for formulas that agree, also where the inputs are others."""
        return _key(evaluate(tree, self.values)), _key(evaluate(tree, self.elsewhere))

    def made(self, tree: Tree) -> Iterator[Slip]:
        """The slips of a formula, with those that only numbers have."""
        yield from slips(tree, self.others)
        yield Slip(Product(((1, Num(100.0)), (1, tree))), "percent", (), 0)
        for name in map(Name, self.values):
            yield Slip(Product(((1, tree), (1, name))), "times input", (name,), 2)
            yield Slip(Product(((1, tree), (-1, name))), "by input", (name,), 2)
        for node, put in places(tree):
            value = evaluate(node, self.values)
            if node is tree or isinstance(node, Num) or not _is_real(value) or not value:
                continue
            for count in (1, 2, 3):
                short = Num(float(f"{value:.{count}g}"))
                if 0 < abs(short.value / value - 1) < 0.3:
                    new = renamed(tree, {node.name: short}) if isinstance(node, Name) else put(short)
                    yield Slip(new, "rounded", (node, short), 2 + (count == 1))

    def best(self, fits: list[Fit], typed: Typed) -> list[Fit]:
        """The one or two simplest that explain a number, if that is unlikely by chance."""
        near = [fit for fit in fits if abs(fit.value - typed.value) <= typed.off + 1e-9 * abs(typed.value)]
        if not near:
            return []
        exact = [fit for fit in near if abs(fit.value - typed.value) <= 1e-9 * abs(typed.value)]
        width = 2 * max(typed.off / (abs(typed.value) or 1), 1e-9)
        twice = len(near[0].slips) > 1
        limit = LIKELY_PAIRS if twice else EXACT if exact else LIKELY
        tried = [fit.value for fit in fits if twice or not exact or _is_short(fit.value, typed.digits)]
        if typed.value and chance(tried, typed.value, width) > limit:
            return []
        near = exact or near
        return [fit for fit in near if fit.cost == near[0].cost]

    def so_far(self, typed: Typed) -> str:
        """The largest part of a typed formula that is a part of the right one, in a sentence; "" for none."""
        known = {_key(evaluate(node, self.values)): node for node in nodes(self.trees[0]) if parts(node)}
        for node in nodes(typed.tree) if typed.tree else ():
            if parts(node) and (same := known.get(_key(evaluate(node, {})))):
                return f"As far as ${latex(node)}$ it is right, that is {self.shown(same)}; look at the rest."
        return ""

    def words(self, slip: Slip, table: Mapping[str, str]) -> str:
        """A slip in words, with the values of what it names; the right formula itself isn't shown."""
        return said(slip, table, self.shown)

    def shown(self, tree: Tree) -> str:
        """A part of a formula with its value."""
        if any(tree in forms(right) for right in self.trees):
            return "the whole"
        value = evaluate(tree, self.values)
        plain = isinstance(tree, Num) or not names(tree) or not cmath.isfinite(value)
        return f"${latex(tree)}$" if plain else f"${latex(tree)} = {in_five_digits(value)}$"


def _is_short(value: float, count: int) -> bool:
    """Whether so many digits say a number exactly."""
    return abs(float(f"{value:.{count}g}") - value) <= 1e-9 * abs(value)


def _alike(slips: Sequence[Slip]) -> bool:
    """Whether slips are of one sort, such as two parts that are lost."""
    return len({slip.kind.split()[-1] for slip in slips}) == 1


def _is_real(value: Value) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _key(value: Value) -> str:
    return f"{complex(value):.9g}"
