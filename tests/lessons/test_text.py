"""The course's text: one notation, no false formula except where it is refuted, no dead link.

Formulas are read from everything that a student sees: cells and their output, labels of figures, exercises
with their hints and verdicts, the table of proofs, the faults, and the Markdown pages.
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
from xml.etree import ElementTree

import nbformat
import pytest
import torch
from torch import Tensor

from ddpm_core import linear, q_sample
from ddpm_core.prediction import Eps, V
from ddpm_core.process import posterior
from ddpm_core.schedule import Level
from ddpm_core.teach.bank import bank
from ddpm_core.teach.judge import Function
from ddpm_core.teach.maths.faults import FAULTS, LECTURES, REFUTED
from ddpm_core.teach.maths.proofs import PROOFS
from ddpm_core.teach.text.latex import mathml
from ddpm_core.teach.text.markup import FORMULAS

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = sorted(page for at in (".", "data", "tests", "notebooks") for page in (ROOT / at).glob("*.md"))


# ── where formulas stand ────────────────────────────────────────────────────────────────────────────────────

REFUTED_HERE = "## What the usual notes get wrong here"  # a section that quotes faults, in every lesson
READ_AS_TABLES, NO_TEXT = {"proofs", "faults"}, {"markup", "grammar", "number"}  # modules


class Text(NamedTuple):
    """A text, or one of its formulas, and where it comes from."""

    itself: str
    lesson: str  # "03", "A_", or the name of a page
    place: str
    refuted: bool = False  # whether wrong formulas are expected there


@cache
def cells(path: Path) -> list[tuple[str, str]]:
    """The cells of a notebook and their Markdown outputs, as (kind, text); a page is one cell."""
    if path.suffix == ".md":
        return [("markdown", path.read_text("utf-8"))]
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        printed = ("".join(o.get("data", {}).get("text/markdown", "")) for o in cell.get("outputs", []))
        found += [(cell.cell_type, cell.source), *(("output", text) for text in printed)]
    return found


def strings(code: str) -> Iterator[str]:
    """The strings in a piece of code; each replacement field of an f-string becomes a 1."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "1" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def of_lessons() -> Iterator[Text]:
    for path in NOTEBOOKS:
        refuted = errata = path.stem.startswith("A_")
        for kind, text in cells(path):
            for part in strings(text) if kind == "code" else re.split(r"^(?=## )", text, flags=re.M):
                if kind == "markdown" and part.startswith("## "):
                    refuted = errata or part.startswith(REFUTED_HERE)
                computed = kind == "output"  # checked where the text is defined
                yield Text(part, path.stem[:2], path.name, refuted or computed)


def of_exercises() -> Iterator[Text]:
    for e in bank.values():
        told = [e.title, e.worked, e.right, *e.hints, *getattr(e, "rubric", ()), *getattr(e, "models", ())]
        judged = [m.message for m in e.mistakes]
        judged += [*getattr(e, "options", {}).values(), *getattr(e, "why", {}).values()]  # some of them false
        (judged if e.title.startswith("Spot the fault") else told).append(e.prompt)
        for refuted, texts in ((False, told), (True, judged)):
            yield from (Text(text, e.id[:2], f"exercise {e.id}", refuted) for text in texts)


def of_tables() -> Iterator[Text]:
    for refuted, table in ((False, PROOFS), (True, REFUTED)):
        yield from (Text(f"${each.says}$", "03", f"identity {id!r}", refuted) for id, each in table.items())
    for fault in FAULTS.values():
        yield Text(f"${fault.right}$", "A_", f"{fault.number}, right")
        yield Text(f"${fault.printed}$", "A_", f"{fault.number}, printed", True)


def of_pages() -> Iterator[Text]:
    yield from (Text(page.read_text("utf-8"), page.name, page.name) for page in PAGES)
    for path in (ROOT / "ddpm_core").rglob("*.py"):
        if path.parent.name != "bank" and path.stem not in READ_AS_TABLES | NO_TEXT:
            yield from (Text(text, "the package", path.name) for text in strings(path.read_text("utf-8")))


def formulas_in(text: str) -> list[str]:
    """The formulas of a Markdown text, without those in code."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
    return [span.strip("$") for span in FORMULAS.findall(prose)]


@cache
def formulas() -> list[Text]:
    texts = (*of_lessons(), *of_exercises(), *of_tables(), *of_pages())
    return [text._replace(itself=latex) for text in texts for latex in formulas_in(text.itself)]


# ── a formula as signs ──────────────────────────────────────────────────────────────────────────────────────

END = ";"  # where one statement ends, so that another may begin
FUNCTIONS = {"log", "ln", "exp", "min", "max", "lim", "sup", "inf", "det", "arg", "sin", "cos", "tan", "tanh"}
OPERATORS = {*FUNCTIONS, *"∑∏∫∇𝔼"}  # what is written below them is no index
MARK = re.compile(r"[(]\w[)]|[∗⋆α-ωϵ]")  # as a power, part of a name


def words(node: ElementTree.Element) -> str:
    return "".join(node.itertext()).replace("−", "-")


def name(node: ElementTree.Element) -> str:
    """A letter with its accent, or a word such as SNR; "" for anything that isn't a symbol."""
    text = words(node)
    if node.tag == "mrow" and node.get("style"):
        return f"bold {text}"
    letter = node.tag == "mi" and text not in {*FUNCTIONS, "∞"}
    word = node.tag == "mtext" and re.fullmatch("[A-Z]+|Var|Cov", text)
    return text if letter or word or node.get("accent") else ""


def signs(node: ElementTree.Element) -> Iterator[str]:
    """MathML as typed text: ⟦x_t⟧ for a symbol with its index, ‹…› for notes above or below a part."""
    inside = [sign for child in node for sign in signs(child)]
    match node.tag:
        case _ if name(node):
            yield f"⟦{name(node)}⟧"
        case "mfrac":
            yield from ("((", *signs(node[0]), ")/(", *signs(node[1]), "))")
        case "msqrt":
            yield from ("((", *inside, ")**0.5)")
        case "msub" | "msup" | "msubsup":
            yield from indexed(node)
        case "munder" | "mover" | "munderover":
            yield from signs(node[0]) if node[0].tag == "mo" else ("(", *signs(node[0]), ")")
            yield from (f"‹{''.join(signs(script))}›" for script in node[1:])
        case "mtr":
            yield from (*inside, END)
        case "mspace" | "mtext":
            yield from [END] * (node.tag == "mtext" or node.get("width") in ("1em", "2em"))
        case _:
            yield from inside or [node.text or ""]


def indexed(node: ElementTree.Element) -> Iterator[str]:
    base, below, above = node[0], node[1] if node.tag != "msup" else None, node[-1]
    symbol, power = name(base), f"**({''.join(signs(above))})" * (node.tag != "msub")
    if symbol and below is not None and symbol not in OPERATORS:
        symbol, below = f"{symbol}_{words(below)}", None
    if symbol and power and MARK.fullmatch(words(above)):
        symbol, power = f"{symbol}^{re.sub('[(].[)]', '(i)', words(above))}", ""
    yield from [f"⟦{symbol}⟧"] if symbol else signs(base) if base.tag == "mo" else ("(", *signs(base), ")")
    yield (f"_‹{''.join(signs(below))}›" if below is not None else "") + power


@cache
def read(latex: str) -> tuple[str, ...]:
    flat = re.sub("</?mpadded[^>]*>", "", mathml(latex))  # which only moves an index
    return tuple(signs(ElementTree.fromstring(flat)))


# ── one notation ────────────────────────────────────────────────────────────────────────────────────────────

TIME = re.compile(r"([0-9]+|[rstT])([+-][12h])?|[01]:(T|[0-9])")  # t, s, T, t-1, 0:T, 500


def symbols(latex: str) -> set[str]:
    """The symbols of a formula, each with its accent, font and index; every time counts as the index t."""
    found = set()
    for symbol in re.findall("⟦([^⟦⟧]*)⟧", "".join(read(latex))):
        letter, _, index = symbol.partition("_")
        found.add(f"{letter}_t" if TIME.fullmatch(index) else symbol)
    return found


README = (ROOT / "README.md").read_text("utf-8")
(NOTATION,) = re.findall(r"^## Notation$(.*?)^## ", README, re.S | re.M)
# Symbols that may be used besides those in the README's table, by lesson.
DECLARED = {
    "everywhere": r"\mathbb E \mathrm{Var} \mathrm{KL} \mathrm{ELBO} L_\mathrm{simple} e d x p y v V_t "
    r"\pi \theta \mu \alpha \bar\alpha \beta \tilde\beta \varepsilon_t "
    r"\hat x_t \hat\varepsilon \hat\varepsilon_\theta ",
    "01": r"q_\phi \phi \sigma w v_t \mu_t E a b f m B",
    "02": r"\Phi \phi r V u u_t c z_t",
    "03": r"a b r \rho \mu_t v_t \mathcal N_t m w_t H \mu_q c_t \Delta h \sigma \sigma_*",
    "04": r"a b \varphi \hat v c c_\text{new} h k m \mu_q \mu_t p_t w_t \omega_k \omega_t",
    "05": r"\mathrm{Cov} \tilde\mu \eta \sigma a b c m m_1 s_1 s_t u C C_1 w",
    "06": r"\delta \sigma D d n r \tau \tau_t \tau_i \tilde\mu",
    "07": r"\hat v V W \tilde\varepsilon a b c f g h s s_t m u w",
    "08": r"k n \eta u \hat u \hat v u_t a b a_t b_t c_t h g q y F \sigma \Delta p_t c w",
    "09": r"\hat v \hat v_\text{with} \hat v_\text{without} w q k d Q K V \sigma",
    "A_": r"\sigma c a b w v_t \mu_q \mu_t p_t P_\theta",
}
TABLE = {symbol for latex in formulas_in(NOTATION) for symbol in symbols(latex)}


def strays(latex: str, lesson: str) -> set[str]:
    return symbols(latex) - TABLE - symbols(DECLARED["everywhere"] + DECLARED.get(lesson, ""))


def test_every_symbol_is_of_the_readme_s_table_or_declared():
    assert not {(s, f.place, f.itself) for f in formulas() for s in strays(f.itself, f.lesson)}


@pytest.mark.parametrize(
    "latex",
    [
        r"\epsilon_t", r"\varepsilon_t^\star", r"\sqrt{\bar\beta_t}", r"\hat{\alpha}_{t-1}", r"q_\theta(x_t)",
        r"x_{t}^{\theta}", r"D_{\mathrm{KL}}(q\|p)", r"N(0, \mathbf{I})", r"\mathbf{x}_0", r"\mu_{0:T+1}",
        r"\mathbb E_{x\sim g}[x]", r"\sum_{k=1}^T L_t", r"2^{-f}", r"\underbrace{x}_{\xi}",
    ],
)  # fmt: skip
def test_a_stray_symbol_is_seen(latex):
    assert strays(latex, "05")


# ── no false formula ────────────────────────────────────────────────────────────────────────────────────────

SCHEDULE = linear()
OVER_TIME = {"α": SCHEDULE.alphas, "β": SCHEDULE.betas, "α¯": SCHEDULE.abar, "SNR": SCHEDULE.snr}
OVER_TIME |= {"V": 1 - 0.7 * SCHEDULE.abar}


class World(dict[str, Tensor]):
    """Numbers for each symbol, related as in the lessons, for one pixel at three times of linear(1000).

    (3, 8): at each time there are eight cases.  The network is right or wrong, a step's variance is that of
    the posterior or beta_t, and x_s is drawn or, as in DDIM, has the noise of x_t.  Any other symbol gets a
    number of its own, and is listed in `free`.
    """

    def __init__(self) -> None:
        self.t, self.free = torch.tensor([2, 40, 500])[:, None], set[str]()  # (3, 1)
        right, small, fresh = torch.tensor([*product((True, False), repeat=3)]).T  # (8,) each
        s, t = (Level(SCHEDULE.abar[k].sqrt(), (1 - SCHEDULE.abar[k]).sqrt()) for k in (self.t - 1, self.t))
        x0, eps, z = (torch.full((3, 8), x, dtype=torch.float64) for x in (0.7, -0.45, 0.35))
        guess, xt = torch.where(right, eps, 0.8), q_sample(x0, eps, t)
        estimate, (mean, var) = Eps().x0(guess, xt, s, t), posterior(x0, xt, s, t)
        mu, alpha, beta = posterior(estimate, xt, s, t).mean, self["α_t"], self["β_t"]
        sigma = torch.where(small, var, beta).sqrt()
        xs = torch.where(fresh, mu + sigma * z, q_sample(estimate, guess, s))
        self |= {"x_0": x0, "x_t": xt, "x_s": xs, "x_t-1": xs, "x^_0": estimate, "z": z}
        self |= {"ε": eps, "ε^": guess, "ε^_θ": guess, "ε_t": (xt - alpha.sqrt() * xs) / beta.sqrt()}
        self |= {"μ~_t": mean, "μ": mean, "μ_θ": mu, "β~_t": var, "σ_t": sigma}
        self |= {"v": V().target(x0, eps, xt, s, t), "v^": V().target(estimate, guess, xt, s, t)}
        self |= {"v_t": beta * self["V_s"] / self["V_t"]}
        self |= {"π": torch.tensor(math.pi, dtype=torch.float64), "e": torch.ones(()).double().exp()}

    def __missing__(self, symbol: str) -> Tensor:
        letter, _, index = symbol.partition("_")
        if letter in OVER_TIME and index:
            k = {"t": self.t, "t-1": self.t - 1, "s": self.t - 1, "T": SCHEDULE.T}.get(index)
            return OVER_TIME[letter][int(index) if k is None else k]
        if (index and letter in ("x", "x^", "μ~", "σ")) or not re.fullmatch("[αβεμσρπλτa-or-zV].?", letter):
            raise KeyError(symbol)
        self.free.add(symbol)
        return torch.tensor(0.2 + zlib.crc32(symbol.encode()) % 1000 / 700, dtype=torch.float64)


WORLD = World()
TYPED = str.maketrans("−·×[]", "-**()")
WRITTEN = [
    (r"(‹[^‹›]*)?‹[^‹›]*›([^‹›]*›)?", ""),
    (r"(?<=⟧)\(⟦x_t⟧(,⟦t⟧|,⟦x_0⟧)?\)", ""),  # arguments of a network, or of a mean
    (r"⟦SNR⟧\(⟦?(\w)⟧?([^()]*)\)", r"⟦SNR_\1\2⟧"),
    (r"‖(.*?)‖", r"abs(\1)"),  # of one pixel
    (r"(log|exp)(⟦[^⟧]*⟧(?:\*\*\([^()]*\))?)", r"\1(\2)"),
    (r"(?<=[\d)⟧])(?=[⟦(a-z])", "*"),
    (r"⟦([^⟧]*)⟧", r"w['\1']"),
]


@cache
def value(side: str) -> tuple[Tensor, set[str]] | None:
    """The values of one side of an equation, (3, 8), and its symbols; None if it can't be evaluated."""
    text = side.translate(TYPED)
    for pattern, typed in WRITTEN:
        text = re.sub(pattern, typed, text)
    try:
        number = eval(text, {"__builtins__": {}, "abs": abs, "log": torch.log, "exp": torch.exp, "w": WORLD})
        return number.expand(3, 8), {*re.findall(r"w\['(.*?)'\]", text)}
    except (SyntaxError, NameError, LookupError, TypeError, ValueError, AttributeError):
        return None


def chains(latex: str) -> list[list[str]]:
    """The statements of a formula, each split at its equals signs."""
    found, depth = [[""]], 0
    for sign in read(latex):
        depth += sum((c in "([{") - (c in ")]}") for c in sign)
        if depth == 0 and sign in {END, *",:.→⟺≈≤≥<>∼∝∈←"}:
            found.append([""])
        elif depth == 0 and sign == "=":
            found[-1].append("")
        else:
            found[-1][-1] += sign
    return found if "⇒" not in read(latex) else []  # implications aren't checked


@cache
def holds(left: str, right: str) -> bool | None:
    """Whether two sides are equal, and not both 0, in some case at every time; None if that can't be decided.

    It can't if a free symbol is on one side only, or if the left side is a step's variance: that defines it.
    """
    if not (a := value(left)) or not (b := value(right)):
        return None
    (x, names), (y, others) = a, b
    if not names or not others or (names ^ others) & WORLD.free or names <= {"σ_t", "σ_1"}:
        return None
    zero = x.abs() + y.abs() < 1e-12
    same = torch.isclose(x, y, 1e-9, 1e-12) & ~zero
    return bool((zero.all(1) | same.any(1)).all())


def equations(latex: str) -> dict[str, bool]:
    """The equations of a formula that can be evaluated, and whether each holds."""
    told = {"=".join(pair): holds(*pair) for sides in chains(latex) for pair in pairwise(sides)}
    return {text: true for text, true in told.items() if true is not None}


IN_WORDS = {  # errata without a sampler or a proof: explained in A, or at the end of a lesson
    "E10": (r"\mu_0", r"p_0(x_{t-1}"),
    "E13": (r"\hat\varepsilon_\theta(x_t)", r"\mu_\theta(x_t)"),
    "E16": (r"L_t\propto",),
    "E27": (r"P_\theta(x_{0:T})",),
    "E54": (r"t\sim[1,T]",),
}
PRINTED = [(name, identity.says) for name, identity in REFUTED.items()]
PRINTED += [(fault.number, fault.printed) for fault in FAULTS.values()]
TRUE = [fault.right for fault in FAULTS.values()] + [proof.says for proof in PROOFS.values()]


def values(side: str) -> str:
    """One side's values at three times, with a wrong network, as text; "" for a single symbol or number."""
    numbers, names = value(side) or (None, set())
    known = numbers is not None and len(names) > 1 and not names & WORLD.free
    return " ".join(f"{x:.9g}" for x in numbers[:, -1].tolist()) if known else ""


@cache
def faults() -> dict[str, str]:
    """The numbers of the faults, by their formulas and by the values of their right sides.

    The values find other ways to write a fault.  Left out: E15, which is true of the model; formulas with
    words; and those that begin a true formula.
    """
    lines = [(number, line) for number, line in PRINTED if number != "E15" and r"\text" not in line]
    found = {values(sides[-1]): number for number, line in lines for sides in chains(line)}
    lines += [(number, line) for number, lines in IN_WORDS.items() for line in lines]
    found |= {"".join(read(line)): number for number, line in lines}
    true = ["".join(read(line)) for line in TRUE]
    true += [values(side) for line in TRUE for sides in chains(line) for side in sides]
    return {mark: number for mark, number in found.items() if not any(mark in other for other in true)}


@cache
def wrong(latex: str) -> set[str]:
    """The numbers of the faults in a formula, and its equations that don't hold."""
    text = "".join(read(latex))
    marks = [mark for mark in faults() if mark in text]
    marks += {values(side) for sides in chains(latex) for side in sides} & {*faults()}
    return {faults()[mark] for mark in marks} | {text for text, true in equations(latex).items() if not true}


EXCUSED = {
    r"\bar\alpha_t = 0.01\,\bar\alpha_t + 1-\bar\alpha_t": "exercise 02.12",  # an equation to solve for t
    r"x_t = \sqrt{\bar\alpha_t}\,x_0": "exercise 03.12",  # where the noise happens to be 0
    r"\hat x_0 = \sqrt{\bar\alpha_t}\,x_t": "exercise 05.16",  # for data N(0, 1)
    r"\hat x_0 = \sqrt{0.5}\,x_s": "exercise 05.16",  # the same
    r"a\,x_t - b\,v = (a^2+b^2)\,x_0": "08_from_steps_to_flows.ipynb",  # a and b are those of v
}


def test_no_formula_is_false_but_where_that_is_taught():
    found = {(f.place, *sorted(wrong(f.itself))) for f in formulas() if not f.refuted}
    excused = {(place, *sorted(wrong(latex))) for latex, place in EXCUSED.items()}
    assert {hit for hit in found if len(hit) > 1} == excused
    assert len({text for f in formulas() if not f.refuted for text in equations(f.itself)}) > 70  # worked out


@pytest.mark.parametrize(
    "latex",
    [
        r"\bar\alpha_t = \bar\alpha_{t-1}\,\beta_t",
        r"\mathrm{SNR}(t) = \sqrt{\bar\alpha_t/(1-\bar\alpha_t)}",
        r"\frac1{\tilde\beta_t} = \tfrac{\beta_t}{\alpha_t} + \frac{1}{1-\bar\alpha_{t-1}}",
        r"\|\tilde\mu_t-\mu_\theta\|^2 = \beta_t^2/\alpha_t\,\|\varepsilon-\hat\varepsilon\|^2",
        r"\hat x_0 = \sqrt{\bar\alpha_t}\,x_t + \sqrt{1-\bar\alpha_t}\,\hat v",
        r"v_t = \beta_t\,V_t/V_{t-1}",
        *(line for number, line in PRINTED if number != "E15" and r"\text" not in line),
        *(line for lines in IN_WORDS.values() for line in lines),
    ],
)
def test_a_false_formula_is_seen(latex):
    assert wrong(latex)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.number)
def test_a_fault_is_seen_however_it_is_written(fault):
    """With other letters and brackets, and its right side alone.  E31 is a true formula without its end."""
    other = fault.printed.replace(r"1-\alpha_t", r"\beta_t").replace(r"\Big", "").replace("frac1", "tfrac1")
    assert wrong(other) or fault.number in ("E14", "E15")
    assert wrong(other.split("=")[-1]) or fault.number in ("E14", "E15", "E31")


# ── no link that leads nowhere ──────────────────────────────────────────────────────────────────────────────

HOSTS = {  # a new one is added after checking it
    "www.youtube.com", "creativecommons.org", "doi.org", "github.com", "keepachangelog.com", "pytorch.org",
    "semver.org", "nodejs.org", "www.fatiando.org", "py-filelock.readthedocs.io", "mistune.lepture.com",
    "www.mozilla.org", "docs.python.org",
}  # fmt: skip
LINK = re.compile(r"\[([^\[\]]*)\]\(([^()\s]*)\)|(?:href|src)=[\"']([^\"']*)[\"']")


def prose(path: Path) -> list[str]:
    return [text for kind, text in cells(path) if kind != "code"]


def headings(path: Path) -> list[str]:
    return [head.strip() for text in prose(path) for head in re.findall(r"^#+ (.*)$", text, re.M)]


def anchors(path: Path) -> set[str]:
    """The ids of a document's headings, as JupyterLab or GitHub makes them."""
    if path.suffix == ".ipynb":
        return {head.replace(" ", "-") for head in headings(path)}
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in headings(path)}


def dead(label: str, link: str, page: Path) -> bool:
    """Whether a link of a page leads nowhere, or to something else than its label says."""
    address = urlsplit(link)
    if address.hostname == "www.youtube.com":
        query, minute = parse_qs(address.query), re.search(r"(\d\d?):(\d\d)\D*$", label)
        second = query.pop("t", ["0s"])[0].removesuffix("s")
        named = 60 * int(minute[1]) + int(minute[2]) if minute else second
        return second != f"{named}" or query not in [{"v": [video]} for _, video in LECTURES.values()]
    if address.scheme or address.netloc:
        return address.scheme != "https" or address.netloc not in HOSTS
    path = page.parent / unquote(address.path) if address.path else page
    if not path.exists() or not path.resolve().is_relative_to(ROOT):
        return True
    if address.fragment and unquote(address.fragment) not in anchors(path):
        return True
    lesson = re.match(r"(?:lesson )?((?:\d\d|A)(?: ·.*)?)$", label)
    return bool(lesson) and label != "A · Errata" and not headings(path)[0].startswith(lesson[1])


@pytest.mark.parametrize("path", [*NOTEBOOKS, *PAGES], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_where_it_says(path):
    texts = [re.sub(r"```.*?```|`[^`\n]*`|\$[^$\n]*\$", "", text, flags=re.S) for text in prose(path)]
    links = [(label, link or other) for text in texts for label, link, other in LINK.findall(text)]
    assert not [link for link in links if dead(*link, path)]


@pytest.mark.parametrize(
    ("label", "link"),
    [
        ("a", "nowhere.ipynb"), ("a", "../.."), ("a", "#7-·-Nowhere"), ("a", "http://doi.org"),
        ("a", "https://example.org"), ("a", "https://www.youtube.com/watch?v=another"),
        ("01:02", f"https://www.youtube.com/watch?v={LECTURES['noise'][1]}&t=61s"),
        ("lesson 04", "05_sampling.ipynb"), ("05 · Sampling", "04_predicting_noise.ipynb"),
        ("05 · Sampled", "05_sampling.ipynb"),
    ],
)  # fmt: skip
def test_a_dead_link_is_seen(label, link):
    assert dead(label, link, NOTEBOOKS[1])


# ── what a lesson names is there ────────────────────────────────────────────────────────────────────────────


@cache
def sections(lesson: str) -> set[str]:
    """The numbers of a lesson's sections; empty if there is no such lesson."""
    paths = (path for path in NOTEBOOKS if path.stem.startswith(lesson))
    return {n for path in paths for n in re.findall(r"^## (\d+) ·", "\n".join(prose(path)), re.M)}


def gone(clause: str, lesson: str) -> set[str]:
    """The sections, exercises and lessons that a clause mentions and that don't exist."""
    if re.search(r"\b(19|20)\d\d\b(?!\))", clause):
        return set()  # a section of a paper
    other = re.search(r"\]\((\w\w)_\w+\.ipynb\), section", clause)
    named = re.findall(r"\b[Ss]ections? (\d+)(?:(?: to| and|,) (\d+))?", clause)
    found = {n for pair in named for n in pair if n} - sections(other[1] if other else lesson)
    found |= {*re.findall(r"\bexercises? (0\d\.\d+)", clause)} - {e.id for e in bank.values()}
    return found | {n for n in re.findall(r"\b[Ll]essons? \[?(\d\d)\b", clause) if not sections(n)}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_what_a_lesson_refers_to_is_there(path):
    clauses = [clause for text in prose(path) for clause in re.split(r"(?<=[.;:]) ", text)]
    assert not {clause: lost for clause in clauses if (lost := gone(clause, path.stem[:2]))}


@pytest.mark.parametrize(
    "clause", ["see section 77", "[02](02_forward_process.ipynb), section 66", "exercise 05.999", "lesson 44"]
)
def test_what_is_not_there_is_seen(clause):
    assert gone(clause, "05")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_function_is_asked_for_by_the_name_that_the_cell_gives_it(path):
    asked = None
    for source in (text for kind, text in cells(path) if kind == "code"):
        if found := re.findall(r'exercise\("([\w.-]+)"\)', source):
            asked = bank[found[-1]]
        elif isinstance(asked, Function) and ".check(" in source:
            (signature,) = re.findall(r"^def (\w+\([^)]*\)):", source, re.M)
            assert f"Write `{signature}`" in asked.prompt, asked.id
            taken = re.findall(r"\w+", signature)[1:]
            assert list(asked.names)[: len(taken)] == taken, asked.id
