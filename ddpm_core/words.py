"""Words as numbers: what a network with words is told."""

import difflib
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from . import checks

SHOWN = 5  # unknown words that a message lists


def split(text: str) -> list[str]:
    """The words of a text, in lower case: "A red-hot heart!" has a, red, hot and heart."""
    return re.findall(r"\w+", text.casefold())


def vocabulary(texts: Iterable[str], least: int = 1) -> list[str]:
    """The words that occur in at least `least` of the texts, in alphabetical order."""
    counts = Counter(word for text in texts for word in set(split(text)))
    return sorted(word for word, count in counts.items() if count >= least)


class Vocabulary:
    """The words that a network knows; the number of each is its place among them."""

    def __init__(self, words: Sequence[str]):
        self.words = list(words)
        self.places = {word: place for place, word in enumerate(self.words)}

    def numbers(self, texts: str | Sequence[str]) -> Tensor:
        """The known words of each text, in its order: (B, L), -1 where a text has no more.

        texts: one, or a sequence of them.  Words that are not known are left out, with a warning.  ValueError
        for a text of which no word is known, unless it has none; TypeError for anything else.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        if wrong := [text for text in texts if not isinstance(text, str)]:
            raise TypeError(f"words must be texts such as 'red heart', got {checks.brief(wrong[0])}")
        numbers = self.known(texts)
        for text, row in zip(texts, numbers.tolist(), strict=True):
            if split(text) and max(row) < 0:
                raise ValueError(f"this network knows no word of {text!r}; {self._near(split(text))}")
        if unknown := dict.fromkeys(w for text in texts for w in split(text) if w not in self.places):
            left_out = ", ".join(list(unknown)[:SHOWN]) + ", ..." * (len(unknown) > SHOWN)
            warnings.warn(
                f"left out, not among the {len(self.words):,} words that this network knows: {left_out}; "
                f"{self._near(list(unknown)[:SHOWN])}",
                stacklevel=4,
            )
        return numbers

    def known(self, texts: Sequence[str]) -> Tensor:
        """`numbers` without a word about unknown words: for texts to train on."""
        rows = [[self.places[word] for word in split(text) if word in self.places] for text in texts]
        longest = max([1, *map(len, rows)])
        return torch.tensor([row + [-1] * (longest - len(row)) for row in rows]).reshape(len(rows), longest)

    def _near(self, unknown: list[str]) -> str:
        near = [word for other in unknown for word in difflib.get_close_matches(other, self.words, 2)]
        return f"it knows {', '.join(dict.fromkeys(near or self.words[:: max(1, len(self.words) // 6)]))}"
