"""A parser for the formulas that a student types; no text is ever run as code.

    sum     := product (("+" | "-") product)*
    product := factor (("*" | "/" | "//" | "%" | nothing) factor)*
    factor  := ("+" | "-") factor | atom ("^" factor)?
    atom    := number | name | density | function argument | "(" sum ")" | "|" sum "|"

Without brackets, the argument of a logarithm or an exponential is the next atom with its exponent; if `wide`,
that of a logarithm is the whole product up to the next + or -, as on paper: log p/q.

Two formulas are taken to be equal if their values agree at random points.
"""

import math
import re
import sys
import unicodedata
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any, NamedTuple

from .tree import (
    FUNCTIONS,
    SYMBOLS,
    Call,
    Name,
    Num,
    Power,
    Product,
    Sum,
    Tree,
    symbol,
)

LONGEST, DEEPEST, LARGEST = 100_000, 100, 50_000  # characters, levels of nesting, nodes of a sympy tree


class Unreadable(ValueError):
    """The answer can't be read; the message says where and why."""


SPELLINGS = {name: name for name in FUNCTIONS} | {"√": "sqrt", "ln": "log", "ceiling": "ceil"}
SPELLINGS |= dict.fromkeys(("log_2", "log_{2}", "ld", "lb"), "log2") | {
    "log_10": "log10",
    "log_{10}": "log10",
}
CONSTANTS = {"pi": math.pi, "π": math.pi, "e": math.e, "I": 1.0}  # I: the identity matrix, as in N(0, I)
FRACTIONS = ("frac", "dfrac", "tfrac")


def _divided(a: Tree, b: Tree) -> Tree:
    return Product(((1, a), (-1, b)))


def _log(x: Tree, base: Tree | None = None) -> Tree:
    return Call("log", x) if base is None else _divided(Call("log", x), Call("log", base))


# Functions that are made of others: what is typed between their brackets, apart by commas, as a tree.
MADE: dict[str, Callable[..., Tree]] = {
    "log": _log,
    "log1p": lambda x: Call("log", Sum(((1, Num(1.0)), (1, x)))),
    "expm1": lambda x: Sum(((1, Call("exp", x)), (-1, Num(1.0)))),
    "hypot": lambda *all_: Call("sqrt", Sum(tuple((1, Power(x, Num(2.0))) for x in all_))),
    "pow": Power,
    "sigmoid": lambda x: _divided(Num(1.0), Sum(((1, Num(1.0)), (1, Call("exp", Sum(((-1, x),))))))),
    "KL": lambda q, p: Sum(((1, Call("log", q)), (-1, Call("log", p)))),  # inside the mean over q
}
MADE |= dict.fromkeys(("D_KL", "D_{KL}", "kl"), MADE["KL"])
RATIOS = {"": "abar", "t": "abar", "t-1": "abar_prev", "s": "abar_s"}  # SNR(t) and its like


def snr(time: str) -> Tree:
    """The signal-to-noise ratio at one of the times in RATIOS."""
    name = Name(RATIOS[time])
    return _divided(name, Sum(((1, Num(1.0)), (-1, name))))


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

KNOWN = tuple(dict.fromkeys(("x_t", "x_0", "eps", "z", "sigma", "mu", *SYMBOLS)))  # as messages order them


def shown(name: str) -> str:
    """A symbol or a density, typeset for a message."""
    return re.sub(r"x_\d", r"$\g<0>$", name) if "(" in name else f"${symbol(name)}$"


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
STATE = r"x_?(?:\{\s*\d\s*(?::\s*\d\s*)?\}|\d(?::\d)?)"  # x_1, or x_{1:3} for three of them
STATES = rf"{STATE}(?:\s*,\s*{STATE})*"
TOKEN = re.compile(
    rf"(?P<space>\s+|\\[,;!:]|\\left|\\right|\\quad)"
    rf"|(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
    rf"|(?P<density>[pq](?:_?\{{?\\?(?:theta|θ|phi|φ|ϕ)\}}?)?\s*[(]\s*{STATES}\s*(?:[|]\s*{STATES}\s*)?[)])"
    rf"|(?P<snr>\\?SNR(?:_\{{?(?P<at>[a-z](?:-1)?)\}}?|\s*\(\s*(?P<of>[a-z]\s*(?:-\s*1)?)\s*\))?)"
    rf"|(?P<name>\\?{LETTER}(?:{LETTER}|[\d_])*(?:(?<=_)\{{[^{{}}]{{1,12}}\}})?)"
    rf"|(?P<sign>\*\*|//|\|\||[-+*/^%()\[\]{{}},|√])"
)
SAME = str.maketrans(
    {"−": "-", "–": "-", "·": "*", "×": "*", "⋅": "*", "÷": "/", "µ": "μ", "∣": "|", "‖": "||", "∥": "||"}
    | {"⌈": "ceil(", "⌊": "floor(", "⌉": ")", "⌋": ")"}
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
    (re.compile(r"\\\||\\Vert\b"), "||"),
    (re.compile(r"\\(?:mathrm|operatorname|text)\s*\{(\w{1,12})\}"), r"\1"),
    (re.compile(r"\\?(?:mathbb)?\s*\{?\bE\}?_\{?q[^\s\[{}]{0,20}\}?(?=\s*\[)"), ""),
]
PAIRS = {"(": ")", "[": "]", "{": "}"}
ASIDE = {
    "=": "Leave out the left side and the “=”: the formula alone is asked for.",
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
            found.append(Token(kind, density(match["density"]), at))
        elif kind == "snr" and "SNR" in known:
            found.append(Token("name", "SNR", at))
        elif kind == "snr":
            time = "".join((match["at"] or match["of"] or "").split())
            found.append(Token(kind if time in RATIOS else "name", time if time in RATIOS else "SNR", at))
        elif kind == "name":
            found += [Token(kind, word, at) for word in pieces(match.group(), known)]
        elif kind != "space":
            found.append(Token(kind, match.group(), at))
        at = match.end()
    return found


def density(text: str) -> str:
    """The canonical name of a density, such as q(x_1|x_0,x_2); a joint density has several states ahead."""
    ahead, _, behind = text.partition("(")[2].partition("|")
    return f"{text[0]}({_states(ahead)}{'|' * bool(behind)}{_states(behind)})"


def _states(text: str) -> str:
    """The states in a part of a density, in order and with ranges written out."""
    found: set[int] = set()
    for state in re.findall(STATE, text):
        first, last = (int(end) for end in (re.findall(r"\d", state) * 2)[:2])
        found |= {first, *range(first, last + 1)}
    return ",".join(f"x_{k}" for k in sorted(found))


def pieces(name: str, known: Collection[str] = ()) -> tuple[str, ...]:
    """A typed name, split if it is several symbols without a space between them."""
    if name in known or name.lstrip("\\") in (*SPELLINGS, *FRACTIONS, *MADE, *CONSTANTS):
        return (name,)
    try:
        return spelled(name)
    except Unreadable:  # no error yet: it may be the argument of a network
        return (name,)


SERIES = re.compile(
    r"\\?(?P<kind>sum|prod|Σ|∑|Π|∏)_\{?\s*(?P<i>[a-z])\s*=\s*(?P<low>\d)\s*\}?\s*\^\s*\{?\(?(?P<high>\d)\)?\}?"
    r"(?P<body>(?:[^-+()\[\]{}]|\((?:[^()]|\([^()]*\))*\)|\{[^{}]*\}|\[(?:[^\[\]()]|\([^()]*\))*\]){1,500})"
)


def _series(match: re.Match[str]) -> str:
    """A sum or a product over an index, written out: sum_{t=1}^3 log q(x_t|x_{t-1})."""
    sums = match["kind"] in "sum Σ ∑"
    body, rest = (match["body"], "") if sums else _first_factor(match["body"])
    body, rest = (SERIES.sub(_series, part) for part in (body, rest))

    def at(k: int) -> str:
        index = rf"_\{{?\s*{match['i']}\s*([-+]\s*1)?\s*\}}?"
        return re.sub(index, lambda found: f"_{k + int((found[1] or '0').replace(' ', ''))}", body)

    parts = [f"({at(k)})" for k in range(int(match["low"]), int(match["high"]) + 1)]
    return f"({('+' if sums else '*').join(parts)}){rest}"


def _first_factor(text: str) -> tuple[str, str]:
    """A product up to its first / or *, and the rest."""
    level = 0
    for at, sign in enumerate(text):
        level += (sign in PAIRS) - (sign in PAIRS.values())
        if level == 0 and sign in "/*":
            return text[:at], text[at:]
    return text, ""


def normalized(text: str) -> str:
    """The text with similar characters, super- and subscripts and common LaTeX replaced by plain notation."""
    text = " ".join(text.partition("#")[0].split()).strip("$ ")
    text = unicodedata.normalize("NFC", text).translate(SAME)
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+", lambda m: f"^({m.group().translate(SUPER)})", text)
    text = re.sub("[₀₁₂₃₄₅₆₇₈₉₊₋ₜₛ]+", lambda m: "_{" + m.group().translate(SUB) + "}", text)
    for pattern, word in LATEX:
        text = pattern.sub(word, text)
    text = SERIES.sub(_series, text)
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


def _whole(sign: str, a: Tree, b: Tree) -> Tree:
    """Division without its remainder, or the remainder."""
    whole = Call("floor", _divided(a, b))
    return whole if sign == "//" else Sum(((1, a), (-1, Product(((1, b), (1, whole))))))


class _Reader:
    """A recursive-descent parser over the tokens; `depth` limits the recursion."""

    def __init__(self, text: str, wide: bool, known: Collection[str]):
        self.text, self.wide, self.known = text, wide, known
        self.place, self.depth, self.bars = 0, 0, 0
        self.tokens = [*tokens(text, known), Token("end", "", len(text))]

    @property
    def now(self) -> Token:
        return self.tokens[self.place]

    @property
    def opening(self) -> tuple[str, ...]:
        """The signs that begin an atom; a bar does so unless it closes one."""
        return ("(", "[", "{", "√") if self.bars else ("(", "[", "{", "√", "|")

    def take(self, *signs: str) -> str | None:
        if self.now.kind == "sign" and self.now.text in signs:
            self.place += 1
            return self.tokens[self.place - 1].text
        return None

    def lost(self) -> Unreadable:
        if self.now.kind == "end":
            return Unreadable("The formula ends too early; something is missing at its end.")
        if self.now.text == "," and (digits := re.search(r"\d+,\d+", self.text)):
            return Unreadable(f"Write {digits[0].replace(',', '.')} with a point, not a comma.")
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
            elif sign := self.take("//", "%"):
                before = factors[0][1] if len(factors) == 1 else Product(tuple(factors))
                factors = [(1, _whole(sign, before, self.factor()))]
            elif self.now.kind in ("name", "density", "snr") or self.now.text in self.opening:
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
        if token.kind == "snr":
            self.place += 1
            return snr(token.text)
        if self.take("√"):
            return self.called("sqrt")
        if token.text == "|" and not self.bars:
            return self.absolute()
        return self.bracketed()

    def absolute(self) -> Tree:
        self.place, self.bars = self.place + 1, 1
        tree = self.sum()
        if self.take("|") is None:
            raise self.lost()
        self.bars = 0
        return Call("abs", tree)

    def listed(self, word: str, made: Callable[..., Tree]) -> Tree:
        """A function of what stands between its brackets, apart by commas, or by a double bar."""
        opened = self.take("(", "[", "{")
        if opened is None:
            raise Unreadable(f"Write {quoted(word)} with brackets, such as {quoted(word + '(x)')}.")
        self.deeper()
        all_ = [self.sum()]
        while self.take(",", "||"):
            all_.append(self.sum())
        if self.take(PAIRS[opened]) is None:
            raise self.lost()
        self.depth -= 1
        try:
            return made(*all_)
        except TypeError:
            raise Unreadable(f"{quoted(word)} takes another number of arguments than {len(all_)}.") from None

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
        if word in MADE and (word != "log" or self.comma()):
            return self.listed(word, MADE[word])
        if word in SPELLINGS:
            return self.called(SPELLINGS[word])
        if word in CONSTANTS:
            return Num(CONSTANTS[word])
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

    def comma(self) -> bool:
        """Whether the bracket that opens here holds a comma, as in log(x, 2)."""
        level = 0
        for token in self.tokens[self.place :]:
            level += (token.text in PAIRS) - (token.text in PAIRS.values())
            if level <= 0 or token.text == ",":
                return level == 1 and token.text == ","
        return False

    def skip_arguments(self) -> None:
        kinds = [(t.kind, t.text.replace("_", "")) for t in self.tokens[self.place : self.place + 5]]
        if kinds[:1] == [("sign", "(")] and kinds[1:2] == [("name", "xt")]:
            if kinds[2:5] == [("sign", ","), ("name", "t"), ("sign", ")")]:
                self.place += 5
            elif kinds[2:3] == [("sign", ")")]:
                self.place += 3


# --- sympy ----------------------------------------------------------------------------------------


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
        if type(e).__name__.lower() in SPELLINGS:  # exp, log, Abs, tanh, ceiling
            return Call(SPELLINGS[type(e).__name__.lower()], walk(e.args[0], depth + 1))
        if isinstance(e, sp.core.function.AppliedUndef):  # a network of x_t and t
            return parse(e.func.__name__)
        raise Unreadable(f"I can't read a sympy {type(e).__name__} here.")

    try:
        return walk(expression, 0)
    except OverflowError:
        raise Unreadable("A number in that expression is too large.") from None
