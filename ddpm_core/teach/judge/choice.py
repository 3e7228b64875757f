"""Exercises whose answer is one of several options."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..text.markup import plain
from . import grammar
from .exercise import LONGEST_TEXT, Exercise, Mistake, Outcome, Verdict, kind_of, not_yet
from .grammar import Unreadable


@dataclass(kw_only=True, eq=False, repr=False)
class Choice(Exercise):
    """A choice of one of several options; `why` says what is wrong with each wrong one."""

    kind = "choice"
    options: Mapping[str, str]
    answer: str
    why: Mapping[str, str]

    def __post_init__(self) -> None:
        assert {self.answer, *self.why} == set(self.options), self.id
        self.mistakes = [Mistake(key, message, key) for key, message in self.why.items()]

    def _repr_markdown_(self) -> str:
        options = "".join(f"\n- **{key}** {text}" for key, text in self.options.items())
        return f"{super()._repr_markdown_()}\n{options}"

    @property
    def references(self) -> Sequence[object]:
        """The letter written in several ways, and the option's own text."""
        key = self.answer
        return [key, key.upper(), f"({key})", f" {key}. ", f"option {key}", self.options[key], *self.also]

    def read(self, answer: Any, marks: Any) -> object:
        """The answer's text, stripped."""
        if not isinstance(answer, str):
            raise Unreadable(f"Answer with one letter in quotes: {self._letters}. {kind_of(answer)} came.")
        return str.strip(answer)[:LONGEST_TEXT] or None

    def weigh(self, data: Any) -> Verdict:
        """Passed, or what is wrong with the chosen option."""
        if not isinstance(data, str):
            raise Unreadable(f"Answer with one letter in quotes: {self._letters}.")
        key = self._key(data)
        if key is None:
            return not_yet(f"{grammar.short(data)} is none of the options; answer {self._letters}.")
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
        words = folded(text)
        return next((k for k, option in self.options.items() if folded(option) == words), None)


def folded(text: str) -> str:
    """A text as shown without typesetting, spaces and case folded, to compare an answer with an option."""
    return " ".join(plain(text).split()).casefold()
