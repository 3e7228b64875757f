"""The figures of lesson 07: digits to order, hills and slopes, where guidance leads, what is filled in."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ....pictures import tile
from .style import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, SHADES, boxes_in_a_row, styled

STOPS = ("1  a condition", "2  the score", "3  follow it", "4  guidance", "5  fill in", "6  claims")
COLOURS = {"night": ORANGE, "day": BLUE, "all": INK, "not told": INK}
Curves = Mapping[str, Tensor]  # name: heights (n,)
Field = Callable[[Tensor, int], Tensor]  # places (n, 2) and t -> arrows (n, 2)
route = partial(boxes_in_a_row, STOPS)  # with the stop that is lit: route(2)


@styled
def to_order(pictures: Tensor, wishes: Sequence[str], title: str) -> Figure:
    """Pictures (N, 1, H, W) in [-1, 1] in rows, each wish above its column."""
    figure = plt.figure(figsize=(9, 4.35))
    axes = figure.add_axes((0, 0, 1, 3.6 / 4.35))
    axes.imshow(tile(pictures, len(wishes)), cmap="gray", vmin=0, vmax=1, aspect="auto")
    axes.set_axis_off()
    for k, wish in enumerate(wishes):
        figure.text((k + 0.5) / len(wishes), 3.66 / 4.35, wish, ha="center", fontsize=12)
    figure.text(0.5, 4.08 / 4.35, title, ha="center", fontsize=12)
    return figure


@styled
def two_kinds(x: Tensor, left: Curves, right: Curves, at: float, answers: Mapping[str, float]) -> Figure:
    """Left: the densities of x_t by kind; right: estimates of x_0, with the answers at one place marked."""
    figure, (hills, lines) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    _lines(hills, x, left)
    hills.set(xlabel="$x_t$", ylabel="density", ylim=(0, None))
    _lines(lines, x, {f"{name}: {answers[name]:.2f}": heights for name, heights in right.items()})
    for name, height in answers.items():
        lines.plot(at, height, "o", color=COLOURS[name], ms=7)
    lines.set(xlabel="$x_t$", ylabel="estimate of $x_0$", xlim=(-2.2, 2.2), ylim=(-2.2, 2.6))
    for axes in (hills, lines):
        axes.axvline(at, color=FAINT, lw=1, ls=":")
        axes.legend(loc="upper left")
    return figure


@styled
def slopes_of(
    x: Tensor, log_density: Tensor, slopes: Curves, at: float, marked: Mapping[str, float]
) -> Figure:
    """Left: log q(x_t) with an arrow along its slope at one place; right: slopes, with their values there."""
    figure, (hill, lines) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    hill.plot(x, log_density, color=INK)
    height = log_density[(x - at).abs().argmin()].item()
    _, slope = list(marked.items())[-1]
    end = (at + 1.2 * (1 if slope > 0 else -1), height + 1.2 * abs(slope))
    hill.annotate("", end, (at, height), arrowprops={"arrowstyle": "-|>", "color": GREEN, "lw": 2})
    hill.plot(at, height, "o", color=GREEN, ms=7)
    hill.set(xlabel="$x_t$", ylabel=r"$\log q(x_t)$")
    _lines(lines, x, slopes)
    for name, value in marked.items():
        lines.plot(at, value, "o", color=COLOURS[name], ms=7)
    lines.axhline(0, color=FAINT, lw=1)
    lines.axvline(at, color=FAINT, lw=1, ls=":")
    lines.set(xlabel="$x_t$", ylabel="slope")
    lines.legend()
    return figure


@styled
def landscapes(log_density: Field, field: Field, times: Sequence[int], reach: float) -> Figure:
    """The density of x_t in the plane and its arrows, drawn all of one length at most, at some times."""
    figure, panels = plt.subplots(1, len(times), figsize=(9, 3.3), layout="constrained")
    axis = torch.linspace(-reach, reach, 201).double()
    fine, coarse = (torch.cartesian_prod(a, a) for a in (axis, axis[10::15]))
    for axes, t in zip(panels, times, strict=True):
        log_q = log_density(fine, t).reshape(201, 201).T
        shade = (log_q - log_q.max()).exp().sqrt()
        axes.imshow(
            (14 * shade).round() / 20, cmap=SHADES, vmin=0, vmax=1, extent=(-reach, reach) * 2, origin="lower"
        )
        arrow = field(coarse, t)
        arrow = arrow * (3.2 / arrow.norm(dim=1, keepdim=True)).clamp(max=1)
        axes.quiver(*coarse.T, *arrow.T, color=BLUE, angles="xy", scale_units="xy", scale=10, width=0.006)
        axes.set(title=f"$t = {t}$", aspect="equal", xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    return figure


@styled
def landings(x: Tensor, sharpened: Tensor, ends: Mapping[str, Tensor], plain: Tensor) -> Figure:
    """Densities (n,): what was asked for, p(x | y) and a sharpened one, and histograms of where walks end."""
    figure, panels = plt.subplots(1, len(ends), figsize=(9, 2.9), sharey=True, layout="constrained")
    bins = torch.linspace(-3, 6, 73).tolist()
    for axes, (name, found), colour in zip(panels, ends.items(), (BLUE, PURPLE, GREEN), strict=True):
        axes.hist(found, bins, density=True, color=colour, alpha=0.45, label="ends of the walks")
        axes.plot(x, plain, ":", color=INK, lw=1.5, label=r"$p(x\mid y)$")
        axes.plot(x, sharpened, color=INK, lw=1.5, label=r"$p(x)\,p(y\mid x)^3$, scaled")
        axes.set(title=f"{name}\nmean {found.mean():.2f}", xlabel="$x_0$", xlim=(-2.5, 5), yticks=[])
    panels[0].legend(fontsize=8, loc="upper left")
    panels[0].set_ylim(0, 0.95)
    return figure


@styled
def taken_back(means: Mapping[int, float], right: float) -> Figure:
    """The mean of the pixel that is drawn, by the rounds that each step is given, beside the right one."""
    figure, axes = plt.subplots(figsize=(7, 2.8), layout="constrained")
    axes.plot(list(means), list(means.values()), "o-", label="filled in")
    axes.axhline(right, color=FAINT, ls="--", lw=1.5, label=f"by Bayes: {right:.3f}")
    axes.set(xlabel="rounds for each step", ylabel="mean of the other pixel", ylim=(0, 1.08))
    axes.set_xticks(list(means))
    axes.legend(loc="lower right")
    return figure


@styled
def two_clouds(start: Tensor, ends: Mapping[str, Tensor]) -> Figure:
    """Particles (n, 2) after their moves in a plane with two clouds; the cross is where all of them began."""
    figure, panels = plt.subplots(
        1, len(ends), figsize=(9, 2.7), sharex=True, sharey=True, layout="constrained"
    )
    for axes, (name, x) in zip(panels, ends.items(), strict=True):
        axes.plot(*start, "x", color=ORANGE, ms=9, mew=2)
        axes.plot(*x.T, ".", ms=2, color=BLUE)
        share = (x[:, 0] > 0).double().mean()
        axes.set(title=f"{name}:\nshare at the right {share:.2f}", xlim=(-4.4, 4), ylim=(-2, 2))
    return figure


def _lines(axes: Axes, x: Tensor, curves: Curves) -> None:
    """Curves over x (n,), each in the colour of its name, which may be followed by a number."""
    for name, heights in curves.items():
        kind = name.split(":")[0]
        plain = kind in ("all", "not told")
        axes.plot(
            x, heights, "-" if plain else "--", color=COLOURS[kind], lw=2.4 if plain else 1.6, label=name
        )
