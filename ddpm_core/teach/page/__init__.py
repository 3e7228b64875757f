"""What a page shows: widgets, the quiz, figures; what runs in the browser is in `static/`."""

from pathlib import Path


def asset(*names: str) -> str:
    """The text of files in `static/`, one after the other."""
    return "".join((Path(__file__).parent / "static" / name).read_text("utf-8") for name in names)
