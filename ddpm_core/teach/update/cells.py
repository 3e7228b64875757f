"""What is in a cell: the exercises that it asks or checks, the names that it makes and uses."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from ..progress.file import current
from ..progress.places import ASKS

SHOWN = re.compile(r"(?:exercise\(')?(\w+\.\d+)\b")  # the beginning of what an asking cell shows, as text
BINDS = re.compile(r"""^(\w+)\s*=\s*(?:exercise|quiz)\(\s*["']([^"'\n]+)["']\s*\)""", re.M)
CHECKS = re.compile(r"""^(?:(\w+)|(?:exercise|quiz)\(\s*["']([^"'\n]+)["']\s*\))\.check\(""", re.M)


class Role(NamedTuple):
    """The exercise of a cell, and whether the cell checks an answer to it or only asks."""

    exercise: str
    checks: bool


def roles(cells: Iterable[NotebookNode]) -> list[Role | None]:
    """The role of each cell in the order of a notebook; None for a cell without an exercise."""
    bound: dict[str, str] = {}
    every = {name: id for cell in cells for name, id in BINDS.findall(code_of(cell))}
    found: list[Role | None] = []
    for cell in cells:
        bound |= dict(BINDS.findall(code_of(cell)))
        checked = [id or bound.get(name) or every.get(name, "") for name, id in CHECKS.findall(code_of(cell))]
        ids = [id for id in checked if id] or ASKS.findall(code_of(cell))
        found.append(Role(current(ids[0]), any(checked)) if ids else None)
    return found


def variables(cells: Iterable[NotebookNode]) -> dict[str, str]:
    """The name of the variable that holds each exercise."""
    return {current(id): name for cell in cells for name, id in BINDS.findall(code_of(cell))}


def asked(cells: Iterable[NotebookNode]) -> dict[str, str]:
    """The exercises in the cells by key, each as the cells name it: by its number or key."""
    return {current(id): id for cell in cells for id in ASKS.findall(code_of(cell))}


def numbered(cells: Iterable[NotebookNode]) -> dict[str, str]:
    """The exercises in the cells by key, each by the number that the saved page shows, where it shows one."""
    found: dict[str, str] = {}
    for cell in cells:
        names = ASKS.findall(code_of(cell))
        texts = ["".join(output.get("data", {}).get("text/plain", "")) for output in cell.get("outputs", [])]
        numbers = [match[1] for text in texts if (match := SHOWN.match(text))]
        found |= {current(name): number for name, number in zip(names, numbers, strict=False)}
    return found


def code_of(cell: NotebookNode) -> str:
    """The source of a code cell, "" for any other."""
    return str(cell.source) if cell.cell_type == "code" else ""


@lru_cache(maxsize=2000)
def tree(source: str) -> ast.Module | None:
    """The syntax tree of a cell, whose magics may be IPython's; None if it is no complete Python."""
    try:
        return ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@lru_cache(maxsize=2000)
def made(source: str) -> frozenset[str]:
    """The names that a cell makes, at whatever depth."""
    names: set[str] = set()
    for node in ast.walk(tree(source) or ast.Module([], [])):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
    return frozenset(names)


@lru_cache(maxsize=2000)
def used(source: str) -> frozenset[str]:
    """The names that a cell uses and doesn't make itself."""
    nodes = [node for node in ast.walk(tree(source) or ast.Module([], [])) if isinstance(node, ast.Name)]
    return frozenset(node.id for node in nodes if isinstance(node.ctx, ast.Load)) - made(source)


def with_names(source: str, names: Mapping[str, str]) -> str:
    """The source with its variables renamed; as it is if it can't be read."""
    if not any(old != new for old, new in names.items()):
        return source
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return source
    lines = source.splitlines(keepends=True)
    pairs = list(zip([None, *tokens], tokens, strict=False))
    for before, token in reversed(pairs):  # from the end, so that the places before stay where they are
        plain = token.type == tokenize.NAME and token.string in names
        if plain and (before is None or before.string != "."):
            (row, start), (_, end) = token.start, token.end
            lines[row - 1] = lines[row - 1][:start] + names[token.string] + lines[row - 1][end:]
    return "".join(lines)


def squeezed(source: str) -> str:
    """A source without indentation and blank lines, which splitting a cell may take away."""
    return "\n".join(line.strip() for line in source.splitlines() if line.strip())


def alike(a: NotebookNode, b: NotebookNode) -> bool:
    """Whether two cells hold the same, but for blanks at the ends of lines."""
    plain = ["\n".join(line.rstrip() for line in cell.source.strip().splitlines()) for cell in (a, b)]
    return a.cell_type == b.cell_type and plain[0] == plain[1]
