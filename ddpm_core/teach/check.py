"""Exercises: an answer is read into plain data, the data are judged, and the verdict says what it saw.

Reading may run a student's function; judging runs nothing, so a record can be judged again by anybody.
Both happen in a thread with a time limit: an exercise never raises and never takes more than 2 s.  (One
thing no thread can stop is a single call into C that holds the interpreter, such as 9**9**9**9 in a
student's own function; text is never run, so there it can't happen.)
"""

import contextlib
import ctypes
import dis
import enum
import importlib
import inspect
import math
import re
import sys
import textwrap
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Rational
from types import FunctionType
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..schedule import Level, linear
from . import answers
from .answers import Unreadable
from .markup import plain, typeset

R = TypeVar("R")

READING, JUDGING = 1.0, 0.8  # seconds
LONGEST_TEXT = 20_000  # characters of prose or source that a record keeps


class Outcome(enum.Enum):
    """How far an answer got."""

    PASSED = "passed"
    NOT_YET = "not yet"
    NOT_ATTEMPTED = "not attempted"


class Verdict(NamedTuple):
    """An outcome, and what is said about it."""

    outcome: Outcome
    message: str

    def _ipython_display_(self) -> None:
        """Show nothing: `check` has shown it, and a cell that ends in it shouldn't say it twice."""


class Mistake(NamedTuple):
    """A likely mistake: its name, what to say to it, and an answer that makes it.

    signs: for prose, a pattern (a regular expression, case ignored) by which it is seen.
    """

    name: str
    message: str
    example: object
    signs: str = ""


BLANK = Verdict(Outcome.NOT_ATTEMPTED, "Nothing here yet. Put your answer in place of the three dots.")


def not_yet(*parts: str) -> Verdict:
    """NOT_YET, with a message of those parts that say something."""
    return Verdict(Outcome.NOT_YET, " ".join(part for part in parts if part))


# --- time -------------------------------------------------------------------------------------------


class _Stop(BaseException):
    """Raised inside a thread whose time is over."""


class Failed(Exception):
    """The work raised; `cause` is what."""

    def __init__(self, cause: BaseException):
        super().__init__()
        self.cause = cause


def within(seconds: float, work: Callable[[], R]) -> R:
    """The result of `work`, done in a thread of its own.  TimeoutError if late, Failed if it raised."""
    box: list[R] = []
    failure: list[BaseException] = []
    over = threading.Lock()  # held by whoever ends it: the work, for good, or the clock, to stop the work

    def run() -> None:
        with contextlib.suppress(_Stop):
            try:
                box.append(work())
            except BaseException as error:
                failure.append(error)
            over.acquire()
            time.sleep(0)  # a stop that is on its way arrives here, and no later

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        if over.acquire(blocking=False):
            ident, stop = ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Stop)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, stop)
            over.release()
        raise TimeoutError
    if failure:
        raise Failed(failure[0])
    return box[0]


# --- what all exercises share -----------------------------------------------------------------------


@dataclass(kw_only=True, eq=False, repr=False)
class Exercise:
    """A question that judges its answers.

    Each kind has `read`, from an answer to plain data, and `weigh`, from data to a verdict.  worked: the
    text of the solution; right: what is said to a right answer; also: more right answers, for the tests.
    """

    kind: ClassVar[str]
    id: str
    title: str
    prompt: str
    worked: str
    hints: Sequence[str] = ()
    mistakes: Sequence[Mistake] = ()
    right: str = "Right."
    also: Sequence[object] = ()
    _told: int = field(default=0, init=False)

    def __repr__(self) -> str:
        return f"exercise({self.id!r}): {self.title}"

    def _repr_markdown_(self) -> str:
        return typeset(f"**{self.id} · {self.title}.** {self.prompt}")

    @property
    def references(self) -> Sequence[object]:
        """Right answers in several forms, the reference first."""
        raise NotImplementedError

    def read(self, answer: Any, marks: Any) -> object:
        """An answer as JSON-able data, None for the blank.  Unreadable for what is no answer at all."""
        raise NotImplementedError

    def weigh(self, data: Any) -> Verdict:
        """The verdict on data that `read` gave, or on anything: hostile data may raise."""
        raise NotImplementedError

    def judge(self, answer: object, marks: object = None) -> Verdict:
        """The verdict on an answer; shows nothing, keeps nothing, never raises."""
        return self.recheck(self.record(answer, marks))

    def check(self, answer: object, marks: object = None) -> Verdict:
        """Judge an answer, show the verdict, and note it in the student's progress."""
        data = self.record(answer, marks)
        verdict = self.recheck(data)
        show(verdict.message, verdict.outcome.value.capitalize())
        try:
            progress: Any = importlib.import_module("ddpm_core.teach.progress")
            progress.note(self.id, verdict.outcome.name, data)
        except Exception:  # an answer is judged whether or not it can be kept
            pass
        return verdict

    def record(self, answer: object, marks: object = None) -> object:
        """An answer as JSON-able data from which `recheck` judges without running anything."""
        if answer is Ellipsis:
            return None
        try:
            return within(READING, lambda: self.read(answer, marks))
        except TimeoutError:
            return {"unreadable": f"Reading this answer took longer than {READING:g} s, so I stopped."}
        except Failed as failed:
            if isinstance(failed.cause, Unreadable):
                return {"unreadable": str(failed.cause)}
            return {"unreadable": f"I can't read this answer: {named(failed.cause)} came up while I looked."}

    def recheck(self, data: object) -> Verdict:
        """The verdict on recorded data, which may be anything.  Runs nothing, never raises."""
        if data is None:
            return BLANK
        if isinstance(data, dict) and "unreadable" in data:
            why = data["unreadable"]
            return not_yet(why[:2000] if isinstance(why, str) and why else "There was no answer to read.")
        try:
            return within(JUDGING, lambda: self.weigh(data))
        except TimeoutError:
            return not_yet(f"Judging this answer took longer than {JUDGING:g} s; write it shorter.")
        except Failed as failed:
            cause = failed.cause
            return not_yet(str(cause) if isinstance(cause, Unreadable) else "I can't read this answer.")

    def hint(self) -> None:
        """Show a hint; each call tells more."""
        if not self.hints:
            return show("There is none for this one; `solution()` shows the answer.", "Hint")
        self._told = min(self._told + 1, len(self.hints))
        return show(self.hints[self._told - 1], f"Hint {self._told} of {len(self.hints)}")

    def solution(self) -> None:
        """Show the answer, and why it is the answer."""
        show(self.worked, "Solution")

    def mistake(self, name: str) -> Mistake:
        """The mistake of that name."""
        return next(m for m in self.mistakes if m.name == name)


def show(text: str, head: str) -> None:
    """Show a text in the notebook, or print it where there is none."""
    shell = sys.modules.get("IPython")
    if shell is not None and shell.get_ipython() is not None:
        bundle = {"text/plain": f"{head}. {plain(text)}", "text/markdown": f"**{head}.** {typeset(text)}"}
        shell.display.display(bundle, raw=True)
    else:
        print(f"{head}. {plain(text)}")


def named(error: BaseException) -> str:
    """An exception in one short line, whatever its own methods do."""
    try:
        text = str(error)
    except Exception:
        text = ""
    line = " ".join(text.split())
    return type(error).__name__ + (f": {line[:200]}" if line else "")


def number(x: Any) -> str:
    """A number for a message: five digits, no more."""
    x = complex(x)
    if not (math.isfinite(x.real) and math.isfinite(x.imag)):
        return "no finite number"
    if abs(x.imag) > 1e-9 * (1 + abs(x.real)):
        return "no real number"
    return f"{x.real:.5g}"


def kind_of(value: object) -> str:
    """What came, in words; asks nothing of the value itself but its type."""
    return "None" if value is None else f"a value of type {type(value).__name__[:60]}"


# --- numbers ----------------------------------------------------------------------------------------

GENERIC_NUMBERS: tuple[tuple[Callable[[float], float], str], ...] = (
    (lambda a: -a, "The size is right, the sign is not."),
    (lambda a: a * a, "That is the square of what is asked: a variance where a standard deviation belongs?"),
    (lambda a: abs(a) ** 0.5, "That is the square root of what is asked; one root too many."),
    (lambda a: 1 / a, "That is the reciprocal of what is asked; something stands upside down."),
    (lambda a: 1 - a, "That is 1 minus what is asked: the complementary part."),
    (lambda a: 100 * a, "That is 100 times what is asked. Give a plain number, not a percentage."),
)


@dataclass(kw_only=True, eq=False, repr=False)
class Number(Exercise):
    """A number, right within a relative tolerance; may be typed as an unevaluated formula of numbers."""

    kind = "number"
    answer: float
    rel: float = 1e-3
    unit: str = ""

    @property
    def references(self) -> Sequence[object]:
        """The number as a float, as text, as text with its unit, and as numpy and torch hold it."""
        text = f"{self.answer:.12g}"
        arrays = np.float64(self.answer), torch.tensor(self.answer, dtype=torch.float64)
        return [self.answer, text, f"({text})*2/2", f"{text} {self.unit}".strip(), *arrays, *self.also]

    def read(self, answer: Any, marks: Any) -> object:
        """A float where there is one, else the text."""
        if isinstance(answer, str):
            return str.strip(answer)[:LONGEST_TEXT] or None
        value = _float(answer)
        return value if math.isfinite(value) else repr(value)

    def weigh(self, data: Any) -> Verdict:
        """Right within the tolerance; else the mistake that it is; else how far off."""
        value = self._typed(data) if isinstance(data, str) else _float(data)
        if not math.isfinite(value):
            return not_yet("That is no finite number.")
        if self._is(value, self.answer):
            return Verdict(Outcome.PASSED, self.right)
        for mistake in self.mistakes:
            if self._is(value, _float(mistake.example)):
                return not_yet(mistake.message)
        return not_yet(self._distance(value))

    def _is(self, value: float, target: float) -> bool:
        return abs(value - target) <= max(self.rel, 1e-9) * abs(target) + 1e-12

    def _distance(self, value: float) -> str:
        a = self.answer
        for change, message in GENERIC_NUMBERS:
            if a not in (0, 1) and self._is(value, change(a)):
                return f"{number(value)}: {message}"
        if value == 0:
            return "0 came, and the answer is not 0."
        if abs(value / a - 1) < 0.05:
            return f"{number(value)} is close, but not close enough. Keep five digits, and round at the end."
        if value * a < 0:
            return f"{number(value)} has the wrong sign."
        ratio = value / a
        how = f"{ratio:.3g} times too large" if ratio > 1 else f"{1 / ratio:.3g} times too small"
        return f"{number(value)} is {how}. Write the step down in symbols before you put numbers in."

    def _typed(self, text: str) -> float:
        text = text.strip()
        if re.fullmatch(r"[+-]?(nan|inf|infinity)", text, re.I):
            return math.nan
        tail = re.search(
            r"(?<![\w(*/^.√\\])\s+([A-Za-zµμ%][\w/ ]{0,30})$|(?<=[\d)])\s*([A-Za-z%][A-Za-z/ ]{0,30})$", text
        )
        if tail and (word := (tail[1] or tail[2]).strip()) not in answers.SPELLINGS:
            if word.lower().rstrip("s") != self.unit.lower().rstrip("s"):
                asked = f"in {self.unit}" if self.unit else "as a plain number without a unit"
                raise Unreadable(f"Give the answer {asked}; {word!r} came.")
            text = text[: tail.start()]
        text = re.sub(r"(?<=\d)[ ,_\u2009\u202f'](?=\d{3}(?!\d))", "", text)
        text = re.sub(r"^(\s*[+-]?\d+),(\d+\s*)$", r"\1.\2", text)
        tree = answers.parse(text)
        if found := answers.names(tree):
            raise Unreadable(f"A number is asked for; {sorted(found)[0]} is a symbol. Put its value in.")
        value = complex(answers.evaluate(tree, {}))
        return value.real if value.imag == 0 else math.nan


def _float(value: Any) -> float:
    """A number of any of the usual types as a float.  Unreadable for anything else, a bool too."""
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise Unreadable(f"One number is asked for; a tensor of shape {tuple(value.shape)} came.")
        value = value.detach().cpu().reshape(()).item()
    if isinstance(value, np.ndarray | np.generic):
        if value.size != 1 or value.dtype.kind not in "iuf":
            raise Unreadable("One number is asked for; an array came.")
        value = value.item()
    if isinstance(value, bool | complex):
        raise Unreadable(f"A number is asked for; {type(value).__name__} came.")
    try:
        if isinstance(value, float):
            return float.__float__(value)
        if isinstance(value, int):
            return int.__float__(value)
        if type(value).__module__.split(".")[0] == "sympy":
            return complex(answers.evaluate(answers.from_sympy(value), {})).real
        if isinstance(value, Rational):
            return int(value.numerator) / int(value.denominator)
    except OverflowError:
        return math.inf
    except KeyError:
        raise Unreadable("A number is asked for; put values in for the symbols.") from None
    if callable(value):
        raise Unreadable("A number is asked for; a function came. Did you mean to call it?")
    raise Unreadable(f"A number is asked for; {kind_of(value)} came.")


# --- choices ----------------------------------------------------------------------------------------


@dataclass(kw_only=True, eq=False, repr=False)
class Choice(Exercise):
    """One right option of several; `why` says of each wrong one what is wrong with it."""

    kind = "choice"
    options: Mapping[str, str]
    answer: str
    why: Mapping[str, str]

    def __post_init__(self) -> None:
        assert {self.answer, *self.why} == set(self.options), self.id
        self.mistakes = [Mistake(key, message, key) for key, message in self.why.items()]

    def _repr_markdown_(self) -> str:
        options = "".join(f"\n- **{key}** {typeset(text)}" for key, text in self.options.items())
        return f"{super()._repr_markdown_()}\n{options}"

    @property
    def references(self) -> Sequence[object]:
        """The letter in several dresses, and the option's own text."""
        key = self.answer
        return [key, key.upper(), f"({key})", f" {key}. ", f"option {key}", self.options[key], *self.also]

    def read(self, answer: Any, marks: Any) -> object:
        """The text that came."""
        if not isinstance(answer, str):
            raise Unreadable(f"Answer with one letter in quotes: {self._letters}. {kind_of(answer)} came.")
        return str.strip(answer)[:LONGEST_TEXT] or None

    def weigh(self, data: Any) -> Verdict:
        """Right, or what is wrong with the option."""
        if not isinstance(data, str):
            raise Unreadable(f"Answer with one letter in quotes: {self._letters}.")
        key = self._key(data)
        if key is None:
            return not_yet(f"{answers.short(data)} is none of the options; answer {self._letters}.")
        if key == self.answer:
            return Verdict(Outcome.PASSED, self.right)
        return not_yet(self.why[key])

    @property
    def _letters(self) -> str:
        *most, last = (f'"{key}"' for key in self.options)
        return f"{', '.join(most)} or {last}"

    def _key(self, text: str) -> str | None:
        short = re.sub(r"^(option|answer)\s+", "", text.strip().lower()).strip(" ().:'\"")
        if short in self.options:
            return short
        words = " ".join(text.split()).casefold()
        return next((k for k, o in self.options.items() if " ".join(o.split()).casefold() == words), None)


# --- prose ------------------------------------------------------------------------------------------


class Marked(NamedTuple):
    """A text with its marks: what a prose exercise has for a right answer."""

    text: str
    marks: object


@dataclass(kw_only=True, eq=False, repr=False)
class Prose(Exercise):
    """A few sentences, which the student marks against a rubric: one mark for each point."""

    kind = "prose"
    rubric: Sequence[str]
    models: Sequence[str]

    @property
    def references(self) -> Sequence[object]:
        """Model answers with full marks, given as lists and tuples of several kinds."""
        n = len(self.rubric)
        forms: list[object] = [[True] * n, (True,) * n, [1] * n, ["yes"] * n]
        return [Marked(text, marks) for text in self.models for marks in forms] + list(self.also)

    def read(self, answer: Any, marks: Any) -> object:
        """The text and the marks, or None if there is no text."""
        text, marks = answer if isinstance(answer, Marked) else (answer, marks)
        if not isinstance(text, str):
            raise Unreadable(f"Write a few sentences, in quotes; {kind_of(text)} came.")
        if str.strip(text) in ("", "..."):
            return None
        return {"text": str.strip(text)[:LONGEST_TEXT], "marks": _marks(marks)}

    def weigh(self, data: Any) -> Verdict:
        """Passed with every point marked; until then the rubric, or the points that are open."""
        text, marks = data["text"], data["marks"]
        if not isinstance(text, str) or len(text.split()) < 5:
            return not_yet("Write a sentence or two before you mark it, so that there is something to mark.")
        seen = [m.message for m in self.mistakes if re.search(m.signs, text[:5000], re.I | re.S)]
        if marks is None:
            return not_yet(*seen, self._ask)
        if not (isinstance(marks, list) and all(isinstance(m, bool) for m in marks)):
            return not_yet("Marks are a list with True or False for each point of the rubric.", self._ask)
        if len(marks) != len(self.rubric):
            return not_yet(
                f"The rubric has {len(self.rubric)} points and {len(marks)} marks came.", self._ask
            )
        if all(marks):
            return Verdict(Outcome.PASSED, self.right)
        open_ = [
            f"({i}) {p}" for i, (p, mark) in enumerate(zip(self.rubric, marks, strict=True), 1) if not mark
        ]
        return not_yet(*seen, "Still open by your own marks: " + " ".join(open_))

    @property
    def _ask(self) -> str:
        points = " ".join(f"({i}) {point}" for i, point in enumerate(self.rubric, 1))
        example = ", ".join(["True", "False", "True", "True", "True", "True"][: len(self.rubric)])
        return (
            "Now mark your text yourself, point by point, and be strict. "
            f"{points} Then pass the marks, for example check(text, marks=[{example}])."
        )


YES, NO = {"yes", "y", "true", "1"}, {"no", "n", "false", "0"}


def _marks(marks: Any) -> list[bool] | str | None:
    """Marks as a list of bools, None if none came, "?" for anything else: the text is kept all the same."""
    if marks is None or marks is Ellipsis:
        return None
    if isinstance(marks, list | tuple) and len(marks) <= 100:
        read = [_mark(m) for m in marks]
        if None not in read:
            return [bool(m) for m in read]
    return "?"


def _mark(mark: Any) -> bool | None:
    if type(mark) in (bool, int) and mark in (0, 1):
        return bool(mark)
    word = str.strip(mark).lower() if isinstance(mark, str) else None
    return True if word in YES else False if word in NO else None


# --- formulas ---------------------------------------------------------------------------------------

POINTS = 12
SHOWN = {
    "x_t": "x_t",
    "x_0": "x_0",
    "eps": "ε",
    "z": "z",
    "sigma": "σ_t",
    "mu": "μ",
    "x_prev": "x_{t−1}",
    "alpha": "α_t",
    "abar": "ᾱ_t",
    "abar_prev": "ᾱ_{t−1}",
    "abar_s": "ᾱ_s",
    "beta": "β_t",
    "beta_tilde": "β̃_t",
}
EXAMPLE = {"x_t": 1.0, "x_0": 0.6, "eps": 0.5, "z": -0.8, "mu": 0.9, "x_prev": 0.7}
ABAR = linear().abar
LINEAR = ("x_t", "x_0", "x_prev", "eps", "z", "mu")
SCHEDULE = ("alpha", "abar", "abar_prev", "beta")


def _density(name: str) -> bool:
    return name[0] in "pq"


class World(dict[str, Any]):
    """Values for every name, bound by what holds between them: abar = alpha abar_prev, beta = 1 - alpha."""

    def __missing__(self, name: str) -> Any:
        dice = np.random.default_rng(zlib.crc32(name.encode()))  # each name its own numbers, always the same
        if name in LINEAR:
            value = dice.uniform(0.5, 2, POINTS) * dice.choice([-1, 1], POINTS)
        elif _density(name) or name == "sigma":
            value = dice.uniform(0.2, 1.8, POINTS)
        else:
            value = self._derived(name, dice)
        self[name] = value
        return value

    def _derived(self, name: str, dice: np.random.Generator) -> Any:
        match name:
            case "alpha" | "abar_prev":
                return dice.uniform(0.2, 0.95, POINTS)
            case "abar":
                return self["alpha"] * self["abar_prev"]
            case "beta":
                return 1 - self["alpha"]
            case "beta_tilde":
                return self["beta"] * (1 - self["abar_prev"]) / (1 - self["abar"])
            case "abar_s":
                return self["abar"] + dice.uniform(0.1, 0.9, POINTS) * (1 - self["abar"])
        raise KeyError(name)


WORLD = World()
for _name in SHOWN:
    WORLD[_name]
SWAPS: tuple[tuple[dict[str, str], str], ...] = (
    ({"abar": "alpha", "abar_prev": "alpha"}, "Every ᾱ stands as α: the bars are lost."),
    ({"abar": "alpha"}, "α_t stands where ᾱ_t, the product of all steps so far, belongs."),
    ({"alpha": "abar"}, "ᾱ_t stands where α_t, the factor of one step, belongs."),
    ({"abar": "abar_prev"}, "The index is off by one: ᾱ_{t−1} where ᾱ_t belongs."),
    ({"abar_prev": "abar"}, "The index is off by one: ᾱ_t where ᾱ_{t−1} belongs."),
    ({"abar_prev": "abar", "abar": "abar_prev"}, "ᾱ_t and ᾱ_{t−1} have changed places."),
)
GENERIC_FORMULAS: tuple[tuple[Callable[[Any], Any], str], ...] = (
    (lambda v: -v, "The sign is turned round."),
    (lambda v: v * v, "That is the square of what is asked: a variance where a standard deviation belongs?"),
    (np.sqrt, "That is the square root of what is asked; one root too many."),
    (lambda v: 1 / v, "That is the reciprocal of what is asked; it stands upside down."),
)


class Moment(World):
    """Values at one time: a number for every name."""

    def __missing__(self, name: str) -> Any:
        self[name] = float(np.mean(super().__missing__(name)))
        return self[name]


def at(t: int) -> World:
    """The names' values at time t of linear(1000), with the data of EXAMPLE and s = t/2."""
    abar, prev, s = (float(ABAR[k]) for k in (t, t - 1, t // 2))
    world = Moment(EXAMPLE, abar=abar, abar_prev=prev, abar_s=s, alpha=abar / prev)
    world["sigma"] = math.sqrt(world["beta_tilde"])
    return world


@dataclass(kw_only=True, eq=False, repr=False)
class Symbolic(Exercise):
    """A formula in `given` names, in any equivalent form, as text or as a sympy expression."""

    kind = "symbolic"
    answer: str
    given: Sequence[str]

    @property
    def references(self) -> Sequence[object]:
        """The formula, and other ways to write it."""
        a = self.answer
        return [
            a,
            f"(({a})*3)/3",
            f"({a}) + beta - (1 - alpha)" if "alpha" in self.given else f"2*({a}) - ({a})",
            f"0.5*({a}) + ({a})/2",
            *self.also,
        ]

    def read(self, answer: Any, marks: Any) -> object:
        """The text; a sympy expression is written as one."""
        if isinstance(answer, str):
            return str.strip(answer)[: answers.LONGEST + 1] or None
        if type(answer).__module__.split(".")[0] == "sympy":
            return answers.write(answers.from_sympy(answer))[: answers.LONGEST + 1]
        if isinstance(answer, int | float) and not isinstance(answer, bool):
            return answers.write(answers.Num(_float(answer)))
        raise Unreadable(f"Write the formula as text, such as 'sqrt(alpha)*x_t'; {kind_of(answer)} came.")

    def weigh(self, data: Any) -> Verdict:
        """Equal to the reference at all points; else the mistake that it is; else where it departs."""
        if not isinstance(data, str):
            raise Unreadable("A formula is written as text.")
        tree = answers.parse(data)
        names = answers.names(tree)
        note = self._reading(data, names)
        value = answers.evaluate(tree, WORLD)
        strangers = [name for name in sorted(names) if name not in self.given]
        if not strangers and answers.same(value, self._value):
            return Verdict(Outcome.PASSED, self.right)
        for mistake, wrong in self._wrong:
            if answers.same(value, wrong):
                return not_yet(mistake.message, self._numbers(tree))
        if strangers:
            allowed = ", ".join(SHOWN.get(name, name) for name in self.given)
            return not_yet(
                f"{SHOWN.get(strangers[0], strangers[0])} is not among what you have here: {allowed}.", note
            )
        if not np.isfinite(value).all():
            return not_yet(
                "That has no finite value at ordinary numbers: a division by 0, or a huge power.", note
            )
        if len(data) > LONGEST_TEXT:
            return not_yet("That is another formula. Write it shorter, and I can say where it departs.", note)
        return not_yet(self._usual(value) or "Another formula came out.", self._departs(tree), note)

    @cached_property
    def _tree(self) -> answers.Tree:
        return answers.parse(self.answer)

    @cached_property
    def _value(self) -> answers.Values:
        return answers.evaluate(self._tree, WORLD)

    @cached_property
    def _wrong(self) -> list[tuple[Mistake, answers.Values]]:
        return [(m, answers.evaluate(answers.parse(str(m.example)), WORLD)) for m in self.mistakes]

    def _usual(self, value: answers.Values) -> str:
        for change, message in GENERIC_FORMULAS:
            if answers.same(value, change(self._value)):
                return message
        for swap, message in SWAPS:
            swapped = World({**WORLD, **{old: WORLD[new] for old, new in swap.items()}})
            if answers.same(value, answers.evaluate(self._tree, swapped)):
                return message
        ratio = value / self._value
        if answers.same(ratio, np.full(POINTS, ratio[0])):
            return f"Right but for a constant factor: yours is {number(ratio[0])} times what is asked."
        return ""

    def _departs(self, tree: answers.Tree) -> str:
        """The part that is off, if the formula has parts; else numbers."""
        fine: list[str] = []
        t = self._time(tree)
        for name in [*self.given, *sorted(answers.names(tree) - set(self.given))]:
            if not (_density(name) or name in LINEAR):
                continue
            place, counts = SHOWN.get(name, name), "logarithm" if _density(name) else "factor"
            mine, right = (self._part(formula, name, t) for formula in (tree, self._tree))
            if not abs(mine - right) <= 1e-6 * (abs(right) + 1e-3):
                good = f"The part with {', '.join(fine)} is right. " if fine else ""
                where = "" if _density(name) else f" at t = {t} of linear(1000)"
                its = f"its {counts} counts {number(mine)}{where}, expected {number(right)}"
                return f"{good}Look at {place}: {its}."
            fine.append(place)
        if not any(map(_density, self.given)):
            return self._numbers(tree)
        mine, right = (complex(answers.evaluate(formula, at(500))) for formula in (tree, self._tree))
        its = f"at one set of densities it is {number(mine)}, expected {number(right)}"
        return f"It is no sum of logarithms as it should be: {its}."

    def _part(self, formula: answers.Tree, name: str, t: int) -> complex:
        """What a name adds when all other names of its sort are neutral."""
        world = at(t)
        for other in {*self.given, *answers.names(formula)}:
            world[other] = 1.0 if _density(other) else 0.0 if other in LINEAR else world[other]
        base = complex(answers.evaluate(formula, world))
        world[name] = math.e if _density(name) else 1.0
        return complex(answers.evaluate(formula, world)) - base

    def _time(self, tree: answers.Tree) -> int:
        """A time t >= 2 at which a formula is plainly off."""
        off: dict[int, float] = {}
        for t in (500, 100, 10, 2, 900):
            world = at(t)
            mine, right = (complex(answers.evaluate(formula, world)) for formula in (tree, self._tree))
            off[t] = abs(mine - right) / (abs(right) + 1e-12) if np.isfinite(mine) else math.inf
            if off[t] > 0.05:
                return t
        return max(off, key=lambda t: off[t])

    def _numbers(self, tree: answers.Tree) -> str:
        if any(map(_density, self.given)):
            return self._departs(tree)
        t = self._time(tree)
        world = at(t)
        mine, right = (complex(answers.evaluate(formula, world)) for formula in (tree, self._tree))
        shown = (answers.names(tree) | set(self.given)) - {*SCHEDULE, "abar_s", "beta_tilde"}
        values = [f"{SHOWN[n]} = {number(world[n])}" for n in SHOWN if n in shown]
        if "abar_s" in self.given:
            values.append(f"s = {t // 2}")
        data = f" with {', '.join(values)}" if values else ""
        return f"At t = {t} of linear(1000){data}: yours gives {number(mine)}, expected {number(right)}."

    def _reading(self, text: str, names: set[str]) -> str:
        if "abar_prev" in self.given and re.search(r"_t\s*[-−]\s*1", text) and "abar_prev" not in names:
            return "I read abar_t-1 as abar_t minus 1; write abar_prev or abar_{t-1} for the time before."
        return ""


# --- functions --------------------------------------------------------------------------------------


class Case(NamedTuple):
    """Arguments for a function, and what they are in words."""

    text: str
    args: tuple[Any, ...]


@dataclass(kw_only=True, eq=False, repr=False)
class Function(Exercise):
    """A function, held against the library's own on fixed inputs in float64, on the CPU and on a GPU.

    The first case is small enough to be quoted; cases are few and small, for their outputs are recorded.
    """

    kind = "function"
    reference: Callable[..., Any]
    cases: Sequence[Case]

    @property
    def references(self) -> Sequence[object]:
        """The library's function, and other ways to write it."""
        return [self.reference, *self.also]

    def solution(self) -> None:
        """Show the library's source."""
        source = textwrap.dedent(inspect.getsource(self.reference))
        show(f"{self.worked}\n\n```python\n{source}```", "Solution")

    def record(self, answer: object, marks: object = None) -> object:
        """The source, for a teacher's eyes, and the outputs on the fixed inputs, or what was wrong "
        "with them."""
        if torch.cuda.is_available():
            torch.zeros(1, device="cuda").add_(1)  # starting the GPU is not on the student's time
        devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
        with torch.random.fork_rng(devices=devices):
            return super().record(answer, marks)

    def read(self, answer: Any, marks: Any) -> object:
        """Run it on every case."""
        if not callable(answer):
            came = "what it returned, a tensor," if isinstance(answer, Tensor) else kind_of(answer)
            raise Unreadable(f"Pass the function itself, without calling it; {came} came.")
        if stub(answer):
            return None
        data: dict[str, object] = {"source": _source(answer)}
        try:
            outputs = [self._run(answer, case, i, "cpu") for i, case in enumerate(self.cases)]
            if None in outputs:
                return None
            data["outputs"] = outputs
            if torch.cuda.is_available():
                self._same_on_gpu(answer, outputs)
        except Unreadable as fault:
            data["fault"] = str(fault)
        return data

    def weigh(self, data: Any) -> Verdict:
        """The outputs beside the library's; else the mistake that they show; else the first that departs."""
        if "fault" in data:
            fault = data["fault"]
            return not_yet(fault[:2000] if isinstance(fault, str) and fault else "The function did not run.")
        right = self._expected
        if [len(case) for case in data["outputs"]] != [len(case) for case in right]:
            return not_yet("The recorded outputs are not as many as they should be.")
        mine = [[torch.tensor(part, dtype=torch.float64) for part in case] for case in data["outputs"]]
        if [[p.shape for p in case] for case in mine] != [[p.shape for p in case] for case in right]:
            return not_yet("The recorded outputs have the wrong shapes.")
        if _agree(mine, right):
            return Verdict(Outcome.PASSED, self.right)
        for mistake, wrong in self._wrong:
            if _agree(mine, wrong):
                return not_yet(mistake.message, self._first(mine))
        return not_yet(self._ratio(mine) or "Other numbers came out.", self._first(mine))

    @cached_property
    def _names(self) -> list[str]:
        return list(inspect.signature(self.reference).parameters)

    @cached_property
    def _expected(self) -> list[list[Tensor]]:
        return [_parts(self.reference(*_clone(case.args))) for case in self.cases]

    @cached_property
    def _wrong(self) -> list[tuple[Mistake, list[list[Tensor]]]]:
        runs: list[tuple[Mistake, list[list[Tensor]]]] = []
        for mistake in self.mistakes:
            function: Any = mistake.example
            runs.append((mistake, [_parts(function(*_clone(case.args))) for case in self.cases]))
        return runs

    def _run(self, function: Any, case: Case, i: int, device: str) -> list[Any] | None:
        """The outputs of one case as nested lists, None for the blank; Unreadable says what is wrong."""
        given, kept = _clone(case.args, device), _clone(case.args, device)
        place = f" on the GPU ({case.text})" if device == "cuda" else f" ({case.text})"
        try:
            out = function(*given)
        except _Stop:
            raise
        except NotImplementedError:
            return None
        except BaseException as error:
            raise Unreadable(
                f"Your function raised {named(error)}{place}. It was called with {self._shapes(given)}."
            ) from None
        if out is Ellipsis:
            return None
        if out is None:
            raise Unreadable("Your function returned None. Is a `return` missing?")
        changed = [
            n for n, a, b in zip(self._names, _flat(given), _flat(kept), strict=False) if not _equal(a, b)
        ]
        if changed:
            raise Unreadable(
                f"Your function changes its input {changed[0]} in place; the caller still needs it. "
                "Write x = x * a rather than x *= a."
            )
        return [p.tolist() for p in self._checked(out, i, place, device)]

    def _checked(self, out: Any, i: int, place: str, device: str) -> list[Tensor]:
        right = self._expected[i]
        if len(right) > 1:
            if not isinstance(out, tuple | list) or len(out) != len(right):
                raise Unreadable(f"{len(right)} results are expected{place}; {kind_of(out)} came.")
            parts = list(out)
        else:
            parts = [out]
        checked: list[Tensor] = []
        for part, like in zip(parts, right, strict=True):
            if like.ndim == 0 and isinstance(part, float | int):
                part = torch.tensor(float(part), dtype=torch.float64, device=device)
            if not isinstance(part, Tensor):
                raise Unreadable(f"A tensor is expected{place}; {kind_of(part)} came.")
            if tuple(part.shape) != tuple(like.shape):
                raise Unreadable(
                    f"The result has shape {tuple(part.shape)}, expected {tuple(like.shape)}{place}."
                )
            if part.dtype != torch.float64 and like.ndim:
                raise Unreadable(
                    f"The result is {part.dtype} where all inputs are torch.float64{place}: somewhere digits "
                    "are lost. Let the result follow its inputs."
                )
            if part.device.type != device and like.ndim:
                raise Unreadable(f"The result is on the {part.device.type}, its inputs are on the {device}.")
            part = part.detach().cpu().double()
            if not bool(torch.isfinite(part).all()):
                raise Unreadable(f"The result holds NaN or infinity{place}; expected are finite numbers.")
            checked.append(part)
        return checked

    def _same_on_gpu(self, function: Any, outputs: list[Any]) -> None:
        for i, (case, cpu) in enumerate(zip(self.cases, outputs, strict=True)):
            gpu = self._run(function, case, i, "cuda")
            pairs = [
                (torch.tensor(a).double(), torch.tensor(b).double())
                for a, b in zip(cpu, gpu or [], strict=True)
            ]
            if not all(torch.allclose(a, b, 1e-9, 1e-9, equal_nan=True) for a, b in pairs):
                raise Unreadable(f"On the GPU it gives other numbers than on the CPU ({case.text}).")

    def _shapes(self, args: tuple[Any, ...]) -> str:
        return ", ".join(f"{name} {_shape(a)}" for name, a in zip(self._names, args, strict=False))

    def _ratio(self, mine: list[list[Tensor]]) -> str:
        if any(len(case) > 1 for case in mine):
            return ""
        flat, right = (torch.cat([c[0].flatten() for c in run]) for run in (mine, self._expected))
        ratio = flat / right
        if not bool(torch.isfinite(ratio).all()) or not torch.allclose(
            ratio, ratio[0].expand_as(ratio), 1e-6
        ):
            return ""
        if abs(ratio[0].item() + 1) < 1e-6:
            return "The sign is turned round."
        return f"Right but for a constant factor: yours is {number(ratio[0])} times what is expected."

    def _first(self, mine: list[list[Tensor]]) -> str:
        """The first number that is plainly off, or else the most, with the inputs that it came from."""
        found: list[tuple[float, str]] = []
        for case, out, right in zip(self.cases, mine, self._expected, strict=True):
            for k, (a, b) in enumerate(zip(out, right, strict=True)):
                gap = torch.where(torch.isclose(a, b, 1e-7, 1e-9), 0, (a - b).abs() / (b.abs() + 1e-3))
                gap = gap.nan_to_num(math.inf, math.inf)
                if not bool(gap.any()):
                    continue
                where = tuple((gap > 0).nonzero()[0].tolist())
                place = f"[{', '.join(map(str, where))}]" if a.numel() > 1 else ""
                part = f"result {k + 1} of {len(out)}" if len(out) > 1 else "result"
                numbers = f"is {number(a[where])}, expected {number(b[where])}"
                found.append((gap[where].item(), f"With {case.text}: your {part}{place} {numbers}."))
        plain = [text for gap, text in found if gap > 0.02]
        return plain[0] if plain else max(found)[1] if found else ""


def stub(function: Any) -> bool:
    """Whether a function's body is still empty: nothing but a docstring, `...`, `pass`, or a bare return."""
    if not isinstance(function, FunctionType):
        return False
    idle = {
        "RESUME",
        "NOP",
        "RETURN_CONST",
        "RETURN_VALUE",
        "LOAD_CONST",
        "POP_TOP",
        "CACHE",
        "COPY_FREE_VARS",
    }
    code = list(dis.get_instructions(function))
    if any(step.opname not in idle for step in code):
        return False
    loaded = [step.argval for step in code if step.opname in ("LOAD_CONST", "RETURN_CONST")]
    return all(value is None or value is Ellipsis for value in loaded)


def _source(function: Any) -> str:
    try:
        return inspect.getsource(function)[:LONGEST_TEXT]
    except Exception:
        return ""


def _clone(value: Any, device: str = "cpu") -> Any:
    """The same arguments in memory of their own."""
    if isinstance(value, Tensor):
        return value.to(device).clone()
    if isinstance(value, Level):
        return Level(_clone(value.signal, device), _clone(value.noise, device))
    if isinstance(value, tuple):
        return tuple(_clone(v, device) for v in value)
    return value


def _parts(out: Any) -> list[Tensor]:
    """One result, or several, as a list of float64 tensors on the CPU."""
    parts = out if isinstance(out, tuple | list) else (out,)
    return [torch.as_tensor(p).detach().cpu().double().clone() for p in parts]


def _flat(args: tuple[Any, ...]) -> list[Any]:
    return [tuple(a) if isinstance(a, Level) else a for a in args]


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, tuple):
        return all(_equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, Tensor):
        return a.shape == b.shape and torch.equal(a, b)
    return bool(a == b)


def _agree(mine: list[list[Tensor]], right: list[list[Tensor]]) -> bool:
    return all(
        a.shape == b.shape and torch.allclose(a, b, 1e-7, 1e-9)
        for x, y in zip(mine, right, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def _shape(value: Any) -> str:
    if isinstance(value, Tensor):
        return str(tuple(value.shape))
    if isinstance(value, Level):
        return (
            f"Level of {_shape(value.signal)}" if isinstance(value.signal, Tensor) else "Level of two numbers"
        )
    return type(value).__name__
