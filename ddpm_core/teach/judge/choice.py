"""Exercises whose answer is one of several options."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from . import grammar
from .exercise import LONGEST_TEXT, Exercise, Mistake, Outcome, Verdict, as_text, kind_of, not_yet
from .grammar import Unreadable

LETTER = re.compile("⟨([a-h])⟩")


@dataclass(kw_only=True, eq=False, repr=False)
class Choice(Exercise):
    """A choice of one of several options; `why` says what is wrong with each wrong one.

    The options are lettered as they are shown.  letters: the author's letter for each, which is what a record
    holds, so that it can be judged in another order; the same ones if empty.
    """

    kind = "choice"
    options: Mapping[str, str]
    answer: str
    why: Mapping[str, str]
    letters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert {self.answer, *self.why} == set(self.options), self.id
        self.letters = self.letters or {letter: letter for letter in self.options}
        self.mistakes = [Mistake(key, message, key) for key, message in self.why.items()]

    def shuffled(self, seed: str) -> "Choice":
        """The same with the options in an order of this seed's own, lettered anew; in the author's for "".

        ⟨b⟩ in a text is the author's letter of an option; the letter that is shown takes its place.
        """
        order = list(self.options)
        if seed:
            random.Random(f"{seed} {self.permanent}").shuffle(order)
        shown = dict(zip(order, self.options, strict=True))  # the author's letters, with those shown

        def lettered(part: Any) -> Any:
            if isinstance(part, str):
                return LETTER.sub(lambda match: shown.get(match[1], match[1]), part)
            if isinstance(part, Mapping):
                return {shown[key]: lettered(part[key]) for key in order if key in part}
            return [lettered(each) for each in part]

        texts = ("title", "prompt", "worked", "right", "hints", "options", "why")
        new = {name: lettered(getattr(self, name)) for name in texts}
        return replace(self, **new, answer=shown[self.answer], letters={v: k for k, v in shown.items()})

    def _repr_markdown_(self) -> str:
        options = "".join(f"\n- **{key}** {text}" for key, text in self.options.items())
        return f"{super()._repr_markdown_()}\n{options}"

    @property
    def references(self) -> Sequence[object]:
        """The letter written in several ways, its number, and the option's own text."""
        key = self.answer
        number = list(self.options).index(key) + 1
        forms = [key, key.upper(), f"({key})", f" {key}. ", f"option {key}", number, str(number)]
        return [*forms, self.options[key], *self.also]

    def read(self, answer: Any, marks: Any) -> object:
        """The author's letter of the option, or the answer's text if it is none."""
        if isinstance(answer, int) and not isinstance(answer, bool):
            answer = str(answer)
        if not isinstance(answer, str):
            raise Unreadable(f"Answer with one letter in quotes: {self._said}. {kind_of(answer)} came.")
        text = str.strip(answer)[:LONGEST_TEXT]
        letter = self._shown(text)
        return self.letters[letter] if letter else text or None

    def weigh(self, data: Any) -> Verdict:
        """Passed, or what is wrong with the chosen option."""
        if not isinstance(data, str):
            raise Unreadable(f"Answer with one letter in quotes: {self._said}.")
        letter = self.letter(data)
        if letter is None:
            return not_yet(f"{grammar.short(data)} is none of the options; answer {self._said}.")
        if letter == self.answer:
            return Verdict(Outcome.PASSED, self.right)
        return not_yet(self.why[letter])

    def letter(self, data: object) -> str | None:
        """The letter, as shown, of the option that a record means; None if it means none."""
        if not isinstance(data, str):
            return None
        own = next((shown for shown, letter in self.letters.items() if letter == bare(data)), None)
        return own or self._titled(data)

    @property
    def _said(self) -> str:
        *most, last = (f'"{key}"' for key in self.options)
        return f"{', '.join(most)} or {last}"

    def _shown(self, text: str) -> str | None:
        """The letter that an answer means: the letter itself, its number, or the option's own text."""
        short = bare(text)
        if short.isdecimal() and len(short) == 1 and 0 < int(short) <= len(self.options):
            return list(self.options)[int(short) - 1]
        return short if short in self.options else self._titled(text)

    def _titled(self, text: str) -> str | None:
        """The letter of the option with this text."""
        if len(text) < 2:
            return None
        words = folded(text)
        return next((key for key, option in self.options.items() if folded(option) == words), None)


def bare(text: str) -> str:
    """An answer without brackets, quotes or the word "option", in lower case."""
    return re.sub(r"^(option|answer)\s+", "", text.strip().lower()).strip(" ().:'\"")


def folded(text: str) -> str:
    """A text as shown without typesetting, spaces and case folded, to compare an answer with an option."""
    return " ".join(as_text(text).split()).casefold()
