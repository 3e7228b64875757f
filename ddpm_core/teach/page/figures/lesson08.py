"""The figures of lesson 08: clouds and paths, a coin's walks, the order of a method, paths made straight."""

from collections.abc import Mapping, Sequence
from functools import partial

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from .style import BLUE, FAINT, GREEN, INK, ORANGE, PALETTE, PURPLE, SHADES, boxes_in_a_row, styled

STOPS = (
    "1  two\nswarms",
    "2  the straight\npath",
    "3  train\none",
    "4  better\nsteps",
    "5  one line\nthrough all",
    "6  fewer\nsteps",
)
LOOKS = ("o-", "s--", "^-.", "D:")
route = partial(boxes_in_a_row, STOPS)  # with the stop that is lit: route(2)


@styled
def crowds(x: Tensor, density: Tensor, walks: Mapping[str, tuple[Tensor, Tensor]]) -> Figure:
    """Paths, by title, over one density: their times (n,) from 1 to 0 and states (n, paths).

    x: (m,) places; density: (m, times) at even times of 0..1.  Paths that end below 0 have another colour.
    """
    figure, panels = plt.subplots(1, len(walks), figsize=(9, 3.1), sharey=True, layout="constrained")
    for axes, (title, (times, states)) in zip(panels, walks.items(), strict=True):
        _shaded(axes, x, density)
        ends = states[times.argmin()]
        for path, end in zip(states.T, ends, strict=True):
            axes.plot(times, path, lw=0.9, antialiased=False, color=BLUE if end > 0 else ORANGE)
        axes.set(title=title, xlabel="$t$", xlim=(1, 0))
    panels[0].set_ylabel("$x_t$")
    return figure


@styled
def two_walls() -> Figure:
    """A stretch of the line between two walls, with what comes in on the left and goes out on the right."""
    figure, axes = plt.subplots(figsize=(7, 2.1))
    dice = torch.Generator().manual_seed(4)
    dots = torch.rand(150, 2, generator=dice)
    axes.scatter(4 * dots[:, 0], 0.1 + 0.8 * dots[:, 1], s=5, color=FAINT)
    walls = ((1.4, "left wall, at $x$", "in"), (2.6, "right wall, a little further", "out"))
    for place, name, said in walls:
        axes.plot((place, place), (0, 1), color=INK)
        axes.text(place, -0.16, name, ha="center", va="center", fontsize=12)
        arrow = {"arrowstyle": "-|>", "color": BLUE, "lw": 2}
        axes.annotate("", (place + 0.3, 0.5), (place - 0.3, 0.5), arrowprops=arrow)
        axes.text(
            place, 1.1, f"density · velocity: {said}", ha="center", va="center", fontsize=11, color=BLUE
        )
    axes.set(xlim=(0, 4), ylim=(-0.3, 1.25))
    axes.set_axis_off()
    figure.subplots_adjust(0, 0, 1, 1)
    return figure


@styled
def two_paths() -> Figure:
    """The round path and the straight one: their amounts of picture and noise, and one pair on both."""
    figure, (plane, pair) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    t = torch.linspace(0, 1, 101)
    angle = t * torch.pi / 2
    paths = {
        "DDPM's (cosine)": (angle.cos(), angle.sin(), FAINT),
        "straight": (1 - t, t, BLUE),
    }
    for name, (a, b, colour) in paths.items():
        plane.plot(a, b, color=colour, lw=2.4)
        plane.plot(a[::10], b[::10], "o", color=colour, ms=5)
        pair.plot(t, a + 0.6 * b, color=colour, lw=2.4, label=name)
    plane.set(xlabel="amount of picture", ylabel="amount of noise", aspect="equal")
    pair.set(xlabel="$t$", ylabel="$x_t$", xlim=(1.02, -0.02))
    pair.set_title("one pair: $x_0 = 1$, $\\varepsilon = 0.6$", fontsize=10)
    pair.legend()
    return figure


@styled
def coin_walks(
    x: Tensor, density: Tensor, flow: tuple[Tensor, Tensor], walks: Mapping[str, Tensor]
) -> Figure:
    """Walks of few steps from one start, (steps + 1,) each by name, over the paths of the flow.

    flow: times (n,) from 1 to 0 and states (n, paths), of which the last starts where the walks do.
    """
    figure, axes = plt.subplots(figsize=(8, 3.8), layout="constrained")
    _shaded(axes, x, density)
    times, states = flow
    axes.plot(times, states[:, :-1], color=FAINT, lw=0.8, antialiased=False)
    axes.plot(times, states[:, -1], color=INK, lw=2.4, label="the flow")
    for (name, walk), look, colour in zip(walks.items(), LOOKS, PALETTE, strict=False):
        axes.plot(torch.linspace(1, 0, len(walk)), walk, look, color=colour, ms=6, lw=1.6, label=name)
    axes.set(xlabel="$t$", ylabel="$x_t$", xlim=(1.02, -0.02), ylim=(-1.7, 1.7))
    figure.legend(loc="outside right center")
    return figure


@styled
def orders(errors: Mapping[str, Mapping[int, float]]) -> Figure:
    """Errors by method against the passes through the network, with slopes of the first and second order."""
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for (name, found), look in zip(errors.items(), LOOKS, strict=False):
        axes.loglog(list(found), list(found.values()), look, ms=6, lw=1.6, label=name)
    first = next(iter(errors.values()))
    passes = torch.tensor([min(first), max(first)]).double()
    for order, base in ((1, 0.7), (2, 0.25)):
        line = base * first[min(first)] * (passes[0] / passes) ** order
        axes.loglog(passes, line, color=FAINT, lw=1)
        axes.text(
            float(passes[1]) * 1.06,
            float(line[1]),
            f"1/passes{'²' if order == 2 else ''}",
            va="center",
            fontsize=9,
        )
    axes.set(xlabel="passes through the network", ylabel="distance from the flow's end")
    axes.set_xticks(list(first), [str(n) for n in first])
    axes.minorticks_off()
    axes.legend(loc="lower left")
    return figure


@styled
def bends(times: Tensor, bend: Tensor, grids: Mapping[str, Sequence[float]]) -> Figure:
    """How strongly paths bend at the times (n,) of the straight path, and below where lists of times step."""
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(8, 3.8), sharex=True, height_ratios=(3, 1.7), layout="constrained"
    )
    above.plot(times, bend, color=BLUE)
    above.fill_between(times, bend, color=BLUE, alpha=0.2)
    above.set(ylabel="change of velocity", ylim=(0, None))
    for k, (grid, colour) in enumerate(zip(grids.values(), (ORANGE, GREEN, PURPLE, INK), strict=False)):
        below.plot(grid, [-k] * len(grid), "|-", color=colour, ms=12, mew=2, lw=0.6)
    below.set(xlabel="$t$", xlim=(1.02, -0.02), ylim=(-len(grids) + 0.4, 0.6))
    below.set_yticks([-k for k in range(len(grids))], list(grids))
    return figure


@styled
def dragged(lines: Mapping[float, tuple[Tensor, Tensor]], now: float, walks: Tensor, ratio: Tensor) -> Figure:
    """One path in the plane of signal and noise among others; walks on it; the same divided by their size.

    lines: signal and noise (n,) of each path; now: which one is lit; walks: (n, paths); ratio: log of signal
    over noise (n,), at which all are drawn on the right.
    """
    figure, (plane, own, same) = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
    for q, (a, b) in lines.items():
        plane.plot(a, b, color=BLUE if q == now else FAINT, lw=3 if q == now else 0.8)
    a, b = lines[now]
    plane.plot(a[::10], b[::10], "o", color=BLUE, ms=4)
    plane.set(xlabel="signal", ylabel="noise", title="the path", aspect="equal")
    own.plot(ratio, walks, lw=1, color=ORANGE)
    own.set(title="walks on it", ylim=(-2.1, 2.1))
    same.plot(ratio, walks / (a**2 + b**2).sqrt()[:, None], lw=1, color=GREEN)
    same.set(title="divided by their size", ylim=(-2.1, 2.1))
    for axes in (own, same):
        axes.set_xlabel("log of signal over noise")
    return figure


@styled
def in_the_plane(panels: Mapping[str, Tensor], data: Tensor) -> Figure:
    """Walks in the plane by title, (states, n, 2) each: paths, and dots where they end; data: (m, 2)."""
    figure, row = plt.subplots(1, len(panels), figsize=(9, 9 / len(panels)), layout="constrained")
    for axes, (title, states) in zip(row, panels.items(), strict=True):
        axes.plot(*data.T, ".", color=FAINT, ms=2, alpha=0.5)
        few = states[:, :60]
        axes.plot(few[..., 0], few[..., 1], color=BLUE, lw=0.6)
        axes.plot(*states[-1].T, ".", color=ORANGE, ms=3)
        axes.set(title=title, aspect="equal", xlim=(-2.3, 2.3), ylim=(-2.3, 2.3), xticks=[], yticks=[])
    return figure


def _shaded(axes: Axes, x: Tensor, density: Tensor) -> None:
    times = torch.linspace(0, 1, density.shape[1])
    levels = [0.02, 0.06, 0.15, 0.3, 0.6, 1.2, 4.0]
    shades = [SHADES(0.1 + 0.07 * k) for k in range(6)]
    axes.contourf(times, x, density, levels, colors=shades, antialiased=False)
    axes.set(ylim=(x[0].item(), x[-1].item()))
