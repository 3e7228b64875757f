"""A run as a picture that moves by itself, an animated PNG: it needs no kernel, no widget and no script."""

import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...pictures import tile

START, PACE, END = 800, 80, 3000  # milliseconds that the first, each further and the last frame is shown


def film(frames: Sequence[Tensor], columns: int, greys: int = 32, width: int = 720) -> bytes:
    """The bytes of a PNG that shows frames (N, C, H, W) in [-1, 1] one after the other, for ever.

    Where nothing moves, it is the last frame.  columns: pictures in a row; greys: levels of grey, at most
    255; width: in pixels, at most, for pictures enlarged by a whole factor.
    """
    pages = [_page(frame, columns, greys, width) for frame in frames]
    file = io.BytesIO()
    pages[-1].save(
        file,
        "PNG",
        save_all=True,
        default_image=True,  # the still image, for viewers without animation
        append_images=pages,
        duration=[START, *[PACE] * (len(pages) - 2), END][-len(pages) :],
        loop=0,
        **({"transparency": greys} if pages[-1].mode == "P" else {}),
    )
    return file.getvalue()


def _page(pictures: Tensor, columns: int, greys: int, width: int) -> Image.Image:
    """Pictures (N, C, H, W) in rows, nothing between them: with a palette if C is 1, else in full colour."""
    shades = tile(pictures, columns)
    between = tile(torch.full_like(pictures[:, :1], -1), columns) == 1
    if shades.ndim == 2:
        levels = np.where(between, greys, np.round((greys - 1) * shades)).astype(np.uint8)
        page = Image.fromarray(levels)
        palette = np.linspace(0, 255, greys).round().astype(int)
        page.putpalette([*palette.repeat(3).tolist(), 0, 0, 0])
    else:
        page = Image.fromarray(np.dstack([255 * shades, 255 * ~between]).round().astype(np.uint8))
    scale = max(1, width // page.width)
    return page.resize((scale * page.width, scale * page.height), Image.Resampling.NEAREST)
