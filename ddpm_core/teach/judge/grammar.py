"""A parser for the formulas that a student types; no text is ever run as code.

    sum     := product (("+" | "-") product)*
    product := factor (("*" | "/" | nothing) factor)*
    factor  := ("+" | "-") factor | atom ("^" factor)?
    atom    := number | name | density | function argument | "(" sum ")"

Without brackets, the argument of a logarithm or an exponential is the next atom with its exponent; if `wide`,
that of a logarithm is the whole product up to the next + or -, as on paper: log p/q.

Two formulas are taken to be equal if their values agree at random points.
"""

import math
import re
import sys
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

Values = np.ndarray  # complex128, one value for each point

LONGEST, DEEPEST, LARGEST = 100_000, 100, 50_000  # characters, levels of nesting, nodes of a sympy tree


class Unreadable(ValueError):
    """The answer can't be read; the message says where and why."""


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

FUNCTIONS = {"sqrt": np.sqrt, "exp": np.exp, "log": np.log, "log2": np.log2}
SPELLINGS = {"sqrt": "sqrt", "√": "sqrt", "exp": "exp", "log": "log", "ln": "log"}
SPELLINGS |= dict.fromkeys(("log2", "log_2", "log_{2}", "ld", "lb"), "log2")
FRACTIONS = ("frac", "dfrac", "tfrac")

# --- names -----------------------------------------------------------------------------------------

LETTERS = {
    "ᾱ": "abar",
    "α\u0305": "abar",
    "α": "alpha",
    "β\u0303": "betatilde",
    "β": "beta",
    "ε": "eps",
    "ϵ": "eps",
    "σ": "sigma",
    "μ": "mu",
    "θ": "theta",
    "\u0302": "hat",
    "\u0303": "tilde",
}
BASES = {
    "alpha": ("alpha",),
    "abar": ("abar", "alphabar", "baralpha"),
    "beta": ("beta",),
    "beta_tilde": ("betatilde", "tildebeta"),
    "sigma": ("sigma",),
    "eps": (
        "eps",
        "epsilon",
        "varepsilon",
        "epshat",
        "hateps",
        "epstheta",
        "epsilontheta",
        "varepsilontheta",
    ),
    "z": ("z",),
    "mu": ("mu", "mutheta", "mutilde"),
}
SPELLED = {spelled + end: name for name, all_ in BASES.items() for spelled in all_ for end in ("", "t")}
SPELLED |= {s + end: "abar_prev" for s in BASES["abar"] for end in ("prev", "tprev", "t-1", "tm1")}
SPELLED |= {s + "s": "abar_s" for s in BASES["abar"]}
SPELLED |= dict.fromkeys(("epshattheta", "epsthetahat", "epst"), "eps") | {"xt": "x_t"}
SPELLED |= dict.fromkeys(("x0", "x0hat", "xhat0", "hatx0"), "x_0")
SPELLED |= dict.fromkeys(("xt-1", "xprev", "xtm1"), "x_prev")

NETWORKS = {"eps", "mu"}  # may be written with arguments: eps_theta(x_t, t)

SHOWN = {
    "x_t": "$x_t$",
    "x_0": "$x_0$",
    "eps": r"$\varepsilon$",
    "z": "z",
    "sigma": r"$\sigma_t$",
    "mu": r"$\mu$",
    "x_prev": "$x_{t-1}$",
    "alpha": r"$\alpha_t$",
    "abar": r"$\bar\alpha_t$",
    "abar_prev": r"$\bar\alpha_{t-1}$",
    "abar_s": r"$\bar\alpha_s$",
    "beta": r"$\beta_t$",
    "beta_tilde": r"$\tilde\beta_t$",
}


def shown(name: str) -> str:
    """A symbol or a density, typeset for a message."""
    return SHOWN.get(name) or re.sub(r"x_\d", r"$\g<0>$", name)


@lru_cache(1000)
def spelled(name: str) -> tuple[str, ...]:
    """The symbols that a typed name stands for; several if they were typed without a space between them."""
    plain = unicodedata.normalize("NFC", name).lower()
    for letter, word in LETTERS.items():
        plain = plain.replace(letter, word)
    plain = re.sub(r"[\\{}_\s]", "", plain).replace("−", "-")
    if plain in SPELLED:
        return (SPELLED[plain],)
    for cut in range(min(len(plain) - 1, 20), 0, -1):
        head = SPELLED.get(plain[:cut])
        if head and len(plain) <= 40:
            try:
                return (head, *spelled(plain[cut:]))
            except Unreadable:
                continue
    raise Unreadable(f"I don't know the name {short(name)}.")


# --- text to tokens --------------------------------------------------------------------------------

SUPER = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
SUB = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋ₜₛ", "0123456789+-ts")
LETTER = r"[^\W\d_][\u0300-\u036f]*"
AT = r"x_?\{?([0-9])\}?"
TOKEN = re.compile(
    rf"(?P<space>\s+|\\[,;!:]|\\left|\\right|\\quad)"
    rf"|(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
    rf"|(?P<density>[pq](?:_?\{{?\\?(?:theta|θ|phi|φ|ϕ)\}}?)?\s*[(]\s*{AT}\s*(?:[|∣]\s*{AT}\s*(?:,\s*{AT}\s*)?)?[)])"
    rf"|(?P<name>\\?{LETTER}(?:{LETTER}|[\d_])*(?:(?<=_)\{{[^{{}}]{{1,12}}\}})?)"
    rf"|(?P<sign>\*\*|[-+*/^()\[\]{{}},√])"
)
SAME = str.maketrans(
    {"−": "-", "–": "-", "·": "*", "×": "*", "⋅": "*", "÷": "/", "µ": "μ", "∣": "|"}
    | {"½": "(1/2)", "¼": "(1/4)", "¾": "(3/4)", "⅓": "(1/3)", "⅔": "(2/3)", "⅛": "(1/8)"}
)
LATEX = [
    (re.compile(r"\\?\bbar\s*\{?\s*(?:\\?alpha|α)\s*\}?"), "abar"),
    (re.compile(r"\\?\btilde\s*\{?\s*(?:\\?beta|β)\s*\}?"), "betatilde"),
    (re.compile(r"\\?\bhat\s*\{\s*([^{}]{1,12})\s*\}"), r"\1"),
    (re.compile(r"\\(?:hat|tilde)\b\s*"), ""),
    (re.compile(r"_\s*\{?\s*\\(theta|phi)\s*\}?"), r"_\1"),
    (re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)"), r"(\1/\2)"),
    (re.compile(r"_\(([^()]{1,6})\)"), r"_{\1}"),
    (re.compile(r"\b(?:torch|numpy|np|math|sympy|sp)\.(?=[a-z])"), ""),
    (re.compile(r"\\(?:cdot|times)\b"), "*"),
    (re.compile(r"\\mid\b"), "|"),
]
PAIRS = {"(": ")", "[": "]", "{": "}"}
ASIDE = {
    "=": "Leave out the left side and the “=”: the formula alone is asked for.",
    "|": "I read densities of one state given others, such as `p(x_1|x_2)`. Write a joint density as the "
    "product of its factors, and a divergence as logarithms.",
}


class Token(NamedTuple):
    """A token: its kind, its text, and the position where it starts."""

    kind: str
    text: str
    at: int


def tokens(text: str, known: Collection[str] = ()) -> list[Token]:
    """The tokens of a text, without spaces.  Unreadable for a character that has no meaning here."""
    found, at = [], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise Unreadable(ASIDE.get(text[at], f"I can't read {quoted(text[at])} in {excerpt(text, at)}."))
        kind = str(match.lastgroup)
        if kind == "density":
            first, *given = re.findall(AT, match["density"])
            bar = "|" * bool(given) + ",".join(f"x_{digit}" for digit in sorted(given))
            found.append(Token(kind, f"{match['density'][0]}(x_{first}{bar})", at))
        elif kind == "name":
            found += [Token(kind, word, at) for word in pieces(match.group(), known)]
        elif kind != "space":
            found.append(Token(kind, match.group(), at))
        at = match.end()
    return found


def pieces(name: str, known: Collection[str] = ()) -> tuple[str, ...]:
    """A typed name, split if it is several symbols without a space between them."""
    if name in known or name.lstrip("\\") in (*SPELLINGS, *FRACTIONS):
        return (name,)
    try:
        return spelled(name)
    except Unreadable:  # no error yet: it may be the argument of a network
        return (name,)


def normalized(text: str) -> str:
    """The text with similar characters, super- and subscripts and common LaTeX replaced by plain notation."""
    text = " ".join(text.partition("#")[0].split()).strip("$ ")
    text = unicodedata.normalize("NFC", text).translate(SAME)
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+", lambda m: f"^({m.group().translate(SUPER)})", text)
    text = re.sub("[₀₁₂₃₄₅₆₇₈₉₊₋ₜₛ]+", lambda m: "_{" + m.group().translate(SUB) + "}", text)
    for pattern, word in LATEX:
        text = pattern.sub(word, text)
    head, equals, tail = text.partition("=")
    named = equals and len(head) <= 40 and not re.search(r"[-+*^]", head.replace("t-1", ""))
    return tail if named else text


def quoted(text: str) -> str:
    """A student's text as code, so that nothing in it is rendered as Markdown or a formula."""
    return "`" + " ".join(text.split()).replace("`", "’") + "`"


def short(text: str, most: int = 40) -> str:
    """A text, quoted, and truncated if it is long."""
    return quoted(text if len(text) <= most else text[: most - 1] + "…")


def excerpt(text: str, at: int) -> str:
    """The text around a position, quoted."""
    low, high = max(0, at - 12), at + 13
    return quoted("…" * (low > 0) + text[low:high] + "…" * (high < len(text)))


# --- tokens to a tree ------------------------------------------------------------------------------


def parse(text: str, wide: bool = False, known: Collection[str] = ()) -> Tree:
    """The tree of a typed formula.  Unreadable, with the place, if it isn't one.

    known: names that stand for themselves, besides those of the course.
    """
    if len(text) > LONGEST:
        raise Unreadable(f"That is {len(text)} characters long; I read up to {LONGEST}.")
    readable = normalized(text)
    if not readable.strip():
        raise Unreadable("There is nothing to read.")
    level = 0
    for sign in re.findall(r"[()\[\]{}]", readable):
        level += 1 if sign in PAIRS else -1
        if level > DEEPEST:
            raise Unreadable("That is nested too deeply to read; write it flatter.")
    reader = _Reader(readable, wide, known)
    tree = reader.sum()
    if reader.now.kind != "end":
        raise reader.lost()
    return tree


class _Reader:
    """A recursive-descent parser over the tokens; `depth` limits the recursion."""

    def __init__(self, text: str, wide: bool, known: Collection[str]):
        self.text, self.wide, self.known, self.place, self.depth = text, wide, known, 0, 0
        self.tokens = [*tokens(text, known), Token("end", "", len(text))]

    @property
    def now(self) -> Token:
        return self.tokens[self.place]

    def take(self, *signs: str) -> str | None:
        if self.now.kind == "sign" and self.now.text in signs:
            self.place += 1
            return self.tokens[self.place - 1].text
        return None

    def lost(self) -> Unreadable:
        if self.now.kind == "end":
            return Unreadable("The formula ends too early; something is missing at its end.")
        return Unreadable(f"I don't understand {quoted(self.now.text)} in {excerpt(self.text, self.now.at)}.")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unreadable("That is nested too deeply to read; write it flatter.")

    def sum(self) -> Tree:
        terms = [(1, self.product())]
        while sign := self.take("+", "-"):
            terms.append((1 if sign == "+" else -1, self.product()))
        return terms[0][1] if len(terms) == 1 else Sum(tuple(terms))

    def product(self) -> Tree:
        factors = [(1, self.factor())]
        while True:
            if sign := self.take("*", "/"):
                factors.append((1 if sign == "*" else -1, self.factor()))
            elif self.now.kind in ("name", "density") or self.now.text in ("(", "[", "{", "√"):
                factors.append((1, self.factor()))
            elif self.now.kind == "number":
                raise Unreadable(f"A sign is missing before the number in {excerpt(self.text, self.now.at)}.")
            else:
                return factors[0][1] if len(factors) == 1 else Product(tuple(factors))

    def factor(self) -> Tree:
        self.deeper()
        if sign := self.take("+", "-"):
            inner = self.factor()
            tree: Tree = inner if sign == "+" else Sum(((-1, inner),))
        else:
            tree = self.raised(self.atom())
        self.depth -= 1
        return tree

    def raised(self, base: Tree) -> Tree:
        return Power(base, self.factor()) if self.take("^", "**") else base

    def atom(self) -> Tree:
        token = self.now
        if token.kind == "number":
            self.place += 1
            return Num(float(token.text))
        if token.kind == "density":
            self.place += 1
            return Name(token.text)
        if token.kind == "name":
            self.place += 1
            return self.named(token)
        if self.take("√"):
            return self.called("sqrt")
        return self.bracketed()

    def bracketed(self) -> Tree:
        self.deeper()
        opened = self.take("(", "[", "{")
        if opened is None:
            raise self.lost()
        tree = self.sum()
        if self.take(PAIRS[opened]) is None:
            if self.now.kind == "end":
                raise Unreadable(f"A bracket {quoted(opened)} is never closed.")
            raise self.lost()
        self.depth -= 1
        return tree

    def named(self, token: Token) -> Tree:
        word = token.text.lstrip("\\")
        if token.text in self.known:
            return Name(token.text)
        if word in FRACTIONS:
            above = self.bracketed()
            return Product(((1, above), (-1, self.bracketed())))
        if word in SPELLINGS:
            return self.called(SPELLINGS[word])
        (name,) = spelled(token.text)
        if name in NETWORKS:
            self.skip_arguments()
        return Name(name)

    def called(self, function: str) -> Tree:
        self.deeper()
        bare = self.now.text not in PAIRS
        if bare and self.wide and function == "log":
            argument = self.product()
        else:
            argument = self.atom()
            if bare and function != "sqrt":
                argument = self.raised(argument)
        self.depth -= 1
        return Call(function, argument)

    def skip_arguments(self) -> None:
        kinds = [(t.kind, t.text.replace("_", "")) for t in self.tokens[self.place : self.place + 5]]
        if kinds[:1] == [("sign", "(")] and kinds[1:2] == [("name", "xt")]:
            if kinds[2:5] == [("sign", ","), ("name", "t"), ("sign", ")")]:
                self.place += 5
            elif kinds[2:3] == [("sign", ")")]:
                self.place += 3


# --- a tree in use ---------------------------------------------------------------------------------


def names(tree: Tree) -> set[str]:
    """The symbols in a tree."""
    return {node.name for node in nodes(tree) if isinstance(node, Name)}


def nodes(tree: Tree) -> Iterator[Tree]:
    """Every node of a tree, the root first."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        match node:
            case Sum(parts) | Product(parts):
                todo.extend(part for _, part in parts)
            case Power(base, exponent):
                todo += [base, exponent]
            case Call(_, argument):
                todo.append(argument)


def renamed(tree: Tree, names: Mapping[str, Tree]) -> Tree:
    """The tree with some of its symbols replaced by other trees."""
    match tree:
        case Name(name):
            return names.get(name, tree)
        case Sum(parts) | Product(parts):
            return type(tree)(tuple((sign, renamed(part, names)) for sign, part in parts))
        case Power(base, exponent):
            return Power(renamed(base, names), renamed(exponent, names))
        case Call(function, argument):
            return Call(function, renamed(argument, names))
    return tree


def evaluate(tree: Tree, values: Mapping[str, Values | float]) -> Values:
    """The values of a tree for these values of its names: complex128, infinite or NaN where undefined."""
    with np.errstate(all="ignore"):
        return np.asarray(_value(tree, values), dtype=np.complex128)


def _value(tree: Tree, values: Mapping[str, Any]) -> Any:
    match tree:
        case Num(value):
            return np.complex128(value)
        case Name(name):
            return np.asarray(values[name], dtype=np.complex128)
        case Sum(terms):
            return sum(_value(t, values) if sign > 0 else -_value(t, values) for sign, t in terms)
        case Product(factors):
            product = np.complex128(1)
            for sign, factor in factors:
                product = product * _value(factor, values) if sign > 0 else product / _value(factor, values)
            return product
        case Power(base, exponent):
            return _value(base, values) ** _value(exponent, values)
        case Call(function, argument):
            return FUNCTIONS[function](_value(argument, values))


def values_agree(a: Values, b: Values, rel: float = 1e-8) -> bool:
    """Whether two arrays of values are finite and agree at every point."""
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    scale = np.abs(b) + np.abs(b).mean()
    return bool((np.abs(a - b) <= rel * scale).all())


def unparse(tree: Tree) -> str:
    """A text that `parse` turns into this tree again."""
    match tree:
        case Num(value):
            return f"{value:.17g}" if math.isfinite(value) else "(1/0)"
        case Name(name):
            return name
        case Sum(terms):
            first, *rest = terms
            head = ("-" if first[0] < 0 else "") + _tight(first[1])
            return head + "".join((" + " if sign > 0 else " - ") + _tight(term) for sign, term in rest)
        case Product(factors):
            text = "".join(("*" if sign > 0 else "/") + _tight(factor) for sign, factor in factors)
            return text[1:] if text.startswith("*") else "1" + text
        case Power(base, exponent):
            return f"{_tight(base)}^{_tight(exponent)}"
        case Call(function, argument):
            return f"{function}({unparse(argument)})"


def _tight(tree: Tree) -> str:
    bare = isinstance(tree, Name | Call) or (isinstance(tree, Num) and tree.value >= 0)
    return unparse(tree) if bare else f"({unparse(tree)})"


def is_sympy(value: Any) -> bool:
    """Whether a value is a sympy expression; sympy isn't imported for that."""
    sp = sys.modules.get("sympy")
    return sp is not None and isinstance(value, sp.Basic)


def from_sympy(expression: Any) -> Tree:
    """The tree of a sympy expression of sums, products, powers, roots, exp and log; else Unreadable."""
    sp = sys.modules["sympy"]
    left = [LARGEST]

    def walk(e: Any, depth: int) -> Tree:
        left[0] -= 1
        if depth > DEEPEST or left[0] < 0:
            raise Unreadable("That expression is too large to read.")
        if isinstance(e, sp.Symbol):
            return parse(e.name)
        if isinstance(e, sp.Rational) and not isinstance(e, sp.Integer):
            return Product(((1, Num(float(e.p))), (-1, Num(float(e.q)))))
        if isinstance(e, sp.Number | sp.NumberSymbol):
            return Num(float(e))
        if isinstance(e, sp.Add):
            return Sum(tuple((1, walk(a, depth + 1)) for a in e.args))
        if isinstance(e, sp.Mul):
            return Product(tuple((1, walk(a, depth + 1)) for a in e.args))
        if isinstance(e, sp.Pow):
            return Power(walk(e.base, depth + 1), walk(e.exp, depth + 1))
        if isinstance(e, sp.exp | sp.log):
            return Call("exp" if isinstance(e, sp.exp) else "log", walk(e.args[0], depth + 1))
        if isinstance(e, sp.core.function.AppliedUndef):  # a network of x_t and t
            return parse(e.func.__name__)
        raise Unreadable(f"I can't read a sympy {type(e).__name__} here.")

    try:
        return walk(expression, 0)
    except OverflowError:
        raise Unreadable("A number in that expression is too large.") from None
