"""The figures of lesson 02: what the forward process does, schedules, and what is left to know."""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ....schedule import Schedule
from .style import BLUE, FAINT, INK, ORANGE, SHADES, boxes_in_a_row, styled

LINES = ("-", "--", "-.", ":")
STOPS = (
    "1  two steps\nby hand",
    "2  all steps\nat once",
    "3  a whole\ndistribution",
    "4  shrink,\nor only add?",
    "5  the choice\nof schedule",
    "6  is the end\npure noise?",
)
route = partial(boxes_in_a_row, STOPS)  # with the stop that is lit: route(2)


@styled
def after_steps(states: Sequence[tuple[float, float]]) -> Figure:
    """One pixel after 0, 1, 2, ... steps: a bell for each (mean, variance); a line at variance 0."""
    figure, panels = plt.subplots(1, len(states), figsize=(9, 2.3), sharey=True, layout="constrained")
    x = np.linspace(-1.6, 3, 300)
    for k, (axes, (mean, var)) in enumerate(zip(panels, states, strict=True)):
        if var:
            axes.fill_between(x, _bell(x, mean, var), color=BLUE, alpha=0.3)
        axes.plot((mean, mean), (0, _bell(mean, mean, var) if var else 1), color=BLUE)
        axes.set(title=f"$x_{k}$: mean {mean:g}, variance {var:g}", yticks=[], xlim=(-1.6, 3), ylim=(0, 1.02))
        axes.spines["left"].set_visible(False)
    return figure


@styled
def two_units(paths: Tensor, signal: Tensor, until: int) -> Figure:
    """Walks that shrink and add (T+1, n), at the right divided by the signal (T+1,): those that only add.

    The walks that begin above 0 have one colour, those below another; drawn up to the time `until`.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    shown = paths[: until + 1]
    for axes, walks in ((left, shown), (right, shown / signal[: until + 1, None])):
        for walk in walks.T:
            axes.plot(walk, lw=0.9, alpha=0.8, color=BLUE if walk[0] > 0 else ORANGE)
        axes.set(xlabel="$t$", xlim=(0, until))
    left.set(title="shrink and add", ylabel="$x_t$", ylim=(-4, 4))
    right.set(title=r"the same walks, each divided by $\sqrt{\bar\alpha_t}$: only add")
    return figure


@styled
def betrayed(ratios: Mapping[str, float], measured: Mapping[str, Sequence[tuple[int, float]]]) -> Figure:
    """How often the mean of x_T names a white or a black picture, against its number of values.

    ratios: SNR(T) by the schedule's name, which gives the line; measured: (values, share) as dots.
    """
    figure, axes = plt.subplots(figsize=(7, 3.4))
    values = np.logspace(1.5, 6.1, 200)
    for (name, ratio), kind in zip(ratios.items(), LINES, strict=False):
        share = [0.5 + 0.5 * math.erf(math.sqrt(d * ratio / 2)) for d in values]
        (drawn,) = axes.plot(values, share, kind, label=name)
        axes.plot(*zip(*measured[name], strict=True), "o", ms=6, color=drawn.get_color())
    _level(axes, 0.5)
    axes.set(xscale="log", xlabel="values in the picture, $d$", ylabel="named right", ylim=(0.4, 1.03))
    axes.legend(loc="center right")
    return figure


@styled
def settling(predicted: Tensor, seen: Tensor, marks: Sequence[int]) -> Figure:
    """Variances that settle at 1: predicted (n, T+1) as lines, measured (n, k) as dots at k `marks`."""
    figure, axes = plt.subplots()
    for line, dots, kind in zip(predicted, seen, LINES, strict=False):
        (drawn,) = axes.plot(line, kind, label=f"$V_0 = {line[0]:g}$")
        axes.plot(marks, dots, "o", ms=5, color=drawn.get_color())
    axes.set(xlabel="$t$", ylabel="$V_t$, the variance of $x_t$", xlim=(0, predicted.shape[1] - 1))
    axes.legend()
    return figure


@styled
def hills(x: Tensor, density: Tensor, paths: Tensor, moments: Mapping[int, tuple[Tensor, Tensor]]) -> Figure:
    """The density of x_t over time with some walks in it, and three moments of it.

    x: (m,) places; density: (m, times) at evenly spaced times of 0..1000; paths: (1001, n); moments: for
    each t the particles (k,) and the density (m,).
    """
    figure = plt.figure(figsize=(9, 5.6), layout="constrained")
    grid = figure.add_gridspec(2, len(moments), height_ratios=[1.6, 1])
    axes, ends = figure.add_subplot(grid[0, :]), (x[0].item(), x[-1].item())
    shades = axes.imshow(
        density, extent=(0, 1000, *ends), origin="lower", aspect="auto", cmap=SHADES, norm="log",
        vmin=0.02, vmax=4
    )  # fmt: skip
    figure.colorbar(shades, ax=axes, label="density of $x_t$", pad=0.01)
    axes.plot(paths, lw=1)
    axes.set(xlabel="$t$", ylabel="$x$", ylim=ends)
    panels = [figure.add_subplot(grid[1, column]) for column in range(len(moments))]
    for axes, (t, (cloud, curve)) in zip(panels, moments.items(), strict=True):
        axes.hist(cloud.numpy(), bins=60, range=ends, density=True, color=FAINT, alpha=0.5, label="particles")
        axes.plot(x, curve, label="closed form")
        axes.set(title=f"$t = {t}$", xlabel="$x$", yticks=[])
    panels[0].legend(loc="upper left", fontsize=9)
    return figure


@styled
def schedules(named: Mapping[str, Schedule], ghosts: Mapping[str, Schedule] | None = None) -> Figure:
    """The curves of abar and of SNR over t / T for schedules by name; `ghosts` are thin, to compare with."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    looks = [{"color": FAINT, "lw": 1.2, "ls": line} for line in LINES[1 : 1 + len(ghosts or {})]]
    looks += [{"ls": line} for line in LINES[: len(named)]]
    for (name, s), look in zip({**(ghosts or {}), **named}.items(), looks, strict=True):
        at = torch.arange(s.T + 1) / s.T
        left.plot(at, s.abar, label=name, **look)
        right.semilogy(at[1:], s.snr[1:], label=name, **look)
    _level(right, 1)
    left.set(xlabel="$t / T$", ylabel=r"$\bar\alpha_t$")
    right.set(xlabel="$t / T$", ylabel=r"$\mathrm{SNR}(t)$", ylim=(1e-6, 1e5))
    left.legend()
    return figure


@styled
def bits_of_a_number(
    formulas: Mapping[float, Tensor], marks: Sequence[int], measured: Mapping[float, Sequence[float]]
) -> Figure:
    """Bits that x_t holds about one number, for each of some variances: (T,) as a line, measured as dots."""
    figure, axes = plt.subplots()
    for (variance, formula), kind in zip(formulas.items(), LINES, strict=False):
        (drawn,) = axes.plot(range(1, len(formula) + 1), formula, kind, label=f"$V_0 = {variance:g}$")
        axes.plot(marks, measured[variance], "o", ms=5, color=drawn.get_color())
    axes.set(xlabel="$t$", ylabel="bits about one number", ylim=(0, 8))
    axes.legend()
    return figure


@styled
def what_is_left(
    times: Sequence[int],
    bits: Mapping[str, Sequence[float]],
    shares: Mapping[str, tuple[Sequence[float], np.ndarray]],
    own: Sequence[float],
) -> Figure:
    """Bits left in x_t by what they are about, and the shares of digits read right with their intervals.

    shares: by reader, with the distances down and up, (2, len(times)); own: of digits that the reader knows.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for (name, values), look in zip(bits.items(), ("o-", "s--"), strict=False):
        left.plot(times, values, look, ms=5, label=name)
    left.set(xlabel="$t$", ylabel="bits left in $x_t$", ylim=(0, None))
    left.legend()
    for (name, (share, distances)), look in zip(shares.items(), ("^:", "o-"), strict=False):
        right.errorbar(times, share, distances, fmt=look, ms=5, lw=1.4, capsize=2, label=name)
    right.plot(times, own, color=INK, lw=1, label="Bayes' rule, own pictures")
    _level(right, 0.1)
    right.set(xlabel="$t$", ylabel="test digits read right", ylim=(0, 1.02))
    right.legend()
    return figure


@styled
def over_the_steps(curves: Mapping[str, Iterable[float]], ylabel: str) -> Figure:
    """Curves over the share t / T of a schedule's steps, by the schedule's name."""
    figure, axes = plt.subplots()
    for (name, values), kind in zip(curves.items(), LINES, strict=False):
        heights = np.asarray(values)
        axes.plot(np.arange(1, len(heights) + 1) / len(heights), heights, kind, label=name)
    axes.set(xlabel="$t / T$", ylabel=ylabel, ylim=(0, None))
    axes.legend()
    return figure


def _level(axes: Axes, height: float) -> None:
    axes.axhline(height, color=FAINT, lw=1)


def _bell(x: np.ndarray | float, mean: float, var: float) -> np.ndarray | float:
    return np.exp(-((x - mean) ** 2) / (2 * var)) / math.sqrt(2 * math.pi * var)
