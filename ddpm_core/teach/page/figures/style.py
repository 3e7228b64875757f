"""One style for every figure: legible on white paper and on the dark page, in a notebook and on the site.

A figure has no background of its own, and every colour has a contrast of at least 3.5 both with white and
with the pages of JupyterLab, VS Code and the site in their dark themes.

    @styled
    def growth(stds):                   a figure of a lesson
        figure, axes = plt.subplots()
        axes.plot(stds)
        return figure

    use()                               all figures of this notebook, also those of the student
"""

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from .... import checks

INK = "#757c86"  # text, axes and whatever says nothing by its colour
FAINT = "#8a919c"  # grids and lines to compare with
BLUE, ORANGE, GREEN, PURPLE, RED = PALETTE = ("#2a82da", "#d9650a", "#0f9166", "#a566d0", "#d64545")
CLEAR = (0.0, 0.0, 0.0, 0.0)
SHADES = LinearSegmentedColormap.from_list("shades", [f"{INK}00", f"{INK}ff"])  # from the page to ink
DPI = 100  # a figure of 7 inches is 700 pixels wide on the page, and has twice as many in its file

STYLE: dict[Any, Any] = {
    "figure.figsize": (7, 3.2),
    "figure.dpi": DPI,
    "figure.facecolor": CLEAR,
    "axes.facecolor": CLEAR,
    "savefig.facecolor": CLEAR,
    "savefig.dpi": 2 * DPI,
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "mathtext.fontset": "dejavuserif",
    "axes.titlesize": 11.5,
    "axes.labelsize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": FAINT,
    "grid.alpha": 0.35,
    "lines.linewidth": 2,
    "patch.edgecolor": INK,
    "hatch.color": INK,
    "legend.frameon": False,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
}

Inputs = ParamSpec("Inputs")


def styled(draw: Callable[Inputs, Figure]) -> Callable[Inputs, Figure]:
    """The function that draws in this style.  The figure is closed, so that a cell shows it only once.

    What is returned raises TypeError if `draw` returns no figure.
    """

    @wraps(draw)
    def drawn(*args: Inputs.args, **kwargs: Inputs.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            figure = draw(*args, **kwargs)
        if not isinstance(figure, Figure):
            raise TypeError(
                f"draw must return a Figure, such as the first of plt.subplots(), got {checks.brief(figure)}"
            )
        plt.close(figure)
        return figure

    return drawn


@styled
def boxes_in_a_row(names: Sequence[str], here: int = 0) -> Figure:
    """The stops of a lesson, one after the other; number `here` (1 to the last) is lit, 0 lights none."""
    figure, axes = plt.subplots(figsize=(9, 0.8))
    for k, name in enumerate(names, 1):
        lit = k == here
        box = {"boxstyle": "round,pad=0.45", "fc": BLUE if lit else "none", "ec": BLUE if lit else FAINT}
        colour, arrow = "white" if lit else INK, "→" * (k < len(names))
        axes.text(k, 0, name, ha="center", va="center", fontsize=10, bbox=box, color=colour)
        axes.text(k + 0.51, 0, arrow, ha="center", va="center", color=FAINT, fontsize=13)
    axes.set(xlim=(0.45, len(names) + 0.55), ylim=(-1, 1))
    axes.set_axis_off()
    figure.subplots_adjust(0, 0, 1, 1)
    return figure


def use() -> None:
    """Draw every figure of this session in this style; in a notebook with two pixels for one of the page."""
    mpl.rcParams.update(STYLE)
    mpl.rcParams["figure.facecolor"] = (
        "white"  # else the backend asks JupyterLab for a sheet of white below it
    )
    shell = sys.modules.get("IPython")
    if shell is not None and getattr(shell.get_ipython(), "kernel", None) is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina", facecolor=CLEAR)
