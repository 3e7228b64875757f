"""What a lesson folds: code that isn't what it teaches, and the sections that leave its road.

A folded cell has the tag `hide-input`, and `source_hidden` for JupyterLab.  A section is folded if its
heading's cell has `jp-MarkdownHeadingCollapsed`; it ends before the next heading of its level or above.
"""

import ast
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

TAG = "hide-input"
PACE = 150  # words a minute, for text with formulas
COLLAPSED = "jp-MarkdownHeadingCollapsed"
ASKS = {"exercise", "quiz", "course_map", "course_ways", "lesson_mark"}


def tags(cell: Any) -> list[str]:
    """A cell's tags."""
    return list(cell.metadata.get("tags", []))


def is_folded(cell: Any) -> bool:
    """Whether a cell's code is folded: its author says so, or it only imports, asks, or compares."""
    return cell.cell_type == "code" and (TAG in tags(cell) or _plumbing(cell.source))


def fold(cell: Any) -> None:
    """Fold a cell's code, in JupyterLab and on the site."""
    cell.metadata["jupyter"] = {**cell.metadata.get("jupyter", {}), "source_hidden": True}
    cell.metadata["tags"] = [*tags(cell), *[TAG] * (TAG not in tags(cell))]


def deeper(cells: Sequence[Any]) -> Iterator[int]:
    """For each cell which folded section it is in, counted from 1, its heading included; 0 on the road."""
    count = inside = 0
    for cell in cells:
        level = _level(cell)
        if inside and level and level <= inside:
            inside = 0
        if not inside and level and cell.metadata.get(COLLAPSED):
            count, inside = count + 1, level
        yield count if inside else 0


def count_words(cells: Sequence[Any]) -> tuple[int, int]:
    """The words of a lesson's text, on the road and in the sections that are folded."""
    counts = [0, 0]
    for cell, beside in zip(cells, deeper(cells), strict=True):
        counts[bool(beside)] += len(cell.source.split()) * (cell.cell_type == "markdown")
    return counts[0], counts[1]


def minutes(count: int) -> int:
    """Minutes to read so many words, rounded up to five."""
    return 5 * math.ceil(count / PACE / 5)


def _level(cell: Any) -> int:
    """The level of the heading that a cell begins with, 0 if there is none."""
    heading = re.match(r"(#{1,6}) ", cell.source) if cell.cell_type == "markdown" else None
    return len(heading[1]) if heading else 0


def _plumbing(source: str) -> bool:
    """Whether a piece of code does nothing but import, ask an exercise, or assert."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return False
    made = {target.id for node in body if isinstance(node, ast.Assign) for target in node.targets
            if isinstance(target, ast.Name)}  # fmt: skip
    return bool(body) and all(_minor(node, made) for node in body)


def _minor(node: ast.stmt, made: set[str]) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert):
        return True
    value = node.value if isinstance(node, ast.Assign | ast.Expr) else None
    if isinstance(value, ast.Name):
        return isinstance(node, ast.Expr) and value.id in made
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in ASKS
