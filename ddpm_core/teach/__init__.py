"""What a lesson needs and a GPU doesn't: exercises, scrubbers, pictures, and the student's progress."""

from .exercises import exercise
from .explore import explore
from .plots import show, strip
from .progress import course_map
from .quiz import quiz
from .widgets import scrub, scrub_noise, shape_schedule

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
