"""What the course says: one notation, no false formula but where it is taught, no dead link.

Formulas are read from everything that a student sees: cells and what they print, strings that label figures,
exercises with their hints and verdicts, the table of proofs, the faults, the pages beside the code.
"""

import ast
import math
import re
import zlib
from collections.abc import Iterator
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import nbformat
import pytest

from ddpm_core import linear
from ddpm_core.teach.bank import bank
from ddpm_core.teach.judge import Function
from ddpm_core.teach.maths import faults, proofs
from ddpm_core.teach.text.markup import typeset

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "data").glob("*.md"), *(ROOT / "tests").glob("*.md")])
PAGES += sorted((ROOT / "notebooks").glob("*.md"))


# ── where formulas stand ────────────────────────────────────────────────────────────────────────────────────

FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\w])\$(?!\s)((?:[^$\n]|\n(?!\n))+?)(?<![\s\\])\$(?![\d$])", re.S)
REFUTED_HERE = "## What the usual notes get wrong here"  # a section that quotes faults, in every lesson


class Formula(NamedTuple):
    """A formula and where it stands.  refuted: whether that is a place that shows what is wrong."""

    latex: str
    lesson: str  # "03", "A_", or the name of a page
    place: str
    refuted: bool = False


def formulas_in(text: str) -> list[str]:
    """The formulas of a text in Markdown, bare symbols as √ᾱ_t among them; code is left out."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
    return [block or inline for block, inline in FORMULA.findall(typeset(prose))]


def labels_in(code: str) -> Iterator[str]:
    """The formulas in the strings of a piece of code; what an f-string puts in counts as a 1."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "1" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        for block, inline in FORMULA.findall(text):
            yield block or inline


def of_lessons() -> Iterator[Formula]:
    for path in NOTEBOOKS:
        lesson, refuted = path.stem[:2], path.stem.startswith("A_")
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
            where = f"{path.name}, cell {number}"
            if cell.cell_type == "code":
                for output in cell.outputs:
                    for latex in formulas_in("".join(output.get("data", {}).get("text/markdown", ""))):
                        yield Formula(latex, lesson, where, True)  # computed: each is judged where it is made
                for latex in labels_in(cell.source):
                    yield Formula(latex, lesson, where, refuted)
                continue
            for section in re.split(r"^(?=## )", cell.source, flags=re.M):
                if section.startswith("## "):
                    refuted = path.stem.startswith("A_") or section.startswith(REFUTED_HERE)
                for latex in formulas_in(section):
                    yield Formula(latex, lesson, where, refuted)


def of_exercises() -> Iterator[Formula]:
    for id, e in bank.items():
        options = getattr(e, "options", {})  # which may be false: that is the question
        told = [e.title, e.worked, e.right, *e.hints, *getattr(e, "rubric", ()), *getattr(e, "models", ())]
        judged = [*(m.message for m in e.mistakes), *options.values(), *getattr(e, "why", {}).values()]
        (judged if e.title.startswith("Spot the fault") else told).append(e.prompt)
        for texts, refuted in ((told, False), (judged, True)):
            for text in texts:
                for latex in formulas_in(text):
                    yield Formula(latex, id[:2], f"exercise {id}", refuted)


def of_tables() -> Iterator[Formula]:
    for proof in proofs.PROOFS.values():
        yield Formula(proof.says, "03", f"proof {proof.name!r}")
    for proof in faults.REFUTED.values():
        yield Formula(proof.says, "03", f"refutation {proof.name!r}", True)
    for fault in faults.FAULTS.values():
        yield Formula(fault.right, "A_", f"{fault.number}, right")
        yield Formula(fault.printed, "A_", f"{fault.number}, printed", True)


PATTERNS = {"proofs", "faults", "markup", "answers", "number"}  # above, or no text but patterns


def of_pages() -> Iterator[Formula]:
    for page in PAGES:
        for latex in formulas_in(page.read_text("utf-8")):
            yield Formula(latex, page.name, page.name)
    for path in (ROOT / "ddpm_core").rglob("*.py"):
        if path.parent.name != "bank" and path.stem not in PATTERNS:
            for latex in labels_in(path.read_text("utf-8")):
                yield Formula(latex, "the package", str(path.relative_to(ROOT)))


@cache
def formulas() -> tuple[Formula, ...]:
    return (*of_lessons(), *of_exercises(), *of_tables(), *of_pages())


# ── one notation ────────────────────────────────────────────────────────────────────────────────────────────

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\S", re.S)
ACCENTS = {"\\bar", "\\hat", "\\tilde", "\\overline", "\\widehat", "\\widetilde", "\\dot", "\\vec", "\\check"}
FONTS = {"\\mathcal", "\\mathbb", "\\mathbf", "\\boldsymbol", "\\mathsf", "\\mathfrak", "\\mathscr"}
WORDS = {"\\mathrm", "\\text", "\\operatorname"}
LAYOUT = {
    r"\frac", r"\tfrac", r"\dfrac", r"\sqrt", r"\left", r"\right", r"\big", r"\Big", r"\displaystyle",
    r"\boxed", r"\underbrace", r"\overset", r"\quad", r"\qquad", r"\,", r"\;", r"\!", r"\ ", r"\\",
    r"\{", r"\}", r"\|", "−", "·",
}  # fmt: skip
OPERATORS = {"\\sum", "\\prod", "\\int", "\\min", "\\log", "\\nabla", "\\mathbb E"}
TIME = re.compile(r"([0-9]+|[rstT])([+-][12h])?|[01]:(T|[0-9])")  # t, s, T, t-1, 0:T, 500


def accented(token: str, letter: list[str]) -> str:
    r"""One name for a letter with its accent or its font: \bar\alpha, \hat x."""
    return token + " " * (letter[0][0] != "\\") + "".join(letter)


class Reader:
    r"""The symbols of a formula, each with its accent, its font and its index: \bar\alpha_t, p_\theta.

    All times are one index, t.  What stands under a sum or a mean, or in an exponent, is read by itself.
    """

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.place, self.symbols = tokens, 0, list[str]()

    def read(self) -> list[str]:
        while self.place < len(self.tokens):
            self.item()
        return self.symbols

    def take(self) -> str:
        self.place += 1
        return self.tokens[self.place - 1]

    def argument(self) -> list[str]:
        token = self.take()
        if token in ACCENTS | FONTS | WORDS:
            return [token, *self.argument()]
        if token[0].isdigit() and len(token) > 1:  # as in LaTeX, its first digit alone
            self.place -= 1
            self.tokens[self.place] = token[1:]
            return [token[0]]
        if token != "{":
            return [token]
        start, level = self.place, 1
        while level:
            level += {"{": 1, "}": -1}.get(self.take(), 0)
        return self.tokens[start : self.place - 1]

    def item(self) -> None:
        token = self.take()
        if token in ("\\begin", "\\end"):
            self.argument()
        elif token in WORDS:
            word = "".join(self.argument())
            if token != "\\text" or re.fullmatch("[A-Z]+", word):  # else it is prose
                self.scripts(word)
        elif token in ACCENTS | FONTS:
            self.scripts(accented(token, self.argument()))
        elif token[0] in "^_":
            self.symbols += Reader(self.argument()).read()
        elif token not in LAYOUT and (token[0] == "\\" or token.isalpha() or not token.isascii()):
            self.scripts(token)

    def scripts(self, symbol: str) -> None:
        index = power = ""
        while self.tokens[self.place : self.place + 1] and self.tokens[self.place] in "_^'":
            sign = self.take()
            if sign == "'":
                power = sign
                continue
            script = self.argument()
            flat = "".join(token for token in script if token not in WORDS | {"\\,", "{", "}"})
            if sign == "^" and re.fullmatch(r"\(\w\)|\*|\\[a-z]+", flat):
                power = "^(i)" if flat[0] == "(" else "^" + flat
            elif sign == "_" and symbol not in OPERATORS:
                index = "_t" if TIME.fullmatch(flat) else "_" + flat
            else:
                self.symbols += Reader(script).read()
        self.symbols.append(symbol + index + power)


def symbols(latex: str) -> list[str]:
    return Reader(TOKEN.findall(latex)).read()


README = (ROOT / "README.md").read_text("utf-8")
(NOTATION,) = re.findall(r"^## Notation$(.*?)^## ", README, re.S | re.M)
TABLE = {symbol for latex in formulas_in(NOTATION) for symbol in symbols(latex)}

# What the README's table leaves to the lessons: a symbol that stands in neither is a stray one.
DECLARED: dict[str, dict[str, str]] = {
    "everywhere": {
        r"\mathbb E": "the mean",
        "Var": "the variance",
        "KL": "the divergence",
        "ELBO": "the bound",
        r"\log": "natural",
        "e": "its base",
        "d": "dimensions; also as in dx",
        "x": "a point, whatever the time",
        "p": "the model's law, where it has no weights",
        r"\mu": "a mean",
        r"\alpha": "the schedule, whatever the time",
        r"\bar\alpha": "likewise",
        r"\beta": "likewise",
        r"\tilde\beta": "likewise",
        r"\varepsilon_t": "the noise of one step",
        r"\hat x_t": "the network's estimate of x_0",
        r"\hat\varepsilon": "its estimate of the noise",
        r"\hat\varepsilon_\theta": "the same, with its weights",
        r"\theta": "its weights",
        r"L_simple": "the paper's loss",
        r"\nabla": "the gradient",
        "v": "the velocity",
        "V_t": "the variance of x_t; V_0 that of the data",
        "y": "a label",
        **dict.fromkeys((r"\cdot", r"\cdots", r"\to", r"\sim", r"\pm", r"\ge", r"\approx"), "a sign"),
        **dict.fromkeys((r"\propto", r"\infty", r"\times", r"\sum", r"\int", r"\exp", r"\pi"), "a sign"),
        **dict.fromkeys((r"\lVert", r"\rVert", r"\Vert", r"\partial", r"\Rightarrow"), "a sign"),
    },
    "01": {
        r"q_\phi": "an encoder that is a network",
        r"\phi": "its weights",
        r"\sigma": "a standard deviation",
        "w": "the smallest decoder's factor",
        "v_t": "variances of two Gaussians",
        r"\mu_t": "their means",
        "E": "an energy",
        "a": "what a Level(a, b) keeps",
        "b": "what it adds",
    },
    "02": {
        r"\Phi": "the normal distribution function",
        r"\phi": "the weights of an encoder",
        "r": "a time before s",
        "V": "the variance of a Gaussian",
        "u": "what stands under a logarithm",
        "z_t": "the lecture's x_t",
    },
    "03": {
        r"\rho": "a ratio of variances",
        r"\mu_t": "means of two Gaussians",
        "v_t": "their variances; with a time, that of the true reverse step",
        r"\mathcal N_t": "the two Gaussians",
        "m": "a mean",
        "w_t": "the weight of an error",
        "H": "the entropy",
        r"\mu_q": "the notes' posterior mean",
        "c_t": "c_0: the factor of x_0 in a posterior mean",
        r"\Delta": "a gap of means",
        "h": "a piece of time",
        r"\sigma": "a standard deviation",
        r"\sigma_*": "the best fixed one",
        "SNR'": "the derivative of the SNR",
    },
    "04": {
        r"\hat v": "the network's estimate of v",
        r"\min": "the least",
        "c": "the slope of a line; the one weight of the smallest network",
        "m": "a mean",
        r"\lambda": "the variance along an axis",
        r"\mu_q": "the notes' posterior mean",
        r"\mu_t": "mu_0: theirs, for mu_theta",
        "p_t": "p_0: theirs, for p_theta",
        "w_t": "the weight of an error",
    },
    "05": {
        "Cov": "the covariance",
        r"\tilde\mu": "the posterior's mean, whatever the time",
        "x_t'": "a second draw",
    },
    "06": {
        r"\sigma": "a standard deviation",
        "D": "the accuracy of a file, in bits",
        "k": "a count of bits",
        r"\tau_t": "arrival times of a coder",
        r"\tau_i": "the i-th",
        "w": "a weight",
    },
    "07": {
        r"\leftarrow": "a sign",
        r"\Longleftrightarrow": "a sign",
        "E": "an energy",
        "V": "the variance of a walk",
        "W": "a Wiener process",
        r"\tilde\varepsilon": "a guided estimate",
        "a": "a class",
        "b": "another",
        "c": "a factor",
        "h": "the length of a step",
        "q_u": "the law at time u",
        "s_t": "s_1, s_2: the parts of a score",
        "m": "a mean",
        "u": "continuous time",
        "w": "the strength of guidance",
    },
    "A_": {
        "c": "the one weight of the smallest network",
        "a": "one formula",
        "b": "another",
        "v_t": "the variance of the true reverse step",
        r"\mp": "a sign",
        r"\mu_q": "the notes' posterior mean",
        r"\mu_t": "mu_0: theirs, for mu_theta",
        "p_t": "p_0: theirs, for p_theta",
        r"P_\theta": "theirs",
    },
}


def test_every_symbol_is_of_the_readme_s_table_or_declared():
    strays = {
        f"{symbol} in {f.place}: {f.latex}"
        for f in formulas()
        for symbol in symbols(f.latex)
        if symbol not in TABLE | {*DECLARED["everywhere"], *DECLARED.get(f.lesson, ())}
    }
    assert not strays


def test_nothing_is_declared_that_nobody_uses_or_that_the_table_has():
    used: dict[str, set[str]] = {}
    for f in formulas():
        used.setdefault(f.lesson, set()).update(symbols(f.latex))
    used["everywhere"] = set().union(*used.values())
    for lesson, declared in DECLARED.items():
        assert not {*declared} - used[lesson], lesson
        assert not {*declared} & TABLE, lesson
        assert lesson == "everywhere" or not {*declared} & {*DECLARED["everywhere"]}, lesson


@pytest.mark.parametrize(
    ("latex", "stray"),
    [
        (r"\epsilon_t^\star", r"\epsilon_t^\star"),
        (r"\sqrt{\bar\beta_t}", r"\bar\beta_t"),
        (r"\hat{\alpha}_{t-1}", r"\hat\alpha_t"),
        (r"q_\theta(x_t)", r"q_\theta"),
        (r"x_{t}^{\theta}", r"x_t^\theta"),
        (r"D_{\mathrm{KL}}(q\|p)", "D_KL"),
        (r"N(0, \mathbf{I})", "N"),
        (r"\mathbf{x}_0", r"\mathbf x_t"),
        (r"L_\mathrm{simple}", "L_simple"),
        (r"\mathbb{E}_{x\sim p}[\mathrm{ELBO}]", r"\sim"),
        (r"\mu_{0:T+1}", "\\mu_0:T+1"),
    ],
)
def test_the_reader_sees_what_the_eye_sees(latex, stray):
    assert stray in symbols(latex)


# ── no equation that is false, no line of the errata ────────────────────────────────────────────────────────

SCHEDULE = linear()


def world(t: int, *, guess: float, wide: bool, kept: bool) -> dict[str, float]:
    """A number for each symbol at time t of linear(1000), for one pixel, bound as the lessons bind them.

    guess: the network's eps; wide: whether a step has the variance beta_t; kept: whether x_s keeps the noise
    of x_t, as DDIM has it, or is drawn.
    """
    alpha, beta, abar = (table.tolist() for table in (SCHEDULE.alphas, SCHEDULE.betas, SCHEDULE.abar))
    w = {r"\pi": math.pi, "e": math.e, "x_{0}": 0.7, r"\varepsilon": -0.45, r"\hat\varepsilon": guess}
    for name, k in {**{str(k): k for k in range(1001)}, "t": t, "t-1": t - 1, "s": t - 1, "T": 1000}.items():
        w |= {rf"\alpha_{{{name}}}": alpha[k], rf"\beta_{{{name}}}": beta[k]}
        w |= {rf"\bar\alpha_{{{name}}}": abar[k], f"V_{{{name}}}": abar[k] * 0.3 + 1 - abar[k]}
        w[rf"\tilde\beta_{{{name}}}"] = beta[k] * (1 - abar[k - 1]) / (1 - abar[k]) if k else 0.0
        w[f"SNR({name})"] = abar[k] / (1 - abar[k]) if k else math.inf
    a, b, signal, noise = alpha[t], beta[t], abar[t] ** 0.5, (1 - abar[t]) ** 0.5
    x_t = w["x_{t}"] = signal * 0.7 + noise * -0.45
    estimate = w[r"\hat x_{0}"] = (x_t - noise * guess) / signal
    w["v"], w[r"\hat v"] = signal * -0.45 - noise * 0.7, signal * guess - noise * estimate
    for name, x_0 in ((r"\tilde\mu_{t}", 0.7), (r"\mu", 0.7), (r"\mu_{\theta}", estimate)):
        w[name] = (a**0.5 * (1 - abar[t - 1]) * x_t + abar[t - 1] ** 0.5 * b * x_0) / noise**2
    w["v_{t}"] = b * w["V_{t-1}"] / w["V_{t}"]
    w[r"\sigma_{t}"] = (b if wide else w[r"\tilde\beta_{t}"]) ** 0.5
    w[r"\hat\varepsilon_{\theta}"], w["z"] = guess, 0.35
    x_s = w[r"\mu_{\theta}"] + w[r"\sigma_{t}"] * 0.35
    if kept:
        x_s = abar[t - 1] ** 0.5 * estimate + (1 - abar[t - 1]) ** 0.5 * guess
    w["x_{s}"] = w["x_{t-1}"] = x_s
    w[r"\varepsilon_{t}"] = (x_t - a**0.5 * x_s) / b**0.5
    return w


WORLDS = {
    t: [
        world(t, guess=guess, wide=wide, kept=kept)
        for guess, wide, kept in product((-0.45, 0.8), (False, True), (False, True))
    ]
    for t in (2, 40, 500)
}


class Unread(Exception):
    """A formula, or a part of one, that has no value here."""


class Value:
    """The number that a formula stands for.  `free`: the letters in it that a world doesn't bind."""

    def __init__(self, tokens: list[str], world: dict[str, float]) -> None:
        self.tokens = [x for x in tokens if x not in IDLE]
        self.world, self.free, self.names, self.place = world, set[str](), set[str](), 0
        self.depth = 0  # of norms
        self.number = self.sum()
        if self.place < len(self.tokens):
            raise Unread(self.now)

    @property
    def now(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self) -> str:
        if not self.now:
            raise Unread("it ends too early")
        self.place += 1
        return self.tokens[self.place - 1]

    def argument(self) -> list[str]:
        reader = Reader(self.tokens)
        reader.place = self.place
        found = reader.argument()
        self.place = reader.place
        return found

    def inner(self) -> float:
        value = Value(self.argument(), self.world)
        self.free |= value.free
        self.names |= value.names
        return value.number

    def sum(self) -> float:
        total = 0.0 if self.now in ("+", "-") else self.product()
        while self.now in ("+", "-"):
            total += self.product() if self.take() == "+" else -self.product()
        return total

    def product(self) -> float:
        total = self.power()
        while self.now and self.now not in "+-)]," and not (self.now == "\\|" and self.depth):
            if self.now == "/":
                self.take()
                total /= self.power()
            else:
                total *= self.power()
        return total

    def power(self) -> float:
        base = self.atom()
        while self.now == "^":
            self.take()
            base = base ** self.inner()
        return base

    def atom(self) -> float:
        token = self.take()
        if token[0].isdigit():
            return float(token)
        if token in ("(", "["):
            total = self.sum()
            if self.take() not in (")", "]"):
                raise Unread("a list")
            return total
        if token == "\\|":  # of one pixel
            self.depth += 1
            total = self.sum()
            self.depth -= 1
            if self.take() != "\\|":
                raise Unread("a norm without its end")
            return abs(total)
        if token == "{":
            self.place -= 1
            return self.inner()
        if token in ("\\frac", "\\tfrac", "\\dfrac"):
            return self.inner() / self.inner()
        if token == "\\sqrt":
            return self.inner() ** 0.5
        if token == "\\log" and self.now != "_":
            return math.log(self.power())
        if token == "\\underbrace":
            total = self.inner()
            if self.now == "_":
                self.take()
                self.argument()
            return total
        return self.named(token)

    def named(self, token: str) -> float:
        if token in WORDS:
            name = "".join(self.argument())
            while self.now and not name.endswith(")"):
                name += self.take()
        elif token in ACCENTS:
            name = accented(token, self.argument())
        elif re.fullmatch(r"\\(alpha|beta|varepsilon|mu|sigma|rho|pi|lambda|tau)|[a-or-zV]", token):
            name = token
        else:
            raise Unread(token)
        if self.now == "_":
            self.take()
            name += "_{" + "".join(self.argument()) + "}"
        if arguments := re.match(r"\(x_t(,t|,x_0)?\)", "".join(self.tokens[self.place : self.place + 10])):
            self.place += len(TOKEN.findall(arguments[0]))  # of a network, or of a mean
        self.names.add(name)
        if name in self.world:
            return self.world[name]
        if re.match(r"SNR|x_|\\hat x|\\(bar\\)?alpha_|\\(tilde\\)?beta_|\\tilde\\mu|\\sigma_", name):
            raise Unread(name)  # bound, but not here
        self.free.add(name)
        return 0.2 + zlib.crc32(name.encode()) % 1000 / 700


IDLE = {
    r"\big", r"\Big", r"\left", r"\right", r"\displaystyle", r"\boxed", r"\cdot", r"\,", r"\;", r"\!", r"\ ",
    "&",
}  # fmt: skip
ENDS = {
    ",", ":", ";", ".", r"\quad", r"\qquad", r"\\", r"\text", r"\begin", r"\end", r"\to",
    r"\Longleftrightarrow",
}  # fmt: skip
OTHERS = {r"\approx", r"\le", r"\ge", "<", ">", r"\sim", r"\propto", r"\in", r"\leftarrow"}


def chains(latex: str) -> list[list[list[str]]]:
    """The statements of a formula, each as the sides between its signs of equality."""
    if "\\Rightarrow" in latex:
        return []  # true on a condition
    found: list[list[list[str]]] = [[[]]]
    level = 0
    for token in TOKEN.findall(latex.replace("−", "-").replace("·", r"\cdot ")):
        level += (token in ("{", "(", "[")) - (token in ("}", ")", "]"))
        if level == 0 and token in ENDS | OTHERS:
            found.append([[]])
        elif level == 0 and token == "=":
            found[-1].append([])
        else:
            found[-1][-1].append(token)
    return found


def value(tokens: list[str], world: dict[str, float]) -> Value | None:
    try:
        return Value(tokens, world)
    except (Unread, ZeroDivisionError, OverflowError, ValueError, IndexError, TypeError):
        return None


def near(a: float, b: float) -> bool:
    return isinstance(a, float) and isinstance(b, float) and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


def holds(left: list[str], right: list[str]) -> bool | None:
    """Whether two sides are equal at all times, in one of the worlds and not as 0 = 0; None if there is no
    telling.

    A letter that stands on one side only is defined there, or given; and so is the variance of a step.
    """
    verdicts = []
    for worlds in WORLDS.values():
        pairs = [(value(left, w), value(right, w)) for w in worlds]
        (a, b), *_ = pairs
        if not a or not b or a.free != b.free or not a.names or not b.names:
            return None
        if {*a.names} <= {r"\sigma_{t}", r"\sigma_{1}"}:
            return None
        both = [(a.number, b.number) for a, b in pairs if a and b]
        told = [(a, b) for a, b in both if not (near(a, 0.0) and near(b, 0.0))]
        verdicts.append(not told or any(near(a, b) for a, b in told))
    return all(verdicts)


def plainly(latex: str) -> str:
    """A formula without its layout and its braces, so that two ways to print it are one text."""
    norm, frac, out = r"\|", r"\frac", IDLE | {"{", "}", r"\quad", r"\qquad"}
    one = {r"\tfrac": frac, r"\dfrac": frac, r"\lVert": norm, r"\rVert": norm, r"\Vert": norm, "|": r"\mid"}
    return "".join(one.get(token, token) for token in TOKEN.findall(latex) if token not in out)


def equations() -> Iterator[tuple[Formula, str, bool | None]]:
    """Every equation, as a text, and whether it holds."""
    known: dict[str, bool | None] = {}
    for f in formulas():
        for left, right in (pair for sides in chains(f.latex) for pair in pairwise(sides)):
            text = plainly("".join(left)) + "=" + plainly("".join(right))
            if text not in known:
                known[text] = holds(left, right)
            yield f, text, known[text]


SPECIAL = {  # equations that hold in one world alone, or that a reader is asked to solve
    r"\bar\alpha_t=0.01\bar\alpha_t+1-\bar\alpha_t": "02.13: for which t?",
    r"x_t=\sqrt\bar\alpha_tx_0": "03.3: where the noise happens to be 0",
    r"\hatx_0=\sqrt\bar\alpha_tx_t": "05.13: for data N(0, 1)",
    r"\hatx_0=\sqrt0.5x_s": "05.13: the same",
}


def test_every_equation_that_can_be_worked_out_holds():
    read = [(f, text, true) for f, text, true in equations() if true is not None]
    false = {f"{f.place}: {text}" for f, text, true in read if not (true or f.refuted or text in SPECIAL)}
    assert not false
    assert {*SPECIAL} <= {text for _, text, true in read if not true}, "no exception without its equation"
    assert len({text for f, text, _ in read if not f.refuted}) > 60  # the reader reads


@pytest.mark.parametrize(
    "latex",
    [
        r"\bar\alpha_t = \bar\alpha_{t-1}\,\beta_t",
        r"\mathrm{SNR}(t) = \sqrt{\bar\alpha_t/(1-\bar\alpha_t)}",
        r"\frac1{\tilde\beta_t} = \tfrac{\beta_t}{\alpha_t} + \frac{1}{1-\bar\alpha_{t-1}}",
        r"\|\tilde\mu_t-\mu_\theta\|^2 = \beta_t^2/\alpha_t\,\|\varepsilon-\hat\varepsilon\|^2",
        r"\hat x_0 = \sqrt{\bar\alpha_t}\,x_t + \sqrt{1-\bar\alpha_t}\,\hat v",
        r"v_t = \beta_t\,V_t/V_{t-1}",
    ],
)
def test_a_false_equation_is_seen(latex):
    ((left, right),) = chains(latex)
    assert holds(left, right) is False


def test_the_same_judge_refutes_what_the_notes_print():
    tables = [*of_tables()]
    read = {f.place: true for f, _, true in equations() if f in tables and f.refuted and true is not None}
    assert {f"{fault.number}, printed" for fault in faults.FAULTS.values()} - {*read} <= {
        f"{number}, printed" for number in ("E08", "E09", "E14", "E15")
    }  # other letters, words
    assert not any(read.values())


IN_WORDS = {  # lines of the list that have no sampler and no proof: told in A, or at the end of a lesson
    "E10": (r"\mu_0", r"p_0(x_{t-1}"),
    "E13": (r"\hat\varepsilon_\theta(x_t)", r"\mu_\theta(x_t)"),
    "E16": (r"L_t\propto",),
    "E27": (r"P_\theta(x_{0:T})",),
    "E54": (r"t\sim[1,T]",),
}


def false_lines() -> dict[str, str]:
    """The faulty formulas, as texts, each with its number; not those that are the beginning of a right one.

    Nor those with words in them, and E15, which is true of the model and false of the sampler.
    """
    right = [plainly(f.right) for f in faults.FAULTS.values()] + [
        plainly(p.says) for p in proofs.PROOFS.values()
    ]
    lines = {plainly(f.printed): f.number for f in faults.FAULTS.values() if f.number != "E15"}
    lines |= {plainly(p.says): name for name, p in faults.REFUTED.items()}
    lines |= {plainly(line): number for number, all_ in IN_WORDS.items() for line in all_}
    lines = {line: name for line, name in lines.items() if "\\text" not in line}
    return {line: name for line, name in lines.items() if not any(line in r for r in right)}


def values(side: list[str]) -> tuple[float, ...] | None:
    """What one side is at three times, with a network that errs; None for a name or a number alone."""
    found = [value(side, WORLDS[t][-1]) for t in WORLDS]
    if any(v is None or v.free or len(v.names) < 2 or not isinstance(v.number, float) for v in found):
        return None
    return tuple(float(f"{v.number:.9g}") for v in found if v)


def false_values() -> dict[tuple[float, ...], str]:
    """The faulty right-hand sides by their values, so that no other way to write one gets through."""
    found: dict[tuple[float, ...], str] = {}
    printed = [(fault.number, fault.printed) for fault in faults.FAULTS.values()]
    for name, latex in [*printed, *((name, proof.says) for name, proof in faults.REFUTED.items())]:
        for sides in chains(latex):
            if key := values(sides[-1]):
                found.setdefault(key, name)
    right = [f.right for f in faults.FAULTS.values()] + [p.says for p in proofs.PROOFS.values()]
    true = {values(side) for latex in right for sides in chains(latex) for side in sides}
    return {key: name for key, name in found.items() if key not in true}


TAUGHT = {("04", "E13"): "section 5 says that the t is missing there"}


def test_no_line_of_the_errata_stands_where_it_is_not_refuted():
    lines, wrong = false_lines(), false_values()
    found = []
    for f in formulas():
        if not f.refuted:
            text = plainly(f.latex)
            sides = (side for sides in chains(f.latex) for side in sides)
            names = {name for line, name in lines.items() if line in text}
            names |= {wrong[key] for side in sides if (key := values(side)) in wrong}
            found += [(f.lesson, name, f.place, f.latex) for name in names]
    assert not [hit for hit in found if hit[:2] not in TAUGHT]
    assert {*TAUGHT} <= {hit[:2] for hit in found}


def test_the_list_of_false_lines_is_long_and_each_is_taught():
    lines, taught = false_lines(), [plainly(f.latex) for f in formulas() if f.refuted]
    assert len(lines) >= 25
    assert len(false_values()) >= 16
    for line, name in lines.items():
        assert any(line in text for text in taught), (name, line)


@pytest.mark.parametrize("fault", faults.FAULTS.values(), ids=lambda f: f.number)
def test_a_fault_is_known_however_it_is_written(fault):
    """By its value, with other letters and brackets; else by its text.  Three are words, or true too."""
    *_, side = chains(fault.printed)[0]
    other = TOKEN.findall("".join(side).replace(r"1-\alpha_t", r"\beta_t").replace(r"\Big", ""))
    by_value = values(other) in false_values()
    assert by_value or plainly(fault.printed) in false_lines() or fault.number in ("E14", "E15", "E31")


# ── no link that leads nowhere ──────────────────────────────────────────────────────────────────────────────

HOSTS = {
    "www.youtube.com", "creativecommons.org", "doi.org", "github.com", "keepachangelog.com", "pytorch.org",
    "semver.org", "nodejs.org",
}  # fmt: skip
LINK = re.compile(r"\[([^\[\]]*)\]\(([^()\s]*)\)|(?:href|src)=[\"']([^\"']*)[\"']()")
WATCH = re.compile(r"(\d\d?):(\d\d)(?:\D*)$")  # a label that ends in a minute


def prose(path: Path) -> list[str]:
    """The cells of Markdown of a notebook and what its cells print as such; a page as one."""
    if path.suffix == ".md":
        return [path.read_text("utf-8")]
    texts = []
    for cell in nbformat.read(path, as_version=4).cells:
        outputs = (o.get("data", {}).get("text/markdown", "") for o in cell.get("outputs", []))
        texts += [cell.source] if cell.cell_type == "markdown" else map("".join, outputs)
    return texts


def links(path: Path) -> Iterator[tuple[str, str]]:
    for text in prose(path):
        text = re.sub(r"```.*?```|`[^`\n]*`|\$[^$\n]*\$", "", text, flags=re.S)
        for label, target, reference, _ in LINK.findall(text):
            yield label, target or reference


def anchors(path: Path) -> set[str]:
    """The ids of a document's headings: as JupyterLab makes them, or GitHub."""
    heads = [head.strip() for text in prose(path) for head in re.findall(r"^#+ (.*)$", text, re.M)]
    if path.suffix == ".ipynb":
        return {head.replace(" ", "-") for head in heads}
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", [*NOTEBOOKS, *PAGES], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_somewhere(path):
    for label, link in links(path):
        address = urlsplit(link)
        if not address.scheme and not address.netloc:
            target = path.parent / unquote(address.path) if address.path else path
            assert target.exists(), link
            assert target.resolve().is_relative_to(ROOT), link
            assert not address.fragment or unquote(address.fragment) in anchors(target), link
            continue
        assert (address.scheme, address.port) == ("https", None), link
        assert address.hostname in HOSTS, f"{link}: a new host is added to HOSTS, once it was looked at"
        if address.hostname == "www.youtube.com":
            query = parse_qs(address.query, strict_parsing=True)
            assert query.pop("v")[0] in {video for _, video in faults.LECTURES.values()}, link
            seconds = query.pop("t", ["0s"])[0]
            assert re.fullmatch(r"\d+s", seconds), link
            assert not query, link
            if minute := WATCH.search(label):
                assert int(minute[1]) * 60 + int(minute[2]) == int(seconds[:-1]), (label, link)


def test_every_host_is_in_use():
    found = {urlsplit(link).hostname for path in [*NOTEBOOKS, *PAGES] for _, link in links(path)}
    assert {*HOSTS} <= found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_what_a_lesson_refers_to_is_there(path):
    """Its own sections, those of others, other lessons, exercises.  Clauses with a year speak of papers."""
    numbers = {
        other.stem[:2]: {int(n) for text in prose(other) for n in re.findall(r"^## (\d+) ·", text, re.M)}
        for other in NOTEBOOKS
    }
    for text in prose(path):
        for clause in re.split(r"(?<=[.;:]) ", text):
            if re.search(r"\b(19|20)\d\d\b(?!\))", clause):
                continue
            lesson = path.stem[:2]
            if other := re.search(r"\]\((\w\w)_\w+\.ipynb\), section", clause):
                lesson = other[1]
            for found in re.findall(r"\b[Ss]ections? (\d+)(?:(?: to| and|,) (\d+))?", clause):
                assert {int(n) for n in found if n} <= numbers[lesson], clause
            for id in re.findall(r"\bexercises? (0\d\.\d+)", clause):
                assert id in bank, clause
            for other in re.findall(r"\b[Ll]essons? \[?(\d\d)\b", clause):
                assert other in numbers, clause


# ── what is asked is what the cell holds ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_function_is_asked_for_by_the_name_that_the_cell_gives_it(path):
    asked = None
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        if found := re.findall(r'exercise\("([\d.]+)"\)', cell.source):
            asked = bank[found[-1]]
        elif isinstance(asked, Function) and ".check(" in cell.source:
            (signature,) = re.findall(r"^def (\w+\([^)]*\)):", cell.source, re.M)
            assert f"Write `{signature}`" in asked.prompt, asked.id
            taken = re.findall(r"\w+", signature)[1:]
            assert list(asked.names)[: len(taken)] == taken, asked.id
