"""The figures of lesson 09: shares of attention, what an autoencoder keeps, equal seconds, the boxes."""

from collections.abc import Mapping, Sequence
from functools import partial

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ....pictures import tile
from .style import BLUE, DPI, FAINT, GREEN, INK, ORANGE, PURPLE, RED, boxes_in_a_row, styled

STOPS = (
    "1  words",
    "2  insist",
    "3  latents",
    "4  a\ntransformer",
    "5  the whole\nsystem",
    "6  your own\npictures",
)
LOOKS = ("-", "--", "-.")
PIXEL, MARGIN, LINE = 5, 350, 38  # of a retina figure: a pixel of a picture, the room for texts, a line
SHADES = 63  # steps of a colour in a picture: more can't be seen, and makes larger files
route = partial(boxes_in_a_row, STOPS)  # with the stop that is lit: route(2)


@styled
def by_text(pictures: Mapping[str, Tensor], heads: Sequence[str] = ()) -> Figure:
    """Rows of pictures (N, 3, H, W), each beside the text that was asked for; heads: above the columns.

    A head stands above as many columns as there are to each.  A picture's pixel is a whole number of the
    page's: smaller files, and sharp edges.
    """
    rows = list(pictures.values())
    n, side = len(rows[0]), rows[0].shape[-1]
    step, height = PIXEL * (side + 1), PIXEL * side
    above = LINE * max((1 + head.count("\n") for head in heads), default=0)
    width, whole = MARGIN + n * step, len(rows) * step + above
    figure = plt.figure(figsize=(width / 2 / DPI, whole / 2 / DPI))
    for k, (text, row) in enumerate(pictures.items(), 1):
        bottom = (len(rows) - k) * step
        row = (row.clamp(-1, 1) * SHADES / 2 + SHADES / 2).round() * 2 / SHADES - 1
        axes = figure.add_axes((MARGIN / width, bottom / whole, (n * step - PIXEL) / width, height / whole))
        between = tile(torch.full_like(row[:, :1], -1), n)
        axes.imshow(tile(row, n), alpha=1 - between, interpolation="none")
        axes.set_axis_off()
        y = (bottom + height / 2) / whole
        figure.text((MARGIN - 16) / width, y, text, ha="right", va="center", fontsize=11)
    for k, head in enumerate(heads):
        x = (MARGIN + (k + 0.5) * n * step / len(heads)) / width
        figure.text(x, 1 - above / 2 / whole, head, ha="center", va="center", fontsize=11)
    return figure


@styled
def shares(given: Tensor, words: Sequence[str], patches: Sequence[str], got: Tensor) -> Figure:
    """The shares of attention (patches, words) as bars, and what each patch gets, (patches,)."""
    figure, axes = plt.subplots(figsize=(7.5, 0.75 * len(patches) + 0.5), layout="constrained")
    left = torch.zeros(len(patches))
    for k, (word, colour) in enumerate(zip(words, (RED, PURPLE, BLUE), strict=False)):
        axes.barh(patches, given[:, k], left=left, color=colour, height=0.62)
        for row, share in enumerate(given[:, k].tolist()):
            axes.text(
                left[row] + share / 2,
                row,
                f"{word}  {share:.3f}" if share > 0.2 else f"{share:.3f}",
                ha="center",
                va="center",
                color="white",
                fontsize=11,
            )
        left = left + given[:, k]
    for row, value in enumerate(got.tolist()):
        axes.text(1.02, row, f"gets {value:.3f}", va="center", fontsize=12)
    axes.set(xlim=(0, 1.2), xticks=[])
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=12)
    return figure


@styled
def spectra(frequencies: Tensor, powers: Mapping[str, Tensor]) -> Figure:
    """Power by spatial frequency, in waves over the picture's side, on a logarithmic scale, by name."""
    figure, axes = plt.subplots(figsize=(7, 3.1), layout="constrained")
    for (name, power), look, colour in zip(powers.items(), LOOKS, (BLUE, GREEN, ORANGE), strict=False):
        axes.semilogy(frequencies, power, look, color=colour, label=name)
    axes.set(xlabel="waves over the picture's side: coarse on the left, fine on the right", ylabel="power")
    axes.legend()
    return figure


@styled
def latents(pictures: Tensor, codes: Tensor, back: Tensor) -> Figure:
    """Pictures (N, 3, H, W), the four channels of their latents (N, 4, h, w), and what comes back."""
    n = len(pictures)
    figure, grid = plt.subplots(6, n, figsize=(7, 7), layout="constrained")
    for k in range(n):
        _tile(grid[0][k], pictures[k])
        for channel in range(4):
            axes = grid[1 + channel][k]
            shades = axes.imshow(codes[k, channel], cmap="PuOr", vmin=-3, vmax=3)
            axes.set(xticks=[], yticks=[])
        _tile(grid[5][k], back[k])
    names = ("picture", *(f"channel {c}" for c in range(1, 5)), "back again")
    for row, name in zip(grid, names, strict=True):
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=11)
    figure.colorbar(shades, ax=grid[1:5, -1].tolist(), ticks=[-3, 0, 3], aspect=30, pad=0.06)
    return figure


@styled
def system() -> Figure:
    """The boxes of a text-to-image model, and what goes from one to the next."""
    figure, axes = plt.subplots(figsize=(9, 3.1))
    boxes = {
        "tokenizer": (0.9, 2.2, "words\nto numbers"),
        "text encoder": (2.7, 2.2, "numbers\nto vectors"),
        "noise": (0.9, 0.6, "8×8×4\nrandom numbers"),
        "denoiser": (4.9, 1.4, "which picture\nlies behind this?"),
        "solver": (7.0, 0.6, "one step down\nthe schedule"),
        "guidance": (7.0, 2.2, "with words,\nand without"),
        "decoder": (9.2, 1.4, "latents\nto pixels"),
    }
    for name, (x, y, said) in boxes.items():
        lit = name in ("denoiser", "decoder")
        box = {"boxstyle": "round,pad=0.5", "fc": "none", "ec": BLUE if lit else FAINT, "lw": 1.6}
        axes.text(x, y, f"{name}\n{said}", ha="center", va="center", fontsize=9.5, bbox=box, linespacing=1.25)
    ways: list[tuple[tuple[float, float], tuple[float, float], float]]
    ways = [((1.5, 2.2), (2.05, 2.2), 0), ((3.35, 2.2), (4.2, 1.75), 0), ((1.7, 0.6), (4.1, 1.1), 0)]
    ways += [((5.75, 1.75), (6.3, 2.1), 0), ((7.0, 1.6), (7.0, 1.2), 0), ((6.2, 0.6), (5.2, 0.8), -0.25)]
    ways += [((7.8, 0.8), (8.5, 1.15), 0)]
    for tail, head, bend in ways:
        arrow = {"arrowstyle": "-|>", "color": INK, "connectionstyle": f"arc3,rad={bend}"}
        axes.annotate("", head, tail, arrowprops=arrow)
    axes.text(5.75, 0.28, "again, 20 times", ha="center", fontsize=9.5, color=BLUE)
    axes.set(xlim=(0, 10), ylim=(0, 2.9))
    axes.set_axis_off()
    figure.subplots_adjust(0, 0, 1, 1)
    return figure


@styled
def beside(pairs: Sequence[tuple[Tensor, Tensor, float]], names: tuple[str, str]) -> Figure:
    """Pictures (C, H, W) in two rows, one above its partner, with a number between."""
    figure, grid = plt.subplots(2, len(pairs), figsize=(7, 14 / len(pairs) + 0.3), layout="constrained")
    for k, (above, below, number) in enumerate(pairs):
        _tile(grid[0][k], above)
        _tile(grid[1][k], below)
        grid[1][k].set_title(f"{number:.0f}", fontsize=11)
    for row, name in zip(grid, names, strict=True):
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=11)
    return figure


def _tile(axes: Axes, picture: Tensor) -> None:
    axes.imshow(((picture + 1) / 2).clamp(0, 1).permute(1, 2, 0))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=FAINT, linewidth=0.6)
