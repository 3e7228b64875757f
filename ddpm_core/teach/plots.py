"""Pictures of pictures: tensors in [-1, 1] as matplotlib figures."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor


def tile(images: Tensor, columns: int, gap: int = 1) -> np.ndarray:
    """(N, C, H, W) in [-1, 1] -> one array (rows, columns) or (rows, columns, 3) in [0, 1], white between."""
    n, c, h, w = images.shape
    rows = -(-n // columns)
    sheet = np.ones((rows * (h + gap) - gap, columns * (w + gap) - gap, c))
    for i, picture in enumerate(((images.detach().cpu().float() + 1) / 2).clamp(0, 1)):
        top, left = i // columns * (h + gap), i % columns * (w + gap)
        sheet[top : top + h, left : left + w] = picture.permute(1, 2, 0).numpy()
    return sheet[..., 0] if c == 1 else sheet


def show(images: Tensor, columns: int = 16, title: str = "", width: float = 9) -> Figure:
    """A sheet of pictures (N, C, H, W) in [-1, 1]; values beyond are shown black or white."""
    sheet = tile(images, min(columns, len(images)))
    picture, head = width * sheet.shape[0] / sheet.shape[1], 0.3 * bool(title)
    figure = plt.figure(figsize=(width, picture + head))
    axes = figure.add_axes((0, 0, 1, picture / (picture + head)))
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(title, fontsize=11)
    plt.close(figure)
    return figure


def strip(rows: Sequence[Tensor], names: Sequence[str], heads: Sequence[str], width: float = 9) -> Figure:
    """Rows of pictures, each (N, C, H, W): a name at the left of each row, a head above each column."""
    n, (h, w) = len(heads), rows[0].shape[-2:]
    figure, grid = plt.subplots(
        len(rows), n, figsize=(width, 0.35 + len(rows) * width / n * h / w), squeeze=False
    )
    for axes_row, images, name in zip(grid, rows, names, strict=True):
        for axes, picture in zip(axes_row, images, strict=True):
            axes.imshow(tile(picture[None], 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        axes_row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=11)
    for axes, head in zip(grid[0], heads, strict=True):
        axes.set_title(head, fontsize=10)
    figure.tight_layout(pad=0.3)
    plt.close(figure)
    return figure
