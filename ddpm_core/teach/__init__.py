"""What a lesson needs and a GPU doesn't: exercises, scrubbers, pictures, and the student's progress."""

from .bank import exercise
from .page.explore import explore
from .page.plots import show, strip
from .page.quiz import quiz
from .page.widgets import scrub, scrub_noise, shape_schedule
from .progress.file import course_map

__all__ = [
    "course_map",
    "exercise",
    "explore",
    "quiz",
    "scrub",
    "scrub_noise",
    "shape_schedule",
    "show",
    "strip",
]
