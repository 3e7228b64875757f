"""Figures of lesson 01: from the VAE to the DDPM."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from .style import BLUE, CLEAR, FAINT, INK, ORANGE, styled

HATCHES = ("", "//", "..", "xx")
STOPS = (
    "the task",
    "one hidden\nnumber",
    "a VAE",
    "two levels:\nHVAE",
    "noise as en-\ncoder: DDPM",
    "what it buys",
)
CIRCLES = (1, 2, 2, 3, 4, 4)  # drawn in each box: x_0 and its latents


@styled
def route(here: int = 0) -> Figure:
    """The lesson's six stops, each with its chain of variables; the stop `here` (1 to 6) is lit."""
    figure, all_axes = plt.subplots(1, len(STOPS), figsize=(9, 1.25))
    for k, (axes, stop, n) in enumerate(zip(all_axes, STOPS, CIRCLES, strict=True), 1):
        lit = k == here
        axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[], facecolor=(ORANGE, 0.13) if lit else CLEAR)
        axes.spines[:].set(visible=True, color=ORANGE if lit else FAINT, linewidth=3 if lit else 1)
        weight = 700 if lit else 400
        axes.text(0.5, 0.7, f"{k}  {stop}", ha="center", va="center", fontsize=10, weight=weight)
        _circles(axes, n, fixed=k > 4)
    figure.subplots_adjust(left=0.004, right=0.996, bottom=0.03, top=0.97, wspace=0.08)
    return figure


def _circles(axes: Axes, n: int, fixed: bool) -> None:
    """x_0 (full) and n - 1 latents (empty, dotted where nothing learns them), with arrows down to x_0."""
    places = [0.5] if n == 1 else [0.12 + 0.76 * k / (n - 1) for k in range(n)]
    for k, x in enumerate(places):
        edge = ":" if k and fixed else "-"
        axes.scatter(x, 0.22, s=80, facecolor=CLEAR if k else BLUE, edgecolor=BLUE, linewidth=1.6, ls=edge)
        if k:
            arrow = {"arrowstyle": "->", "color": BLUE, "shrinkA": 6, "shrinkB": 6, "linewidth": 1.4}
            axes.annotate("", (places[k - 1], 0.22), (x, 0.22), arrowprops=arrow)


@styled
def clouds(sets: Sequence[Tensor], names: Sequence[str]) -> Figure:
    """Points (N, 2) of several sets side by side, each with its name."""
    figure, all_axes = plt.subplots(1, len(sets), figsize=(9, 9 / len(sets) + 0.3))
    for axes, points, name in zip(all_axes, sets, names, strict=True):
        axes.plot(*points.cpu().T, ".", ms=4, mew=0, alpha=0.6)
        axes.set(xlim=(-2.1, 2.1), ylim=(-2.1, 2.1), aspect="equal", xticks=[], yticks=[], title=name)
        axes.spines[:].set(visible=True, color=FAINT)
    figure.tight_layout(pad=0.4)
    return figure


@styled
def bells() -> Figure:
    """Prior, likelihood of x_0 = 1, their product, and the posterior, over the latent x_1."""
    x = torch.linspace(-3, 4, 400)
    prior, noise = _bell(x, 0, 1), _bell(x, 1, 1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.9), sharex=True)
    left.plot(x, prior, color=INK, label="prior: which $x_1$ are drawn")
    left.plot(x, noise, "--", color=ORANGE, label="which $x_1$ make $x_0=1$ likely")
    left.set(xlabel="$x_1$", ylim=(0, 0.62), title="two bells …")
    right.fill_between(x, prior * noise, alpha=0.35, label="their product: area $p(x_0=1)=0.22$")
    right.plot(x, _bell(x, 0.5, 0.5), label="the same with area 1: the posterior")
    right.vlines(0.5, 0, 0.5642, color=FAINT, lw=1, ls=":")
    right.set(xlabel="$x_1$", ylim=(0, 0.86), title="… and their product, again a bell")
    for axes in (left, right):
        axes.legend(loc="upper left")
    figure.tight_layout()
    return figure


@styled
def tangent() -> Figure:
    """-log y lies above its tangent 1 - y, and touches it at y = 1."""
    y = torch.linspace(0.05, 3.2, 300)
    figure, axes = plt.subplots(figsize=(6, 2.5))
    axes.plot(y, -y.log(), label=r"$-\log\,y$")
    axes.plot(y, 1 - y, "--", label="$1-y$")
    axes.fill_between(y, 1 - y, -y.log(), alpha=0.15)
    axes.plot(1, 0, "o", color=INK)
    axes.annotate("equal only at $y=1$", (1, 0), (1.25, 0.9), arrowprops={"arrowstyle": "->", "color": INK})
    axes.set(xlabel="$y$", ylim=(-2.4, 3))
    axes.legend()
    figure.tight_layout()
    return figure


@styled
def gaps(log_p: float, divergences: Mapping[str, float]) -> Figure:
    """For each encoder, -log p as a bar and its KL on top: together minus the ELBO, in nats."""
    names, kls = list(divergences), list(divergences.values())
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(names) + 1.2))
    axes.barh(names, [-log_p] * len(names), color=INK, alpha=0.45, label=r"$-\log\,p(x_0)$: never moves")
    axes.barh(
        names, kls, left=-log_p, color=(ORANGE, 0.35), hatch="//", edgecolor=ORANGE, label="KL: the gap"
    )
    for k, kl in enumerate(kls):
        axes.text(kl - log_p + 0.03, k, rf"$-$ELBO = {kl - log_p:.4f}", va="center")
    axes.set(xlabel="nats", xlim=(0, -log_p + max(kls) + 0.6))
    axes.invert_yaxis()
    _legend_above(axes, 2)
    figure.tight_layout()
    return figure


@styled
def costs(models: Mapping[str, Tensor]) -> Figure:
    """The mean cost of each model by level, L_0 first, as stacked bars; terms: (N, T + 1), L_T first."""
    depth = max(terms.shape[1] for terms in models.values())
    figure, axes = plt.subplots(figsize=(8, 0.45 * len(models) + 1.3))
    left = torch.zeros(len(models))
    for k in range(depth):
        nats = [float(t[:, -1 - k].mean()) if k < t.shape[1] else 0.0 for t in models.values()]
        axes.barh(list(models), nats, left=left, label=f"$L_{k}$", hatch=HATCHES[k % 4], alpha=0.75)
        left += torch.tensor(nats)
    axes.invert_yaxis()
    axes.set(xlabel="nats for a test digit")
    _legend_above(axes, depth)
    figure.tight_layout()
    return figure


@styled
def by_steps(steps: Sequence[int], learned: Sequence[float], exact: Sequence[float]) -> Figure:
    """Points that land between the heaps, in per cent, against the number of steps."""
    figure, axes = plt.subplots(figsize=(7, 3.2))
    axes.plot(steps, learned, "o-", label="the trained network")
    axes.plot(steps, exact, "s--", label="a perfect estimate: nothing learned")
    axes.set(xscale="log", xlabel="steps from noise to data", ylabel="between the heaps, %", ylim=(-3, 103))
    axes.set_xticks(steps, [str(k) for k in steps])
    axes.minorticks_off()
    axes.legend()
    figure.tight_layout()
    return figure


@styled
def closing(history: Sequence[float], beliefs: Mapping[int, tuple[float, float]], exact: float) -> Figure:
    """An encoder that climbs its bound: some of its Gaussians, (mean, variance), and the gap closing."""
    x = torch.linspace(-3, 3, 300)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.3))
    left.plot(x, _bell(x, 0.5, 0.5), color=INK, lw=6, alpha=0.4, label="posterior")
    for (k, (mean, var)), line in zip(beliefs.items(), (":", "-.", "--", "-"), strict=False):
        left.plot(x, _bell(x, mean, var), line, color=BLUE, label=f"$q$ after {k} steps")
    left.set(xlabel="$x_1$", ylabel="density", ylim=(0, 0.9))
    left.legend(loc="upper left")
    right.axhline(exact, color=INK, lw=6, alpha=0.4, label=r"$\log\,p(x_0)$")
    right.plot(history, color=BLUE, label="ELBO")
    right.fill_between(range(len(history)), history, exact, color=ORANGE, alpha=0.3, label="KL")
    right.set(xlabel="step", ylabel="nats")
    right.legend(loc="lower right")
    figure.tight_layout()
    return figure


def _legend_above(axes: Axes, columns: int) -> None:
    axes.legend(ncol=columns, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def _bell(x: Tensor, mean: float, var: float) -> Tensor:
    return (-((x - mean) ** 2) / (2 * var)).exp() / math.sqrt(2 * math.pi * var)
