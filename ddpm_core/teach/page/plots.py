"""Figures of pictures: tensors in [-1, 1] as matplotlib figures."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from torch import Tensor

from ... import checks
from ...pictures import tile
from .figures.style import FAINT, INK, styled


@styled
def show(images: Tensor, columns: int = 16, title: str = "", width: float = 9) -> Figure:
    """A figure of pictures (N, C, H, W) in [-1, 1] in rows; values outside are shown black or white.

    width: of the figure, in inches.  TypeError or ValueError for bad input.
    """
    columns = checks.whole(columns, "columns", 1)
    columns = min(columns, len(checks.pictures(images, "images")))
    height, across = tile(images, columns).shape[:2]
    picture, head = width * height / across, 0.3 * bool(title)
    figure = plt.figure(figsize=(width, picture + head))
    axes = figure.add_axes((0, 0, 1, picture / (picture + head)))
    _imshow(axes, images, columns)
    axes.set_axis_off()
    axes.set_title(title)
    return figure


@styled
def strip(rows: Sequence[Tensor], names: Sequence[str], heads: Sequence[str], width: float = 9) -> Figure:
    """Rows of pictures, each (N, C, H, W): a name at the left of each row, a head above each column.

    TypeError or ValueError unless there are N heads and a name for each row.
    """
    _checked(rows, names, heads)
    n, (h, w) = len(heads), rows[0].shape[-2:]
    figure, grid = plt.subplots(
        len(rows), n, figsize=(width, 0.35 + len(rows) * width / n * h / w), squeeze=False
    )
    for axes_row, images, name in zip(grid, rows, names, strict=True):
        for axes, picture in zip(axes_row, images, strict=True):
            _imshow(axes, picture[None], 1)
            _framed(axes)
        axes_row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=12)
    for axes, head in zip(grid[0], heads, strict=True):
        axes.set_title(head, fontsize=10)
    figure.tight_layout(pad=0.3)
    return figure


@styled
def chain(
    pictures: Tensor, names: Sequence[str], forward: Sequence[str], backward: Sequence[str], width: float = 9
) -> Figure:
    """Pictures (N, C, H, W) in [-1, 1] as states of a chain, with names below and arrows both ways between.

    forward, backward: the labels of the N-1 arrows to the right (solid, above) and to the left (dashed,
    below); "..." means that steps are left out.  ValueError unless there are N names and N-1 of each.
    """
    n, (h, w) = len(checks.pictures(pictures, "pictures")), pictures.shape[-2:]
    if (len(names), len(forward), len(backward)) != (n, n - 1, n - 1):
        raise ValueError(
            f"{n} pictures need {n} names and {n - 1} texts each way, "
            f"got {len(names)}, {len(forward)} and {len(backward)}"
        )
    pitch = 1 / (n + 0.9 * (n - 1))  # a picture is 1 wide, the gap between two 0.9
    size, foot = pitch * width * h / w, 0.4  # inches
    height = size + foot
    figure = plt.figure(figsize=(width, height))
    for k, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        left = 1.9 * k * pitch
        axes = figure.add_axes((left, foot / height, pitch, size / height))
        _imshow(axes, picture[None], 1)
        _framed(axes)
        figure.text(left + pitch / 2, foot / 2 / height, name, ha="center", va="center", fontsize=13)
    above, below = ((foot + share * size) / height for share in (0.62, 0.38))
    for k, (there, back) in enumerate(zip(forward, backward, strict=True)):
        near, far = ((1.9 * k + at) * pitch for at in (1.08, 1.82))
        _arrow(figure, (near, above), (far, above), "-", there, "bottom")
        _arrow(figure, (far, below), (near, below), "--", back, "top")
    return figure


def _imshow(axes: Axes, images: Tensor, columns: int) -> None:
    """Draw pictures (N, C, H, W) in rows; what lies between them is transparent."""
    between = tile(torch.full_like(images[:, :1], -1), columns)
    axes.imshow(tile(images, columns), vmin=0, vmax=1, alpha=1 - between)


def _framed(axes: Axes) -> None:
    """A thin frame, without which white pixels would run into the page."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=FAINT, linewidth=0.6)


def _checked(rows: Sequence[Tensor], names: Sequence[str], heads: Sequence[str]) -> None:
    """TypeError or ValueError for arguments that `strip` can't use."""
    if not len(rows) or not len(heads):
        raise ValueError(f"a strip needs a row and a head, got {len(rows)} rows and {len(heads)} heads")
    if len(names) != len(rows):
        raise ValueError(f"each row needs a name, got {len(rows)} rows and {len(names)} names")
    for k, row in enumerate(rows):
        if (n := len(checks.pictures(row, f"row {k}"))) != len(heads):
            raise ValueError(f"each picture needs a head, got {n} pictures in row {k} and {len(heads)} heads")


def _arrow(
    figure: Figure, tail: tuple[float, float], head: tuple[float, float], line: str, text: str, side: str
) -> None:
    arrow = FancyArrowPatch(
        tail, head, arrowstyle="-|>", mutation_scale=12, linestyle=line, color=INK, shrinkA=0, shrinkB=0
    )
    figure.add_artist(arrow)
    lift = 0.03 if side == "bottom" else -0.03
    figure.text((tail[0] + head[0]) / 2, tail[1] + lift, text, ha="center", va=side, fontsize=11)
