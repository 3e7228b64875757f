"""Store the lessons' pictures in fewer bytes: in a palette of 256 colours, where one doesn't see it.

    python tests/small.py

`make notebooks` runs this last.
"""

import base64
import io
from pathlib import Path

import nbformat
import numpy as np
from PIL import Image

LESSONS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
SEEN = 0.35  # of 255, on average: a picture that would change more stays as it is
LARGE = 150_000  # bytes, from which on a picture may change four times as much


def smaller(png: bytes) -> bytes:
    """The picture in 256 colours if that is small and looks the same, else unchanged, as one that moves."""
    if getattr(Image.open(io.BytesIO(png)), "is_animated", False):
        return png
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    file = io.BytesIO()
    few = picture.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(file, "PNG", optimize=True)
    before, after = (
        np.asarray(each.convert("RGBa")).astype(float) for each in (picture, few.convert("RGBA"))
    )
    same = np.abs(before - after).mean() < (SEEN if len(png) < LARGE else 4 * SEEN)
    return file.getvalue() if same and len(file.getvalue()) < len(png) else png


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
