"""What a lesson needs besides the models: exercises, widgets, pictures, and the student's progress.

Each name is imported when it is asked for, so that the bank and the judge load without what a page needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .exercises import course_map, course_ways, exercise, lesson_mark
    from .page.bells import shape_posterior
    from .page.easel import easel
    from .page.explore import explore
    from .page.line import one_line
    from .page.particles import particles
    from .page.plots import show, strip
    from .page.quiz import quiz
    from .page.race import step_race
    from .page.turning import turn
    from .page.widgets import scrub, scrub_noise, shape_schedule

__all__ = [
    "course_map",
    "course_ways",
    "easel",
    "exercise",
    "explore",
    "lesson_mark",
    "one_line",
    "particles",
    "quiz",
    "scrub",
    "scrub_noise",
    "shape_posterior",
    "shape_schedule",
    "show",
    "step_race",
    "strip",
    "turn",
]
_HOMES = {
    ".exercises": ("course_map", "course_ways", "exercise", "lesson_mark"),
    ".page.bells": ("shape_posterior",),
    ".page.easel": ("easel",),
    ".page.explore": ("explore",),
    ".page.line": ("one_line",),
    ".page.particles": ("particles",),
    ".page.plots": ("show", "strip"),
    ".page.quiz": ("quiz",),
    ".page.race": ("step_race",),
    ".page.turning": ("turn",),
    ".page.widgets": ("scrub", "scrub_noise", "shape_schedule"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home, __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
