"""The bank: the exercises of the course, by permanent key ("03.posterior-mean": lesson and name).

The number shown ("03.3") and an id of former times find an exercise as well.  A lesson is a pair of files,
the words in NN.toml and the answers in lessonNN.py; see `pairs`.  An author adds an exercise to both, with
its likely mistakes; the tests find it there.  Numbers that can be computed are placeholders in the words,
such as ⟨noise_500:.3f⟩; see `words`.
"""

import difflib
from collections.abc import Iterator, Mapping
from functools import cache

from ..judge.exercise import Exercise
from .keys import FORMER, former
from .pairs import LESSONS, Lesson

__all__ = ["FORMER", "LESSONS", "bank", "find", "former", "number_shown"]

lesson = cache(Lesson)


class Bank(Mapping[str, Exercise]):
    """All exercises by key, in the order of the course; read lesson by lesson, as they are asked for."""

    def __getitem__(self, name: str) -> Exercise:
        if (key := full(name)) is None:
            raise KeyError(name)
        number, _, rest = key.partition(".")
        return lesson(number)[rest]

    def __contains__(self, name: object) -> bool:
        return full(name) is not None

    def __iter__(self) -> Iterator[str]:
        return (f"{number}.{name}" for number in LESSONS for name in lesson(number))

    def __len__(self) -> int:
        return sum(len(lesson(number)) for number in LESSONS)


bank = Bank()


def full(name: object) -> str | None:
    """The key of the exercise that a key, a former id or a number shown means; None if there is none."""
    number, _, rest = former(name).partition(".") if isinstance(name, str) else ("", "", "")
    names = lesson(number) if number in LESSONS else ()
    places = {str(place): each for place, each in enumerate(names, 1)}
    found = rest if rest in names else places.get(rest)
    return found and f"{number}.{found}"


def number_shown(name: str) -> str:
    """The number that a page shows for an exercise, given its key or an id of former times; else the name."""
    number, _, rest = (full(name) or "").partition(".")
    return f"{number}.{list(lesson(number)).index(rest) + 1}" if rest else name


def find(id: str) -> Exercise:
    """The exercise of that number or key, such as "03.4" or "03.after-bayes".

    ValueError, with the most similar ones, if there is none.
    """
    if isinstance(id, str) and id in bank:
        return bank[id]
    known = [f"{number}.{place}" for number in LESSONS for place in range(1, len(lesson(number)) + 1)]
    near = difflib.get_close_matches(str(id)[:20], [*known, *bank], n=4, cutoff=0.3) or known[:4]
    raise ValueError(f"there is no exercise {str(id)[:20]!r}; near it are {', '.join(sorted(near))}")
