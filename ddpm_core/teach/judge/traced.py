"""The formula of a function: symbols go through its arithmetic; slips are looked for in what comes out."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...schedule import Level
from .grammar import parse, quoted
from .slips import DONE, LARGEST, UNDONE, Slip, exchanged, forms, said, slips
from .tree import Call, Name, Num, Power, Product, Sum, Tree, evaluate, names, nodes, unparse

NAMED = ("sqrt", "exp", "log", "log2", "log10", "tanh", "sinh", "cosh", "abs", "ceil", "floor")


def _on_tensors(name: str) -> Callable[[Any], Tensor]:
    """One of torch's functions, for numbers as well."""
    function = getattr(torch, name)
    return lambda x: function(torch.as_tensor(x, dtype=torch.float64))


def _call(name: str) -> Callable[[Tree], Tree]:
    return lambda argument: Call(name, argument)


def _power(base: Tree, exponent: Tree) -> Tree:
    return Call("sqrt", base) if exponent == Num(0.5) else Power(base, exponent)


TENSORS = {name: _on_tensors(name) for name in NAMED}
MAKES: dict[str, Callable[..., Tree]] = {
    "add": lambda a, b: Sum(((1, a), (1, b))),
    "sub": lambda a, b: Sum(((1, a), (-1, b))),
    "mul": lambda a, b: Product(((1, a), (1, b))),
    "truediv": lambda a, b: Product(((1, a), (-1, b))),
    "pow": _power,
    "neg": lambda a: Sum(((-1, a),)),
    "square": lambda a: Power(a, Num(2.0)),
    "rsqrt": lambda a: Product(((-1, Call("sqrt", a)),)),
}
MAKES |= {name: _call(name) for name in NAMED}
MAKES |= {"div": MAKES["truediv"], "multiply": MAKES["mul"], "subtract": MAKES["sub"]}


class Traced:
    """A symbol that notes the arithmetic done with it; TypeError for anything else."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def __getattr__(self, name: str) -> Callable[..., "Traced"]:
        if name not in MAKES:
            raise TypeError(f"no arithmetic: {name}")
        return lambda *others: done(name, self, *others)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> "Traced":
        name = getattr(func, "__name__", "")
        if name not in MAKES or kwargs:
            raise TypeError(f"no arithmetic: {name}")
        return done(name, *args)

    def __eq__(self, other: object) -> bool:
        raise TypeError("a symbol can't be compared")

    __lt__ = __gt__ = __le__ = __ge__ = __eq__
    __hash__ = object.__hash__

    def __neg__(self) -> "Traced":
        return done("neg", self)

    def __bool__(self) -> bool:
        raise TypeError("a symbol is neither true nor false")


def done(name: str, *parts: object) -> Traced:
    """What an operation makes of symbols and numbers."""
    return Traced(MAKES[name](*map(tree_of, parts)))


def tree_of(part: object) -> Tree:
    """The tree of a symbol or a number; TypeError for anything else."""
    if isinstance(part, Traced):
        return part.tree
    if isinstance(part, int | float) and not isinstance(part, bool):
        return Num(float(part))
    raise TypeError("neither a symbol nor a number")


def _operator(name: str, turned: bool = False) -> Callable[[Any, Any], Traced]:
    return lambda a, b: done(name, b, a) if turned else done(name, a, b)


for _name in ("add", "sub", "mul", "truediv", "pow"):
    setattr(Traced, f"__{_name}__", _operator(_name))
    setattr(Traced, f"__r{_name}__", _operator(_name, turned=True))


def symbols(arguments: Sequence[str], args: Sequence[Any]) -> list[Any]:
    """The arguments of a call as symbols: a level as its two.  TypeError for what is no number."""
    found: list[Any] = []
    for name, value in zip(arguments, args, strict=False):
        if isinstance(value, Level):
            found.append(Level(*(Traced(Name(f"{name}_{part}")) for part in Level._fields)))  # type: ignore[arg-type]
        elif isinstance(value, Tensor | int | float):
            found.append(Traced(Name(name)))
        else:
            raise TypeError(f"{name} is no number")
    return found


def values(arguments: Sequence[str], args: Sequence[Any]) -> dict[str, Any]:
    """The numbers and tensors behind the symbols of `symbols`."""
    found: dict[str, Any] = {}
    for name, value in zip(arguments, args, strict=False):
        parts = value._asdict() if isinstance(value, Level) else {"": value}
        numbers = {part: number for part, number in parts.items() if isinstance(number, Tensor | int | float)}
        found |= {f"{name}_{part}".rstrip("_"): number for part, number in numbers.items()}
    return found


def formulas_of(function: Any, arguments: Sequence[str], args: Sequence[Any]) -> list[Tree]:
    """The formulas of a function's results; none if it does more than arithmetic."""
    try:
        out = function(*symbols(arguments, args))
        trees = [tree_of(part) for part in (out if isinstance(out, tuple | list) else (out,))]
    except Exception:
        return []
    return trees if all(sum(1 for _ in nodes(tree)) <= LARGEST for tree in trees) else []


class Formulas:
    """The formulas of a function in several forms, and the cases on which their values are compared."""

    def __init__(self, functions: Sequence[Any], arguments: Sequence[str], cases: Sequence[Sequence[Any]]):
        self.cases = [values(arguments, args) for args in cases]
        self.first = {name: _number(value) for name, value in self.cases[0].items()}  # numbers alone
        found = (formulas_of(function, arguments, cases[0]) for function in functions)
        self.forms = [trees for trees in found if trees]

    def written(self, texts: object) -> list[Tree]:
        """The formulas in a record, which may be anything."""
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            return []
        return [parse(text, known=self.cases[0]) for text in texts]

    def told(self, part: int, mine: list[Tensor], right: list[Tensor], texts: object) -> str:
        """The slip that explains one part of the results, in all cases; "" if none does."""
        trees = [form for trees in self.forms for form in forms(trees[part])]
        if not trees or len(mine) != len(self.cases):
            return ""
        done = [slip for tree in trees for slip in slips(tree, self.others(tree))]
        done.sort(key=lambda slip: slip.cost)
        if slip := next((slip for slip in done if self.gives(slip.tree, mine)), None):
            return slip_in_words(slip, DONE, trees)
        theirs = self.written(texts)
        if len(theirs) <= part:
            return ""
        tree = theirs[part]
        undone = [slip for slip in slips(tree, self.others(tree)) if slip.kind != "stopped"]
        if slip := next((slip for slip in undone if self.gives(slip.tree, right)), None):
            return slip_in_words(slip, UNDONE, [tree])
        for first, second in self.meeting(done, undone):
            if swap := exchanged(first, second):
                return slip_in_words(swap, DONE, [])
            return f"{slip_in_words(first, DONE, trees)}, and {slip_in_words(second, UNDONE, [tree])}"
        return ""

    def others(self, tree: Tree) -> dict[str, list[str]]:
        """For each name, what could be taken for it: a level's numbers for one another, data for data."""
        known = [name for name, value in self.cases[0].items()]
        return {n: [m for m in known if m != n and _of_level(m) == _of_level(n)] for n in names(tree)}

    def on(self, tree: Tree, case: Mapping[str, Any]) -> Tensor:
        """A formula's value in a case."""
        value = evaluate(tree, case, TENSORS)
        return torch.as_tensor(math.nan if isinstance(value, complex) else value, dtype=torch.float64)

    def gives(self, tree: Tree, results: list[Tensor]) -> bool:
        """Whether a formula gives these results in all cases; the first number tells most that don't."""
        value = evaluate(tree, self.first)
        if isinstance(value, complex) or abs(value - _number(results[0])) > 1e-6 * (abs(value) + 1e-3):
            return False
        return all(
            bool(torch.isclose(self.on(tree, case), result, 1e-7, 1e-9).all())
            for case, result in zip(self.cases, results, strict=True)
        )

    def meeting(self, done: list[Slip], undone: list[Slip]) -> Iterator[tuple[Slip, Slip]]:
        """Pairs of a slip made in the right formula and one undone in the student's that lead to the same."""
        met: dict[str, Slip] = {}
        for slip in done:
            met.setdefault(self.key(slip), slip)
        for slip in undone:
            if (first := met.get(self.key(slip))) and self.gives(
                slip.tree, [self.on(first.tree, case) for case in self.cases]
            ):
                yield first, slip

    def key(self, slip: Slip) -> str:
        """A slip's value in the first case, to compare."""
        return f"{complex(evaluate(slip.tree, self.first)):.9g}"


def _number(value: Any) -> float:
    """The first of the numbers in a tensor, or the number itself."""
    return float(value.flatten()[0]) if isinstance(value, Tensor) else float(value)


def _of_level(name: str) -> bool:
    return name.endswith(("_signal", "_noise"))


def slip_in_words(slip: Slip, table: Mapping[str, str], whole: list[Tree]) -> str:
    """A slip in words, its formulas as code."""
    return said(slip, table, lambda tree: "the whole" if tree in whole else quoted(code(tree)))


def code(tree: Tree) -> str:
    """A formula as Python code."""
    text = unparse(tree).replace("^", "**")
    return re.sub(r"\b(\w+)_(signal|noise)\b", r"\1.\2", text)
