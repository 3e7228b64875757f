"""Formulas as trees: their parts, their values, and how they are written; with the standard library alone."""

import cmath
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

Value = complex  # a float where it is real


class Num(NamedTuple):
    """A number."""

    value: float


class Name(NamedTuple):
    """A symbol, or a density such as q(x_2|x_1), by its canonical name."""

    name: str


class Sum(NamedTuple):
    """A sum of terms, each with its sign, +1 or -1."""

    terms: tuple[tuple[int, "Tree"], ...]


class Product(NamedTuple):
    """A product of factors, each with +1, or -1 for a divisor."""

    factors: tuple[tuple[int, "Tree"], ...]


class Power(NamedTuple):
    """base ^ exponent."""

    base: "Tree"
    exponent: "Tree"


class Call(NamedTuple):
    """One of FUNCTIONS, applied to an argument."""

    function: str
    argument: "Tree"


Tree = Num | Name | Sum | Product | Power | Call

Functions = Mapping[str, Callable[[Any], Any]]
Put = Callable[[Tree], Tree]

NAN = complex(math.nan, math.nan)


def _real(function: Callable[[float], float]) -> Callable[[Value], Value]:
    """A function of real numbers that is NaN where a number isn't real."""
    return lambda x: function(x) if isinstance(x, float) else function(x.real) if not x.imag else NAN


def _either(real: Callable[[float], float], other: Callable[[Value], Value]) -> Callable[[Value], Value]:
    """A function that stays real on numbers above 0."""
    return lambda x: real(x) if isinstance(x, float) and x > 0 else other(x)


FUNCTIONS: Functions = {
    "sqrt": _either(math.sqrt, cmath.sqrt),
    "exp": _either(math.exp, cmath.exp),
    "log": _either(math.log, cmath.log),
    "log2": _either(math.log2, lambda x: cmath.log(x) / math.log(2)),
    "log10": _either(math.log10, cmath.log10),
    "tanh": _either(math.tanh, cmath.tanh),
    "sinh": _either(math.sinh, cmath.sinh),
    "cosh": _either(math.cosh, cmath.cosh),
    "abs": abs,
    "ceil": _real(lambda x: float(math.ceil(x - 1e-12 * abs(x)))),
    "floor": _real(lambda x: float(math.floor(x + 1e-12 * abs(x)))),
}


# --- parts -----------------------------------------------------------------------------------------


def parts(tree: Tree) -> tuple[Tree, ...]:
    """The subtrees right below a node."""
    match tree:
        case Sum(pairs) | Product(pairs):
            return tuple(part for _, part in pairs)
        case Power(base, exponent):
            return base, exponent
        case Call(_, argument):
            return (argument,)
    return ()


def nodes(tree: Tree) -> Iterator[Tree]:
    """Every node of a tree, the root first."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        todo.extend(parts(node))


def rebuilt(tree: Tree, new: tuple[Tree, ...]) -> Tree:
    """The node with other subtrees."""
    match tree:
        case Sum(pairs) | Product(pairs):
            return type(tree)(tuple((sign, part) for (sign, _), part in zip(pairs, new, strict=True)))
        case Power():
            return Power(*new)
        case Call(function, _):
            return Call(function, *new)
    return tree


def places(tree: Tree, put: Put = lambda new: new) -> Iterator[tuple[Tree, Put]]:
    """Every node, the root first, and a function that gives the whole tree with another node in its place."""
    yield tree, put
    below = parts(tree)
    for i, part in enumerate(below):

        def deeper(new: Tree, i: int = i) -> Tree:
            return put(rebuilt(tree, (*below[:i], new, *below[i + 1 :])))

        yield from places(part, deeper)


def names(tree: Tree) -> set[str]:
    """The symbols in a tree."""
    return {node.name for node in nodes(tree) if isinstance(node, Name)}


def renamed(tree: Tree, new: Mapping[str, Tree]) -> Tree:
    """The tree with some of its symbols replaced by other trees."""
    if isinstance(tree, Name):
        return new.get(tree.name, tree)
    return rebuilt(tree, tuple(renamed(part, new) for part in parts(tree)))


# --- values ----------------------------------------------------------------------------------------


def evaluate(tree: Tree, values: Mapping[str, Any], functions: Functions = FUNCTIONS) -> Any:
    """The value of a tree for these values of its names; NaN where it has none.  KeyError for other names.

    Values may be tensors, with functions for these.
    """

    def value(tree: Tree) -> Any:
        match tree:
            case Num(number):
                return number
            case Name(name):
                return values[name]
            case Sum(terms):
                return sum(value(term) if sign > 0 else -value(term) for sign, term in terms)
            case Product(factors):
                product: Any = 1.0
                for sign, factor in factors:
                    product = product * value(factor) if sign > 0 else product / value(factor)
                return product
            case Power(base, exponent):
                return value(base) ** value(exponent)
            case Call(function, argument):
                return functions[function](value(argument))

    try:
        return value(tree)
    except (ArithmeticError, ValueError):
        return NAN


def same_values(a: list[Value], b: list[Value], rel: float = 1e-8) -> bool:
    """Whether two lists of values are finite and agree at every point."""
    if not all(map(cmath.isfinite, [*a, *b])):
        return False
    mean = abs(sum(map(abs, b))) / len(b)
    return all(abs(x - y) <= rel * (abs(y) + mean) for x, y in zip(a, b, strict=True))


# --- written ---------------------------------------------------------------------------------------


def unparse(tree: Tree) -> str:
    """A text that `parse` turns into this tree again."""
    match tree:
        case Num(value):
            return f"{value:.17g}" if math.isfinite(value) else "(1/0)"
        case Name(name):
            return name
        case Sum(terms):
            first, *rest = terms
            head = ("-" if first[0] < 0 else "") + _tight(first[1], Product)
            return head + "".join(
                (" + " if sign > 0 else " - ") + _tight(term, Product) for sign, term in rest
            )
        case Product(factors):
            text = "".join(("*" if sign > 0 else "/") + _tight(factor, Power) for sign, factor in factors)
            return text[1:] if text.startswith("*") else "1" + text
        case Power(base, exponent):
            return f"{_tight(base)}^{_tight(exponent)}"
        case Call(function, argument):
            return f"{function}({unparse(argument)})"


def _tight(tree: Tree, *looser: type) -> str:
    """A part of a formula, in brackets if it needs them; looser: kinds of nodes that need none here."""
    bare = isinstance(tree, (Name, Call, *looser, *((Power,) if looser else ())))
    return unparse(tree) if bare or (isinstance(tree, Num) and tree.value >= 0) else f"({unparse(tree)})"


SYMBOLS = {
    "eps": r"\varepsilon",
    "sigma": r"\sigma_t",
    "x_prev": "x_{t-1}",
    "alpha": r"\alpha_t",
    "abar": r"\bar\alpha_t",
    "abar_prev": r"\bar\alpha_{t-1}",
    "abar_s": r"\bar\alpha_s",
    "beta": r"\beta_t",
    "beta_tilde": r"\tilde\beta_t",
}
GREEK = ("alpha", "beta", "gamma", "delta", "theta", "lambda", "mu", "rho", "sigma", "tau", "phi", "omega")
HEADS = {"abar": r"\bar\alpha", "eps": r"\varepsilon", "betatilde": r"\tilde\beta"}
HEADS |= {letter: "\\" + letter for letter in GREEK}


def symbol(name: str) -> str:
    """A name in LaTeX: one of the course's symbols, else a letter or a word with its index."""
    if name in SYMBOLS or "(" in name:
        return SYMBOLS.get(name, name)
    head, _, index = name.partition("_")
    head = HEADS.get(head, head if len(head) == 1 else rf"\mathrm{{{head}}}")
    index = index.strip("{}").replace("_", ",")
    if re.search(r"[A-Za-z]{2}", index):
        index = HEADS.get(index, rf"\mathrm{{{index}}}")
    return f"{head}_{{{index}}}" if len(index) > 1 else f"{head}_{index}" if index else head


def in_five_digits(value: Value) -> str:
    """A number in LaTeX, with at most five digits."""
    text = f"{complex(value).real:.5g}"
    return re.sub(r"e\+?(-?)0*(\d+)", r"\\cdot 10^{\1\2}", text)


CALLS = {"log2": r"\log_2", "log10": r"\log_{10}", "log": r"\log"}
AROUND = {"abs": "|{}|", "ceil": r"\lceil {}\rceil", "floor": r"\lfloor {}\rfloor", "exp": "e^{{{}}}"}
ROOT = r"\sqrt{{{}}}"
HALF = Product(((1, Num(1.0)), (-1, Num(2.0))))


def latex(tree: Tree) -> str:
    """A tree in LaTeX."""
    match tree:
        case Num(value):
            return in_five_digits(value)
        case Name(name):
            return symbol(name)
        case Sum(terms):
            first, *rest = terms
            text = "".join((" + " if sign > 0 else " - ") + _term(term) for sign, term in rest)
            return "-" * (first[0] < 0) + _term(first[1]) + text
        case Product(factors):
            above = [factor for sign, factor in factors if sign > 0]
            below = [factor for sign, factor in factors if sign < 0]
            return rf"\frac{{{_row(above)}}}{{{_row(below)}}}" if below else _row(above)
        case Power(base, exponent):
            if exponent in (Num(0.5), HALF):
                return ROOT.format(latex(base))
            bare = isinstance(base, Name) or (isinstance(base, Num) and re.fullmatch(r"[\d.]+", latex(base)))
            return f"{latex(base) if bare else f'({latex(base)})'}^{{{latex(exponent)}}}"
        case Call("sqrt", argument):
            return ROOT.format(latex(argument))
        case Call(function, argument) if function in AROUND:
            return AROUND[function].format(latex(argument))
        case Call(function, argument):
            head, inner = CALLS.get(function, rf"\mathrm{{{function}}}"), latex(argument)
            return f"{head} {inner}" if isinstance(argument, Name) else f"{head}({inner})"


def _term(tree: Tree) -> str:
    negative = isinstance(tree, Num) and tree.value < 0
    return f"({latex(tree)})" if isinstance(tree, Sum) or negative else latex(tree)


def _row(factors: list[Tree]) -> str:
    """Factors side by side, 1 for none."""
    if len(factors) == 1:
        return latex(factors[0])
    return r" \cdot ".join(map(_term, factors)) if factors else "1"
