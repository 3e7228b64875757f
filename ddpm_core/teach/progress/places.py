"""Where in a lesson's notebook something stands: the cell of each exercise, and of each section's heading."""

import json
import re
from pathlib import Path

from .file import current

ASKS = re.compile(r"""\b(?:exercise|quiz)\(\s*["']([^"'\n]+)["']\s*\)""")
HEADING = re.compile(r"^## (?:\w+ · )?(.+)", re.M)


def cell_ids(notebook: Path) -> dict[str, str]:
    """The id of the cell for each exercise, by key, and for each section, by its title without a number.

    {} for a file that is no notebook.
    """
    try:
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        sources = [(cell["id"], cell["cell_type"], "".join(cell["source"])) for cell in cells]
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    found: dict[str, str] = {}
    for id, kind, source in sources:
        names = map(current, ASKS.findall(source)) if kind == "code" else HEADING.findall(source)
        for name in names:
            found.setdefault(name, id)
    return found
