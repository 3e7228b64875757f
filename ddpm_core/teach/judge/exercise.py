"""What all kinds of exercise share: outcomes, verdicts, likely mistakes, hints, and how they are shown."""

import enum
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from .clock import Failed, hangs, with_timeout
from .grammar import Unreadable, quoted

READING, JUDGING = 1.0, 0.8  # seconds; timeouts
LONGEST_TEXT = 20_000  # characters of prose or source that are recorded


class Outcome(enum.Enum):
    """The result of a check."""

    PASSED = "passed"
    NOT_YET = "not yet"
    NOT_ATTEMPTED = "not attempted"

    @property
    def mark(self) -> str:
        """The sign of it, everywhere on a page."""
        return MARKS[self]


MARKS = {Outcome.PASSED: "✓", Outcome.NOT_YET: "◐", Outcome.NOT_ATTEMPTED: "○"}
EDGES = {
    Outcome.PASSED: "solid var(--jp-success-color1, #2e7d32)",
    Outcome.NOT_YET: "double var(--jp-warn-color1, #ef6c00)",
}


class Verdict(NamedTuple):
    """An outcome, a message about it, and what stands above the message if not the outcome's own words."""

    outcome: Outcome
    message: str
    title: str = ""

    @property
    def head(self) -> str:
        """What stands above the message."""
        return self.title or self.outcome.value.capitalize()

    def _ipython_display_(self) -> None:
        """Show nothing: `check` has shown it, and a cell that ends with it shouldn't show it twice."""


class Mistake(NamedTuple):
    """A likely mistake: its name, the message for it, and an answer that makes it.

    signs: for prose, a regular expression (case ignored) that matches a sentence with the mistake.
    amends: for prose, a regular expression; if it matches anywhere in the text, the mistake doesn't count.
    """

    name: str
    message: str
    example: object
    signs: str = ""
    amends: str = ""


BLANK = Verdict(Outcome.NOT_ATTEMPTED, "Nothing here yet. Put your answer in place of the three dots.")


def not_yet(*parts: str) -> Verdict:
    """NOT_YET, with the parts that aren't empty as its message."""
    return Verdict(Outcome.NOT_YET, " ".join(part for part in parts if part))


@dataclass(kw_only=True, eq=False, repr=False)
class Exercise:
    """A question that judges its answers.

    Each kind has `read`, from an answer to plain data, and `weigh`, from data to a verdict.  worked: the text
    of the solution; right: the message for a right answer; also: more right answers, for the tests; note: a
    function that records each check, given the key, the outcome's name and the data; None for no record;
    recall: a function that tells the last answer recorded, given the exercise; tally: one that says how far
    the lesson is done.  optional: whether the lesson is done without it.
    id: the number that is shown; key: the permanent name, the id if it is "".
    """

    kind: ClassVar[str]
    runs: ClassVar[bool] = False  # whether reading runs a function of the student's
    id: str
    key: str = ""
    title: str
    prompt: str
    worked: str
    hints: Sequence[str] = ()
    mistakes: Sequence[Mistake] = ()
    right: str = "Right."
    also: Sequence[object] = ()
    note: Callable[[str, str, object], None] | None = None
    recall: Callable[["Exercise"], str] | None = None
    tally: Callable[["Exercise"], str] | None = None
    optional: bool = False
    _told: int = field(default=0, init=False)

    def __repr__(self) -> str:
        return f"exercise({self.id!r}): {as_text(self.title)}"

    def _repr_markdown_(self) -> str:
        stop = "" if self.title.endswith("?") else "."
        beside = "  \n*Optional.*" * self.optional
        return f"**{self.id} · {self.title}{stop}** {self.prompt}{beside}"

    @property
    def permanent(self) -> str:
        """The name under which answers are kept: the key, or the id where there is none."""
        return self.key or self.id

    @property
    def references(self) -> Sequence[object]:
        """Right answers in several forms, the reference first."""
        raise NotImplementedError

    def read(self, answer: Any, marks: Any) -> object:
        """An answer as data that JSON can hold, None for a blank one.  Unreadable if it can't be read."""
        raise NotImplementedError

    def weigh(self, data: Any) -> Verdict:
        """The verdict on data from `read`.  For other data, as in a manipulated file, it may raise."""
        raise NotImplementedError

    def judge(self, answer: object, marks: object = None) -> Verdict:
        """The verdict on an answer.  It shows nothing, records nothing and never raises."""
        return self.recheck(self.record(answer, marks))

    def check(self, answer: object, marks: object = None) -> Verdict:
        """Judge an answer, record the verdict with `note`, and show it."""
        data = self.record(answer, marks)
        verdict = self.recheck(data)
        self.keep(verdict, data)
        present(verdict, self.tally(self) if self.tally and data is not None else "")
        return verdict

    def keep(self, verdict: Verdict, data: object) -> None:
        """Record a verdict with `note`, if there is one.  If that fails, a line says so."""
        if self.note is None:
            return
        try:
            self.note(self.permanent, verdict.outcome.name, data)
        except Exception as error:
            display(f"This check couldn't be kept: {named(error)}.", "Progress")

    def record(self, answer: object, marks: object = None) -> object:
        """An answer as data that JSON can hold, which `recheck` judges without running anything."""
        if answer is Ellipsis:
            return None
        try:
            if self.runs and callable(answer) and hangs(0.6 * READING, lambda: self.read(answer, marks)):
                raise TimeoutError
            return with_timeout(READING, lambda: self.read(answer, marks))
        except TimeoutError:
            return {"unreadable": "Reading this answer takes longer than it should, so I stopped."}
        except Failed as failed:
            if isinstance(failed.cause, Unreadable):
                return {"unreadable": str(failed.cause)}
            return {"unreadable": f"I can't read this answer: {named(failed.cause)} came up while I looked."}

    def recheck(self, data: object) -> Verdict:
        """The verdict on recorded data, which may be anything.  Runs no student's code, never raises."""
        if data is None:
            return BLANK
        if isinstance(data, dict) and "unreadable" in data:
            why = data["unreadable"]
            return not_yet(why[:2000] if isinstance(why, str) and why else "There was no answer to read.")
        try:
            return with_timeout(JUDGING, lambda: self.weigh(data))
        except TimeoutError:
            return not_yet(f"Judging this answer took longer than {JUDGING:g} s; write it shorter.")
        except Failed as failed:
            cause = failed.cause
            return not_yet(str(cause) if isinstance(cause, Unreadable) else "I can't read this answer.")

    def hint(self) -> None:
        """Show the next hint; after the last, the last again."""
        if not self.hints:
            return display("There is none for this one; `solution()` shows the answer.", "Hint")
        self._told = min(self._told + 1, len(self.hints))
        return display(self.hints[self._told - 1], f"Hint {self._told} of {len(self.hints)}")

    def solution(self) -> None:
        """Show the answer, and why it is the answer."""
        display(self.worked, "Solution")

    def last(self) -> None:
        """Show the last answer that was kept."""
        display(self.recall(self) if self.recall else "No answer is kept here.", "Your last answer")

    def mistake(self, name: str) -> Mistake:
        """The mistake of that name."""
        return next(m for m in self.mistakes if m.name == name)


def as_text(text: str) -> str:
    """Simple Markdown as plain text; what typesets it is imported when it is needed."""
    from ..text.markup import plain

    return plain(text)


def display(text: str, head: str) -> None:
    """Show a text in the notebook, or print it outside of one."""
    _show(f"{head}. {as_text(text)}", f"**{head}.** {text}")


def present(verdict: Verdict, tally: str = "") -> None:
    """Show a verdict with its mark, an edge in its colour, and how far the lesson is done.

    The colour stands in the Markdown itself, since a front end may drop styles but keeps the text.
    """
    edge = EDGES.get(verdict.outcome)
    if edge is None:
        return display(verdict.message, verdict.head)
    head = f"{verdict.outcome.mark} {verdict.head}"
    said = f"**{head}**\n\n{verdict.message}" + f"\n\n<small>{tally}</small>" * bool(tally)
    boxed = f'<div style="border-left: 4px {edge}; padding-left: 0.9em">\n\n{said}\n\n</div>'
    return _show(f"{head}. {as_text(verdict.message)}" + f" ({tally})" * bool(tally), boxed)


def _show(plain: str, markdown: str) -> None:
    shell = sys.modules.get("IPython")
    if shell is not None and shell.get_ipython() is not None:
        shell.display.display({"text/plain": plain, "text/markdown": markdown}, raw=True)
    else:
        print(plain)


def named(error: BaseException) -> str:
    """An exception in one short line, even if its own `__str__` raises."""
    try:
        text = str(error)
    except Exception:
        text = ""
    line = " ".join(text.split())
    return type(error).__name__ + (f": {quoted(line[:200])}" if line else "")


def five_digits(x: Any) -> str:
    """A number for a message, with at most five digits."""
    x = complex(x)
    if not (math.isfinite(x.real) and math.isfinite(x.imag)):
        return "no finite number"
    if abs(x.imag) > 1e-9 * (1 + abs(x.real)):
        return "no real number"
    return f"{x.real:.5g}"


def kind_of(value: object) -> str:
    """A value described by its type alone; none of its own methods is called."""
    return "None" if value is None else f"a value of type {type(value).__name__[:60]}"
