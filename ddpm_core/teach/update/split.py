"""Cells that a student has split are put together again, so that they are known as the course's cell."""

from collections.abc import Iterator, Sequence

import nbformat
from nbformat import NotebookNode

from .cells import CHECKS, code_of, squeezed, tree

MOST = 5  # pieces


def rejoined(cells: Sequence[NotebookNode], delivered: Sequence[NotebookNode]) -> Iterator[NotebookNode]:
    """The cells, in which the pieces of a delivered cell are one cell again, with its id."""
    by_id = {cell.id: cell for cell in delivered}
    present = {cell.id for cell in cells}
    absent = {squeezed(cell.source): cell for cell in delivered if cell.id not in present}
    at = 0
    while at < len(cells):
        for count in range(MOST, 1, -1):
            pieces = cells[at : at + count]
            if len(pieces) == count and (whole := _whole(pieces, by_id, absent)) is not None:
                yield whole
                at += count
                break
        else:
            yield cells[at]
            at += 1


def _whole(
    pieces: Sequence[NotebookNode], by_id: dict[str, NotebookNode], absent: dict[str, NotebookNode]
) -> NotebookNode | None:
    """The cell that these are pieces of, None if they aren't."""
    source = "\n".join(piece.source for piece in pieces)
    known = [piece for piece in pieces if piece.id in by_id]
    if len({piece.cell_type for piece in pieces}) > 1 or len(known) > 1:
        return None
    target = by_id[known[0].id] if known else absent.get(squeezed(source))
    if target is None or target.cell_type != pieces[0].cell_type:
        return None
    if squeezed(source) != squeezed(target.source) and not (known and _edited(pieces, known[0], target)):
        return None
    whole = nbformat.from_dict(known[0] if known else pieces[0])
    whole.id, whole.source = target.id, source
    if code_of(whole):
        whole.outputs = [output for piece in pieces for output in piece.outputs]
        whole.execution_count = pieces[-1].execution_count
    return whole


def _edited(pieces: Sequence[NotebookNode], first: NotebookNode, target: NotebookNode) -> bool:
    """Whether pieces, of which `first` has the target's id, are the target with something changed in it."""
    source = "\n".join(map(code_of, pieces))
    if tree(source) is None or tree(code_of(target)) is None:
        return False
    torn = any(tree(code_of(piece)) is None for piece in pieces)
    moved = CHECKS.search(code_of(target)) and not CHECKS.search(
        code_of(first)
    )  # the check stands in the next cell
    return torn or bool(moved and len(pieces) == 2 and CHECKS.search(code_of(pieces[-1])))
