"""Where answers are judged without a kernel: in a page of the site, by the Python that runs in it.

It is the judge, the bank and the file of progress as they are in JupyterLab; `site.answers` packs them.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..bank import bank
from ..judge import Verdict
from ..progress import file as progress
from ..progress.version import version
from ..text.markup import markup


def on_page(verdict: Verdict) -> dict[str, str]:
    """A verdict as a page shows it: its outcome, the line at its head, and its message as HTML."""
    head = f"{verdict.outcome.mark} {verdict.head}"
    return {"outcome": verdict.outcome.name, "head": head, "html": markup(verdict.message)}


def judged(key: str, answer: object, marks: object = None) -> dict[str, Any]:
    """The verdict on an answer as `on_page`, and what is kept of it: data, and the exercise's version."""
    exercise = bank[key]
    data = exercise.record(answer, marks)
    return {**on_page(exercise.recheck(data)), "data": data, "version": version(exercise)}


def kept(text: str, notes: list[dict[str, Any]]) -> str:
    """The text of a progress file after these notes, the arguments of `progress.note` or `progress.draft`."""
    mine = _mine(text)
    for note in notes:
        if "outcome" in note:
            progress.note(**note)
        else:
            progress.draft(**note)
    return mine.read_text("utf-8") if mine.exists() else ""


def brought(text: str, other: str) -> str:
    """The text of a progress file after another one is joined with it.  ValueError if that isn't one."""
    mine, theirs = _mine(text), Path("progress.json from outside")
    theirs.write_text(other, "utf-8")
    progress.join([mine, theirs] if text else [theirs], mine)
    return mine.read_text("utf-8")


def _mine(text: str) -> Path:
    """The progress file of this process, with this text; none for ""."""
    mine = progress.path()
    if text:
        mine.write_text(text, "utf-8")
    else:
        mine.unlink(missing_ok=True)
    return mine


def answered(wish: str) -> str:
    """A page's wish, as JSON: {"do": one of these functions, "with": its arguments}; the result as JSON."""
    asked = json.loads(wish)
    done: dict[str, Callable[..., object]] = {"judged": judged, "kept": kept, "brought": brought}
    try:
        return json.dumps({"done": done[asked["do"]](*asked["with"])}, ensure_ascii=False)
    except (ValueError, OSError) as error:
        return json.dumps({"refused": str(error)})
