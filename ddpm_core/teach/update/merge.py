"""A student's copy of a lesson brought to a new version: the lesson's new cells, with what is the student's.

Cells are matched by id and by exercise.  A cell that only the course changed is the course's, one that only
the student changed the student's; an answer to an exercise is put where the exercise is now.  Cells of the
student's own follow the cell that they followed.  What can't be placed is kept in a cell that says so.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from ..bank import number_shown
from .cells import (
    CHECKS,
    Role,
    alike,
    asked,
    code_of,
    made,
    numbered,
    roles,
    tree,
    used,
    variables,
    with_names,
)
from .split import rejoined

BOTH = "The course changed the cell above, and so had you. This was yours:"
GONE = "The course no longer has this cell, which you had changed. This was yours:"
MOVED = "The exercise {} is now in {}{}. This was your answer:"
ENDED = "This lesson no longer has the exercise {}. This was your answer:"
NAMES = "This cell of yours uses {}, which the lesson no longer makes above it, so it is kept as text:"
BROKEN = "This cell of yours is no complete Python, so it is kept as text:"


class Lesson:
    """A version of a lesson, with its cells by id and by role."""

    def __init__(self, notebook: NotebookNode) -> None:
        self.cells: list[NotebookNode] = list(notebook.cells)
        self.roles: dict[int, Role | None] = {
            id(cell): role for cell, role in zip(self.cells, roles(self.cells), strict=True)
        }
        self.by_id = {cell.id: cell for cell in reversed(self.cells)}
        self.by_role = {role: cell for cell in reversed(self.cells) if (role := self.role(cell)) is not None}

    def role(self, cell: NotebookNode) -> Role | None:
        """The role of one of the cells."""
        return self.roles[id(cell)]


class Merged(NamedTuple):
    """The result: the notebook, and how many cells are kept as text."""

    notebook: NotebookNode
    kept: int


def merge(
    mine: NotebookNode,
    base: NotebookNode | None,
    new: NotebookNode,
    elsewhere: Mapping[str, str] | None = None,
) -> Merged:
    """The student's notebook `mine`, made from the version `base`, brought to the version `new`.

    base: None if it isn't known; then each cell that differs counts as changed by both.  elsewhere: for the
    exercises of all lessons, by key, the notebook in which they are now.
    """
    work = _Merge(mine, base, new, elsewhere or {})
    work.run()
    notebook = nbformat.from_dict(mine)
    notebook.nbformat, notebook.nbformat_minor, notebook.cells = 4, 5, work.cells
    return Merged(notebook, work.kept)


class _Merge:
    """The work on one notebook: `cells` is the result so far."""

    def __init__(
        self, mine: NotebookNode, base: NotebookNode | None, new: NotebookNode, elsewhere: Mapping[str, str]
    ) -> None:
        self.base, self.new, self.elsewhere = Lesson(base or new_notebook()), Lesson(new), elsewhere
        whole = rejoined(mine.cells, (base or new).cells)
        self.mine = Lesson(new_notebook(cells=list(whole)))
        self.owner = self.matched()
        theirs, ours = variables(self.mine.cells), variables(self.new.cells)
        self.names = {theirs[exercise]: ours[exercise] for exercise in theirs if exercise in ours}
        self.course: set[str] = set().union(*(made(code_of(cell)) for cell in self.base.cells))
        self.cells: list[NotebookNode] = []
        self.there: set[str] = set()  # the names made so far
        self.kept = 0

    def run(self) -> None:
        """Put all cells in their new order."""
        follow = self.followers()
        self.put_others(follow.get("", []))
        for cell in self.new.cells:
            self.put_delivered(cell)
            self.put_others(follow.get(cell.id, []))

    # which cell is which

    def matched(self) -> dict[str, NotebookNode]:
        """The student's cell for a new cell's id: of the same id, else exercise, else text."""
        owner: dict[str, NotebookNode] = {}
        claimed: set[int] = set()
        for rule in (self.by_id, self.by_role, self.by_text):
            for cell in self.mine.cells:
                there = None if id(cell) in claimed else rule(cell)
                if there is not None and there.id not in owner:
                    owner[there.id] = cell
                    claimed.add(id(cell))
        return owner

    def by_id(self, cell: NotebookNode) -> NotebookNode | None:
        """The new cell of this id, unless it now belongs to another exercise."""
        there = self.new.by_id.get(cell.id)
        if there is None or cell is not self.mine.by_id[cell.id]:
            return None
        mine, new = self.mine.role(cell), self.new.role(there)
        return None if mine and new and mine.exercise != new.exercise else there

    def by_role(self, cell: NotebookNode) -> NotebookNode | None:
        """The new cell that asks, or checks, the same exercise."""
        role = self.mine.role(cell)
        return self.new.by_role.get(role) if role is not None else None

    def by_text(self, cell: NotebookNode) -> NotebookNode | None:
        """The new cell of the same text, if it asks nothing and its id isn't in the student's copy."""
        if self.mine.role(cell) is not None:
            return None
        return next((n for n in self.new.cells if n.id not in self.mine.by_id and alike(n, cell)), None)

    def before(self, cell: NotebookNode) -> NotebookNode | None:
        """The delivered cell from which a student's cell was made."""
        role = self.mine.role(cell)
        by_role = self.base.by_role.get(role) if role is not None else None
        return (
            self.base.by_id.get(cell.id)
            or by_role
            or next((b for b in self.base.cells if alike(b, cell)), None)
        )

    def followers(self) -> dict[str, list[NotebookNode]]:
        """The student's other cells, by the id of the new cell that they follow; "" for those before all."""
        place = {id(cell): new for new, cell in self.owner.items()}
        follow: dict[str, list[NotebookNode]] = {}
        at = ""
        for cell in self.mine.cells:
            at = place.get(id(cell), at)
            if id(cell) not in place:
                follow.setdefault(at, []).append(cell)
        return follow

    # what becomes of it

    def put_delivered(self, new: NotebookNode) -> None:
        """A new cell, with what the student made of it."""
        mine = self.owner.get(new.id)
        base = self.before(mine) if mine is not None else None
        if mine is None or (base is not None and alike(mine, base) and not alike(base, new)):
            return self.put(new)
        if alike(mine, new):
            return self.put(self.carried(mine, new, base, mine.source))
        untouched = base is not None and alike(base, new)
        source = self.answer(mine, new) or (mine.source if untouched else None)
        if source is not None and not self.missing(source if code_of(mine) else ""):
            return self.put(self.carried(mine, new, base, source))
        self.put(new)
        return self.put_as_text(mine, BOTH)

    def put_others(self, cells: Iterable[NotebookNode]) -> None:
        """The student's cells that are no cell of the new version: own ones, and changed ones of the old."""
        for cell in cells:
            base = self.base.by_id.get(cell.id) if cell is self.mine.by_id[cell.id] else None
            copied = any(alike(cell, each) for each in self.base.cells)
            if copied and (base is not None or not any(alike(cell, each) for each in self.new.cells)):
                continue  # a cell of the course, as it was
            if base is not None:
                self.put_as_text(cell, self.why_gone(self.mine.role(cell)))
            else:
                self.put_own(cell)

    def put_own(self, cell: NotebookNode) -> None:
        """A cell of the student's own; as text, if it can't run in the new version."""
        own = nbformat.from_dict(cell)
        if code_of(own):
            own.source = with_names(own.source, self.names)
        if code_of(own) and tree(own.source) is None:
            self.put_as_text(cell, BROKEN)
        elif missing := self.missing(code_of(own)):
            self.put_as_text(cell, NAMES.format(", ".join(f"`{name}`" for name in sorted(missing))))
        else:
            self.put(own, fresh=own.id in {*self.new.by_id, *(each.id for each in self.cells)})

    def put(self, cell: NotebookNode, fresh: bool = False) -> None:
        """Add a cell, with a fresh id if need be."""
        cell = nbformat.from_dict(cell)
        if fresh or not re.fullmatch(r"[\w-]{1,64}", cell.id):
            cell.id = new_markdown_cell().id
        self.cells.append(cell)
        self.there |= made(code_of(cell))

    def put_as_text(self, cell: NotebookNode, why: str) -> None:
        """Add a text cell that holds the source of a cell, and says why."""
        self.kept += 1
        self.course |= made(code_of(cell))  # what uses its names can't run either
        text = cell.source
        if cell.cell_type != "markdown":
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
            text = f"{fence}python\n{text}\n{fence}"
        kept = new_markdown_cell(f"**Kept from your copy.** {why}\n\n{text}")
        if cell.get("attachments"):
            kept.attachments = cell.attachments
        self.put(kept)

    def carried(
        self, mine: NotebookNode, new: NotebookNode, base: NotebookNode | None, source: str
    ) -> NotebookNode:
        """The student's cell with its outputs, under the new id, with what metadata the course changed."""
        cell = nbformat.from_dict(mine)
        cell.id, cell.source = new.id, source
        was = base.metadata if base is not None else {}
        for key in {*was, *new.metadata}:
            if was.get(key) != new.metadata.get(key):
                cell.metadata.pop(key, None)
                cell.metadata.update({key: new.metadata[key]} if key in new.metadata else {})
        return cell

    def answer(self, mine: NotebookNode, new: NotebookNode) -> str | None:
        """The student's answer to an exercise, as it stands in the new version; None if it doesn't fit."""
        was, role = self.mine.role(mine), self.new.role(new)
        source = with_names(code_of(mine), self.names)
        if role is None or tree(source) is None or (was is not None and was.exercise != role.exercise):
            return None
        lacking = made(code_of(new)) - made(source)
        if lacking & set().union(*(used(code_of(cell)) for cell in self.new.cells if cell is not new)):
            return None
        line = next((line for line in code_of(new).splitlines() if CHECKS.match(line)), "")
        if (
            role.checks
            and not CHECKS.search(source)
            and used(line) <= made(source) | set(self.names.values())
        ):
            return f"{source.rstrip()}\n{line}"
        return source

    def missing(self, source: str) -> frozenset[str]:
        """The names that the old version made for a cell, and the new one hasn't made up to here."""
        return (used(source) & self.course) - self.there

    def why_gone(self, role: Role | None) -> str:
        """Why a cell that the student had changed is no cell of the new version."""
        if role is None:
            return GONE
        key, place = role.exercise, self.elsewhere.get(role.exercise)
        was, now = (
            numbered(self.mine.cells).get(key) or _number(asked(self.mine.cells)[key]),
            number_shown(key),
        )
        return MOVED.format(was, place, f", as {now}" * (now != was)) if place else ENDED.format(was)


def _number(name: str) -> str:
    """The number of an exercise that a cell names by its number or key."""
    return name if re.fullmatch(r"\w+\.\d+", name) else number_shown(name)
