"""What a lesson's page shows, in which order: text, visible code, exercises; answers given too early."""

import ast
import itertools
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from nbformat import NotebookNode

import ddpm_core
from ddpm_core.teach.bank import bank
from ddpm_core.teach.judge import Choice, Exercise, Function, Number, Outcome, Symbolic
from ddpm_core.teach.page.folds import deeper, is_folded, tags
from ddpm_core.teach.text.markup import FORMULAS

WIDGET = "application/vnd.jupyter.widget-view+json"
ASKED = re.compile(r'(?:exercise|quiz)\("([\w.-]+)"\)')
NUMBER = re.compile(r"(?<![\w.\\^_{/-])[-−]?\d+(?:[.,]\d+)*(?:e-?\d+)?(?:\s?%)?(?![\w·])")
APART = re.compile(
    r"\\\\(?:\[\w+\])?|&|[=<>:≈;]"
    r"|\\(?:q?quad|[;,]|iff|Rightarrow|implies|approx|le|ge|sim|to|ne)(?![a-z])"
)
NO_SIGN = re.compile(
    r"\\(?:begin|end)\{\w+\*?\}|\\tag\{.*?\}"
    r"|\\(?:boxed|displaystyle|textstyle|nonumber|left|right)(?![a-z])"
)


class Shown(NamedTuple):
    """What a student sees: of which kind, `text`, `code`, `output` or `ask`; the text; and where."""

    kind: str
    text: str
    cell: int
    beside: bool  # in a folded section


def shown(notebook: NotebookNode) -> Iterator[Shown]:
    """What a lesson's page shows, from top to bottom; code that is folded isn't seen, its output is."""
    cells = notebook.cells
    for k, (cell, beside) in enumerate(zip(cells, map(bool, deeper(cells)), strict=True)):
        if cell.cell_type == "markdown":
            yield Shown("text", cell.source, k, beside)
        if cell.cell_type != "code" or "kernel" in tags(cell):
            continue
        if not is_folded(cell):
            yield Shown("code", cell.source, k, beside)
        yield from (Shown("ask", bank[id].key, k, beside) for id in ASKED.findall(cell.source))
        if not ASKED.search(cell.source):
            yield from (Shown("output", _words(output), k, beside) for output in cell.outputs)


def _words(output: NotebookNode) -> str:
    data = output.get("data", {})
    return output.get("text", "") or data.get("text/markdown", "") or data.get("text/plain", "")


def lines(code: str) -> int:
    """Lines of code, without blank ones."""
    return sum(bool(line.strip()) for line in code.splitlines())


# ── what is measured: each returns what is wrong, nothing if all is well ────────────────────────────────────

ALL, ONE, WORDS, CODE = 150, 20, 120, 5  # lines in a lesson and in a cell; before the first picture


def too_much_code(notebook: NotebookNode) -> list[str]:
    """More visible lines on the road than ALL, a cell with more than ONE, or an assert that is seen."""
    code = [each for each in shown(notebook) if each.kind == "code"]
    found = [f"cell {c.cell}: {lines(c.text)} lines" for c in code if lines(c.text) > ONE]
    found += [f"cell {c.cell}: an assert is seen" for c in code if re.search(r"^\s*assert\b", c.text, re.M)]
    total = sum(lines(c.text) for c in code if not c.beside)
    return found + [f"{total} visible lines on the road"] * (total > ALL)


def no_picture_first(notebook: NotebookNode) -> list[str]:
    """No picture and no widget among the first WORDS words and CODE lines: what fits on the first screen."""
    words = code = 0
    for cell in notebook.cells:
        data = {kind for output in cell.get("outputs", []) for kind in output.get("data", {})}
        drawn = re.search(r"!\[[^\]]*\]\(|<img |<svg ", cell.source) if cell.cell_type == "markdown" else None
        if drawn or data & {"image/png", WIDGET}:
            return []
        if cell.cell_type == "markdown":
            words += len(cell.source.split())
        elif not is_folded(cell):
            code += lines(cell.source)
        if words > WORDS or code > CODE:
            return [f"{words} words and {code} lines of code stand above the first picture"]
    return ["there is no picture"]


def out_of_order(notebook: NotebookNode) -> list[str]:
    """Exercises that come after one with a higher number."""
    places = [(int(bank[e.text].id.split(".")[1]), e) for e in shown(notebook) if e.kind == "ask"]
    pairs = itertools.pairwise(places)
    return [f"cell {b.cell}: {bank[b.text].id} after {bank[a.text].id}" for (m, a), (n, b) in pairs if n <= m]


def off_the_road(notebook: NotebookNode) -> list[str]:
    """Exercises in a folded section that aren't marked as optional, and optional ones on the road."""
    asks = [each for each in shown(notebook) if each.kind == "ask"]
    return [f"cell {e.cell}: {bank[e.text].id}" for e in asks if bank[e.text].optional != e.beside]


# ── answers that stand above their exercise ─────────────────────────────────────────────────────────────────


def given_away(notebook: NotebookNode) -> list[str]:
    """The exercises whose answer is displayed above them, and the answer: whatever the judge lets pass."""
    above: list[Shown] = []
    found = []
    for each in shown(notebook):
        if each.kind == "ask":
            exercise = bank[each.text]
            found += [f"{exercise.id} by cell {k}: {text}" for text, k in answers(exercise, above)]
            above.append(Shown("text", exercise.prompt, each.cell, each.beside))
        else:
            above.append(each)
    return found


def answers(exercise: Exercise, above: list[Shown]) -> Iterator[tuple[str, int]]:
    """What is displayed and would pass, with its cell; each text once."""
    tried = set()
    for each in above:
        for text, answer in candidates(exercise, each):
            if text not in tried and (tried.add(text) or passes(exercise, answer)):
                yield text, each.cell


def passes(exercise: Exercise, answer: object) -> bool:
    """Whether the judge lets an answer pass."""
    return exercise.judge(answer).outcome is Outcome.PASSED


def candidates(exercise: Exercise, each: Shown) -> Iterator[tuple[str, Any]]:
    """What could be copied as an answer of the exercise's kind: its text, and what is handed to the judge."""
    if isinstance(exercise, Number):
        yield from ((text, text) for text in itertools.chain(numbers(each), sides(each)))
    elif isinstance(exercise, Symbolic):
        yield from ((text, text) for text in itertools.chain(sides(each), expressions(each)))
    elif isinstance(exercise, Choice):
        yield from ((text, text) for text in statements(each))
    elif isinstance(exercise, Function):
        yield from functions(each)


def numbers(each: Shown) -> Iterator[str]:
    """The numbers in a text outside of its formulas, or in visible code; not whole ones below 100.

    Sections, times and what is counted in words are whole and small; in a formula's sides they do count.
    """
    text = FORMULAS.sub(" ", each.text) if each.kind == "text" else each.text
    for match in NUMBER.finditer(text):
        if not re.fullmatch(r"[-−]?\d{1,2}", match[0]):
            yield match[0].replace("−", "-")


def sides(each: Shown) -> Iterator[str]:
    """The sides of the equations in a text, as LaTeX."""
    if each.kind == "code":
        return
    for formula in FORMULAS.findall(each.text):
        for side in APART.split(NO_SIGN.sub(" ", formula.strip("$"))):
            if side := side.strip(" .,"):
                yield side


def expressions(each: Shown) -> Iterator[str]:
    """The expressions in visible code, as text."""
    for node in _tree(each):
        if isinstance(node, ast.BinOp | ast.Call | ast.UnaryOp):
            yield ast.unparse(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def statements(each: Shown) -> Iterator[str]:
    """The sentences of a text, and its formulas with their dollars."""
    if each.kind != "code":
        yield from (formula for formula in FORMULAS.findall(each.text) if len(formula) > 4)
        yield from (part.strip() for part in re.split(r"(?<=[.:;!?])\s+|\n\n", each.text) if len(part) > 12)


def functions(each: Shown) -> Iterator[tuple[str, Any]]:
    """The functions that visible code defines, made in a namespace with the package, torch and math."""
    for node in _tree(each):
        if isinstance(node, ast.FunctionDef):
            names = {name: getattr(ddpm_core, name) for name in ddpm_core.__all__}
            names |= {"torch": torch, "math": math}
            node.decorator_list = []
            exec(ast.unparse(node), names)
            yield node.name, names[node.name]


def _tree(each: Shown) -> Iterator[ast.AST]:
    if each.kind == "code":
        try:
            yield from ast.walk(ast.parse(each.text))
        except SyntaxError:
            return
