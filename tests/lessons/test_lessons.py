"""Every lesson, solved: each answer cell gets the named mistakes, then the right answer, in one run.

(nbval runs the lessons as they are shipped.)
"""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from ddpm_core.teach.bank import bank

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))

SOLVE = """
from ddpm_core.teach.judge import Outcome as _Outcome
from ddpm_core.teach.bank import bank as _bank


def _solve(id, shipped):
    q = _bank[id]
    assert q.judge(shipped).outcome is _Outcome.NOT_ATTEMPTED, (id, "the blank is no blank")
    marks = [True] * len(getattr(q, "rubric", ()))
    for mistake in q.mistakes:
        verdict = q.check(mistake.example)
        assert verdict.outcome is _Outcome.NOT_YET, (id, mistake.name, verdict)
        assert mistake.message[:40] in verdict.message, (id, mistake.name, verdict)
    verdict = q.check(q.references[0], *([marks] if marks else []))
    assert verdict.outcome is _Outcome.PASSED, (id, verdict)
    return q.references[0]
"""


def asked(source: str) -> list[str]:
    """The keys of the exercises in a cell, from `exercise("…")` or `quiz("…")` with a number or a key."""
    return [bank[id].key for id in re.findall(r'(?:exercise|quiz)\("([\w.-]+)"\)', source)]


def solved(notebook: nbformat.NotebookNode) -> tuple[nbformat.NotebookNode, list[str]]:
    """The notebook with the mistakes and the solution inserted before every `check` of an answer."""
    ids, current = [], ""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        for id in asked(cell.source):
            current = id
            if bank[id].kind in ("choice", "prose") and "quiz(" in cell.source:
                cell.source += f"\n_solve({id!r}, ...)"
                ids.append(id)
        if match := re.search(r"^(\w+)\.check\((\w+|\.\.\.)\)", cell.source, re.M):
            cell.source = cell.source.replace(match[0], f"_solve({current!r}, {match[2]})")
            ids.append(current)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(SOLVE))
    return notebook, ids


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_lesson_solved(path, tmp_path, monkeypatch):
    monkeypatch.setenv("DDPM_PROGRESS", str(tmp_path / "progress.json"))
    notebook, ids = solved(nbformat.read(path, as_version=4))
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    ).execute()
    lesson = path.stem[:2]
    owned = {key for key in bank if key.startswith(f"{lesson}.")}
    assert set(ids) == owned, (
        f"asked but not in the bank's lesson, or the other way round: {set(ids) ^ owned}"
    )
