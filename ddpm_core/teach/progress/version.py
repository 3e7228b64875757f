"""The version of an exercise: a short name that changes when what it judges by changes, not when words do."""

import contextlib
import hashlib
import inspect
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

WORDS = {
    *("id", "key", "title", "prompt", "worked", "hints"),
    *("mistakes", "instead", "right", "also", "why", "models", "formula", "given", "optional"),
}
HOOKS = {"letters", "note", "recall", "tally"}


def version(exercise: Any) -> str:
    """A name such as "v3fa9c2" for what an exercise judges by: its answer, options, cases, rubric."""
    if not is_dataclass(exercise):
        return ""
    kept = {f.name: digestible(_own(exercise, f.name)) for f in fields(exercise) if _judges(f.name)}
    return "v" + hashlib.sha256(repr([type(exercise).__name__, kept]).encode()).hexdigest()[:6]


def _own(exercise: Any, name: str) -> object:
    """The value of a field; options that are lettered anew for each student by their author's letters."""
    value, letters = getattr(exercise, name), getattr(exercise, "letters", {})
    if isinstance(value, Mapping):
        return {letters.get(key, key): inner for key, inner in value.items()}
    return letters.get(value, value) if isinstance(value, str) else value


def _judges(name: str) -> bool:
    return name not in WORDS | HOOKS and not name.startswith("_")


def digestible(value: Any) -> object:
    """A value as nested lists of text, the same in every process; functions by their source."""
    torch = sys.modules.get("torch")  # without it there is none of its values
    if torch and isinstance(value, torch.Tensor):
        return [list(value.shape), digestible(value.flatten().tolist())]
    if torch and isinstance(value, torch.nn.Module):
        return [repr(value), digestible(dict(value.state_dict()))]
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return sorted([str(key), digestible(inner)] for key, inner in value.items())
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(digestible, value)]
    if callable(value):
        with contextlib.suppress(OSError, TypeError):
            return inspect.getsource(value)
        return getattr(value, "__qualname__", type(value).__name__)
    return str(value) if isinstance(value, str | int | None) else type(value).__name__
