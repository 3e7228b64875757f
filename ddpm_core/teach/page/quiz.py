"""Questions as widgets: multiple choice, and prose that students mark themselves against a rubric.

The page shows native form controls; answers are judged in Python.
"""

import html
from collections.abc import Mapping
from functools import partial
from typing import Any

import anywidget
import traitlets

from ..bank import bank
from ..judge import Choice, Exercise, Prose, Verdict
from ..judge.exercise import display
from ..progress import file as progress
from ..progress.tally import tally
from ..progress.version import version
from ..text.markup import inline, markup, plain
from . import asset
from .desk import on_page
from .last import recalled, told
from .still import Still


def quiz(exercise: Exercise | str) -> "Quiz":
    """The widget for a choice or a prose exercise, given as the exercise, its number or key ("02.6").

    ValueError for an unknown id or another kind of exercise, which is answered in a cell; TypeError for
    anything that is neither an exercise nor an id.
    """
    if not isinstance(exercise, Exercise | str):
        raise TypeError(f'quiz takes an exercise or its id, such as "02.3", got {exercise!r:.60}')
    if isinstance(exercise, str):
        if exercise not in bank:
            clickable = [e.id for e in bank.values() if isinstance(e, Choice | Prose)]
            raise ValueError(f"no exercise {exercise!r}; those to click are {', '.join(clickable) or 'none'}")
        exercise = bank[exercise]
    if not isinstance(exercise, Choice | Prose):
        raise ValueError(f"{exercise.id} asks for a {exercise.kind}: answer it in a cell, with check(...)")
    return Quiz(exercise)


class Quiz(Still, anywidget.AnyWidget):
    """A question on the page.  `check` answers it from a cell, which counts like a click."""

    awakes = "Run this cell to answer it here."

    _esm = asset("quiz.js")
    _css = asset("quiz.css")

    view = traitlets.Dict().tag(sync=True)  # what is shown, once
    asked = traitlets.Dict().tag(sync=True)  # page to Python: {n, choice} or {n, text, marks}
    told = traitlets.Dict().tag(sync=True)  # Python to page: {n, outcome, head, html, tally}
    draft = traitlets.Dict().tag(sync=True)  # page to Python, while a text is typed: {text, marks}

    def __init__(self, exercise: Choice | Prose) -> None:
        self.exercise = exercise
        exercise.note, exercise.tally = partial(progress.note, version=version(exercise)), tally
        asked, told = _earlier(exercise)
        super().__init__(view=view(exercise), asked=asked, told=told)

    def check(self, answer: object = ..., marks: object = None) -> Verdict:
        """Judge an answer from a cell: an option's key, or a text and its marks."""
        verdict = self.exercise.check(answer, marks)
        self._tell(verdict, self.asked.get("n", 0))
        return verdict

    def hint(self) -> None:
        """Show the exercise's next hint."""
        self.exercise.hint()

    def solution(self) -> None:
        """Show the exercise's solution."""
        self.exercise.solution()

    def last(self) -> None:
        """Show the last answer that was kept."""
        display(recalled(self.exercise), "Your last answer")

    @traitlets.observe("asked")
    def _answer(self, change: Any) -> None:
        wish: Mapping[str, Any] = change["new"]
        if not wish.get("n"):
            return
        data = self.exercise.record(wish.get("choice", wish.get("text", ...)), wish.get("marks"))
        verdict = self.exercise.recheck(data)
        self.exercise.keep(verdict, data)
        self._tell(verdict, wish["n"])

    @traitlets.observe("draft")
    def _draft(self, change: Any) -> None:
        if change["new"]:
            progress.draft(self.exercise.permanent, change["new"])

    def _tell(self, verdict: Verdict, n: int) -> None:
        self.told = {"n": n, **on_page(verdict), "tally": tally(self.exercise)}
        self.renew()

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        still = {"text/plain": repr(self), "text/html": self._still()}  # anywidget may truncate its own text
        return bundle and ({**bundle[0], **still}, bundle[1])

    def _still(self) -> str:
        """The question as HTML, with what it was answered with, for where the page asks nobody."""
        view, entry = self.view, progress.load_entries().get(self.exercise.permanent, progress.Entry())
        options = "".join(f"<li><b>{html.escape(key)}</b> {text}</li>" for key, text in view["options"])
        answer = f"<p><b>{_head(entry.outcome)}</b></p>{_given(self.exercise, entry.data)}"
        return (
            f"<div class='ddpm-question'><p>{html.escape(view['id'])} <b>{view['title']}</b></p>"
            + view["prompt"]
            + (f"<ul>{options}</ul>" if options else "")
            + (answer if entry.outcome != progress.NOT_ATTEMPTED else "")
            + "</div>"
        )

    def __repr__(self) -> str:
        e = self.exercise
        lines = [f"{e.id} · {plain(e.title)}", "", plain(e.prompt), ""]
        if isinstance(e, Choice):
            lines += [_hang(f"  {key}  ", plain(text)) for key, text in e.options.items()]
            call = f'check("{next(iter(e.options))}")'
        else:
            points = f"{len(e.rubric)} point{'s' * (len(e.rubric) != 1)}"
            lines += [f'There are {points} to mark, which check("...") shows once a text is there.']
            call = 'check("...")'
        return "\n".join([*lines, "", f'To answer from a cell: quiz("{_name(e)}").{call}'])


def _name(exercise: Exercise) -> str:
    """What `quiz` finds the exercise by: its number, or its key if that number was another's before."""
    number = exercise.id
    return exercise.permanent if number in bank and bank[number].key != exercise.key else number


def view(exercise: Exercise) -> dict[str, Any]:
    """What a page shows of a question, as HTML."""
    options = exercise.options if isinstance(exercise, Choice) else {}
    rubric = exercise.rubric if isinstance(exercise, Prose) else ()
    return {
        "id": exercise.id,
        "kind": exercise.kind,
        "title": inline(exercise.title),
        "prompt": markup(exercise.prompt),
        "options": [[key, markup(text)] for key, text in options.items()],
        "rubric": [markup(text) for text in rubric],
        "hints": [markup(text) for text in exercise.hints],
    }


def _earlier(exercise: Choice | Prose) -> tuple[dict[str, Any], dict[str, Any]]:
    """The page's initial `asked` and `told`, from the progress: a passed answer, or an unfinished text."""
    entry = progress.load_entries().get(exercise.permanent, progress.Entry())
    data, asked, told = entry.data, {}, {}
    if entry.outcome == progress.PASSED:
        when = progress.local(entry.passed)
        told = {"n": 0, "outcome": entry.outcome, "head": _head(entry.outcome), "html": f"<p>on {when}</p>"}
        if isinstance(exercise, Choice) and (key := exercise.letter(data)) is not None:
            asked = {"n": 0, "choice": key}
    if isinstance(exercise, Prose) and isinstance(entry.draft, dict):
        data = entry.draft
    if isinstance(exercise, Prose) and isinstance(data, dict) and isinstance(data.get("text"), str):
        marks = data.get("marks")
        asked = {"n": 0, "text": data["text"], "marks": marks if isinstance(marks, list) else None}
    return asked, told


def _given(exercise: Exercise, data: object) -> str:
    """The answer to a question as HTML, for the still of it; "" if there is none."""
    if isinstance(exercise, Prose):
        text = data.get("text") if isinstance(data, dict) else None
        return f"<blockquote>{html.escape(text)}</blockquote>" if isinstance(text, str) else ""
    return markup(told(exercise, data)) if isinstance(exercise, Choice) and exercise.letter(data) else ""


def _head(outcome: str) -> str:
    return f"{progress.SYMBOLS[outcome]} {progress.WORDS[outcome].capitalize()}"


def _hang(head: str, text: str) -> str:
    return head + text.replace("\n", "\n" + " " * len(head))
