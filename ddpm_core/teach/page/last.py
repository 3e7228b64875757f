"""The last answer that was kept, in words: what a student typed, ticked or wrote."""

import re
from collections.abc import Sequence

from ..judge import Choice, Exercise, Prose
from ..progress import file as progress


def recalled(exercise: Exercise) -> str:
    """When the last answer was kept, how it was judged, and the answer, as Markdown."""
    entry = progress.load_entries().get(exercise.permanent, progress.Entry())
    draft = told(exercise, entry.draft)
    if entry.outcome == progress.NOT_ATTEMPTED:
        return f"Not checked yet:\n\n{draft}" if draft else "There is none yet."
    when = progress.local(entry.when or entry.passed)
    head = f"{progress.SYMBOLS[entry.outcome]} {progress.WORDS[entry.outcome]}{f', {when}' if when else ''}:"
    answer = told(exercise, entry.data) or "It was too long to be kept."
    return f"{head}\n\n{answer}" + (f"\n\nWritten since, and not checked yet:\n\n{draft}" if draft else "")


def told(exercise: Exercise, data: object) -> str:
    """Recorded data of an answer as Markdown, "" if there are none."""
    if data is None:
        return ""
    if isinstance(data, dict) and isinstance(text := data.get("unreadable"), str):
        return f"It couldn't be read: {text}"
    if isinstance(data, dict) and isinstance(text := data.get("source"), str):
        return (
            _fenced(text, "python")
            if text
            else "The function's source isn't to be had; its results are kept."
        )
    if isinstance(data, dict) and isinstance(text := data.get("text"), str):
        quote = "\n".join(f"> {line}" for line in text.splitlines())
        return "\n\n".join([quote, *_marks(exercise, data.get("marks"))])
    if isinstance(exercise, Choice) and (key := exercise.letter(data)) is not None:
        return f"**{key}** {exercise.options[key]}"
    return _fenced(str(data))


def _marks(exercise: Exercise, marks: object) -> Sequence[str]:
    rubric = exercise.rubric if isinstance(exercise, Prose) else ()
    if not isinstance(marks, list) or len(marks) != len(rubric):
        return []
    return ["\n".join(f"- {'☑' if mark else '☐'} {point}" for mark, point in zip(marks, rubric, strict=True))]


def _fenced(text: str, language: str = "") -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
