"""Store the lessons' pictures in fewer bytes: in a palette of 256 colours, where one doesn't see it.

    python tests/small.py

`make notebooks` runs this last.
"""

import base64
from pathlib import Path

import nbformat

from ddpm_core.teach.page.small import smaller

LESSONS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def shrunk(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with smaller pictures."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if png := output.get("data", {}).get("image/png"):
                output.data["image/png"] = base64.b64encode(smaller(base64.b64decode(png))).decode()
    return notebook


if __name__ == "__main__":
    for path in LESSONS:
        nbformat.write(shrunk(nbformat.read(path, as_version=4)), path)
