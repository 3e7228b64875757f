"""Pictures in fewer bytes: in a palette of 256 colours, where one doesn't see it."""

import io

import numpy as np
from PIL import Image

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
