"""A lesson's exercises from its pair of files: the words in NN.toml, the answers in lessonNN.py.

In the words each exercise is a table under its name, in the order of the lesson.  A line break in a text
counts as a space.  An exercise with options is a choice, whose right option is the one without a reply; one
with a rubric is prose.  All others have an entry of that name in ANSWERS of lessonNN.py, made by `a_number`,
`a_formula` or `a_function`; mistakes and mutants have their messages in the words, under the same names.

NN.de.toml is the German of NN.toml; a text that it lacks is the English one.  DDPM_LANGUAGE=de asks for it.
"""

import getpass
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ..judge.choice import Choice
from ..judge.exercise import Exercise, Mistake
from ..judge.number import Number
from ..judge.prose import Prose
from ..judge.symbolic import Symbolic
from .words import filled

FOLDER = Path(__file__).parent
LESSONS = sorted(path.stem for path in FOLDER.glob("[0-9][0-9].toml"))

Fields = Mapping[str, Any]
Answer = Callable[[Fields], Exercise]  # makes an exercise of its words


def fields(**fields: Any) -> Fields:
    """The fields of a function: reference, cases, also, mistakes and so on."""
    return fields


def a_number(**fields: Any) -> Answer:
    """A `Number` with these fields; mistakes: {name: the number that it leads to}."""
    return lambda words: Number(**_joined(words, fields))


def a_formula(**fields: Any) -> Answer:
    """A `Symbolic` with these fields; mistakes: {name: the formula that it leads to}."""
    return lambda words: Symbolic(**_joined(words, fields))


def a_function(late: Callable[[], Fields]) -> Answer:
    """A `Function`, its fields made when it is asked for; mistakes and mutants: {name: a wrong function}."""

    def made(words: Fields) -> Exercise:
        from ..judge.function import Function

        return Function(**_joined(words, late()))

    return made


def choice(words: Fields) -> Exercise:
    """A `Choice`: the right option is the one without a reply."""
    options, replies = words["options"], words["replies"]
    (right,) = set(options) - set(replies)
    rest = {name: text for name, text in words.items() if name != "replies"}
    return Choice(**rest, answer=right, why=replies)


def prose(words: Fields) -> Exercise:
    """A `Prose`; its mistakes have their examples and signs among the words."""
    mistakes = [Mistake(name, **each) for name, each in words.get("mistakes", {}).items()]
    return Prose(**{**words, "mistakes": mistakes})


def _joined(words: Fields, fields: Fields) -> dict[str, Any]:
    """The fields of an exercise: each mistake and mutant gets its message."""
    told, made = dict(words), dict(fields)
    examples, messages = made.pop("mistakes", {}), told.pop("mistakes", {})
    _same(told["key"], "mistakes", examples, messages)
    told["mistakes"] = [Mistake(name, text, examples[name]) for name, text in messages.items()]
    if "mutants" in made:
        mutants, messages = made["mutants"], told.pop("mutants", {})
        _same(told["key"], "mutants", mutants, messages)
        made["mutants"] = {messages[name]: mutants[name] for name in messages}
    return told | made


def _same(key: str, what: str, answers: Iterable[str], words: Iterable[str]) -> None:
    if lost := sorted(set(answers) ^ set(words)):
        raise ValueError(f"{key}: the {what} {', '.join(lost)} are in one file of the pair only")


def student() -> str:
    """Who reads, so that each has an order of options of their own: DDPM_STUDENT, else the account's name.

    With DDPM_STUDENT set and empty, options are in the author's order.
    """
    if (name := os.environ.get("DDPM_STUDENT")) is not None:
        return name
    try:
        return os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return ""


class Lesson(Mapping[str, Exercise]):
    """A lesson's exercises by name, each made when it is asked for first.

    OSError if there is no such lesson, ValueError if its pair doesn't fit together.
    """

    def __init__(self, number: str, language: str | None = None) -> None:
        self.number = number
        self.words = wording(number, os.environ.get("DDPM_LANGUAGE", "") if language is None else language)
        module = import_module(f".lesson{number}", __package__)
        self.numbers: Fields = getattr(module, "NUMBERS", {})
        self.answers: Mapping[str, Answer] = module.ANSWERS
        _same(f"lesson {number}", "exercises", self.answers, [n for n in self.words if not self._click(n)])
        self.made: dict[str, Exercise] = {}

    def __getitem__(self, name: str) -> Exercise:
        if name not in self.made:
            if name not in self.words:
                raise KeyError(name)
            place = list(self.words).index(name) + 1
            make = self._click(name) or self.answers[name]
            told = {"id": f"{self.number}.{place}", "key": f"{self.number}.{name}", **self.words[name]}
            made = filled(make(told), self.numbers)
            self.made[name] = made.shuffled(student()) if isinstance(made, Choice) else made
        return self.made[name]

    def __contains__(self, name: object) -> bool:
        return name in self.words

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __len__(self) -> int:
        return len(self.words)

    def _click(self, name: str) -> Answer | None:
        """How an exercise that is answered by a click is made; None for another."""
        return choice if "options" in self.words[name] else prose if "rubric" in self.words[name] else None


def wording(number: str, language: str = "") -> dict[str, Any]:
    """The words of a lesson, in a language as far as there are any, else in English."""
    told = _unfolded(tomllib.loads((FOLDER / f"{number}.toml").read_text("utf-8")))
    other = FOLDER / f"{number}.{language}.toml"
    if re.fullmatch("[a-z]{2}", language) and other.exists():
        told = _over(told, _unfolded(tomllib.loads(other.read_text("utf-8"))))
    return told


def _unfolded(part: Any) -> Any:
    """The words with each line break turned into a space."""
    if isinstance(part, str):
        return part.replace("\n", " ")
    if isinstance(part, dict):
        return {name: _unfolded(each) for name, each in part.items()}
    return [_unfolded(each) for each in part] if isinstance(part, list) else part


def _over(below: Any, above: Any) -> Any:
    """The words of one language, with those of another in their places; what it adds is ignored."""
    if isinstance(below, dict):
        return {name: _over(each, above[name]) if name in above else each for name, each in below.items()}
    return above
