"""Figures of lesson 03: the example with three steps, its chains, its bells and its bound."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from .style import BLUE, CLEAR, FAINT, GREEN, INK, ORANGE, PURPLE, RED, styled

SHARES = (r"\frac{1}{5}", r"\frac{3}{10}", r"\frac{1}{2}")  # MODEL, as they are written
STOPS = (  # of the lesson: what, and what for
    (r"$\log p$", "what one wants"),
    ("a lower bound", "what one can have"),
    ("two chains", "both run down"),
    ("the posterior", "each step's target"),
    ("squared error", "what is trained"),
    ("the sum", "what it costs"),
)
# The example: x_0 = 2, signals and noises at t = 1, 2, 3, and the variances of the model's steps down
START, SIGNALS, NOISES, MODEL = 2.0, (0.96, 0.8, 0.6), (0.28, 0.6, 0.8), (0.2, 0.3, 0.5)


@styled
def stops(here: int = 0) -> Figure:
    """The lesson's stops as boxes in a row, with the one at `here` (1..6) lit; 0 lights none."""
    figure, axes = plt.subplots(figsize=(9, 0.75))
    for k, (name, reason) in enumerate(STOPS):
        lit = k + 1 == here
        edge, ink = (BLUE, "white") if lit else (FAINT, INK)
        axes.add_patch(Rectangle((k, 0), 0.9, 1, fc=BLUE if lit else CLEAR, ec=edge, lw=1.2))
        axes.text(k + 0.45, 0.66, f"{k + 1}  {name}", ha="center", va="center", fontsize=10.5, color=ink)
        axes.text(k + 0.45, 0.27, reason, ha="center", va="center", fontsize=8.5, color=ink)
        if k:
            axes.plot([k - 0.1, k], [0.5, 0.5], color=FAINT, lw=1.2)
    axes.set(xlim=(-0.02, len(STOPS) - 0.08), ylim=(-0.05, 1.05))
    return _bare(figure, axes)


@styled
def chains() -> Figure:
    """The two chains of the example with their numbers, and each x_t under q (blue) and under p (red)."""
    figure, axes = plt.subplots(figsize=(9, 4.5))
    up = [
        f"$\\mathcal{{N}}({mean}, {var})$"
        for mean, var in (
            ("0.96\\,x_0", "0.0784"),
            (r"\frac{5}{6}x_1", r"\frac{11}{36}"),
            (r"\frac{3}{4}x_2", r"\frac{7}{16}"),
        )
    ]
    down = [f"$\\mathcal{{N}}(x_{k}, {var})$" for k, var in enumerate(SHARES, 1)]
    for k in range(4):
        box = {"boxstyle": "circle,pad=0.35", "fc": CLEAR, "ec": INK, "lw": 1.4}
        axes.text(2 * k, 0, f"$x_{k}$", ha="center", va="center", fontsize=17, bbox=box)
    for k, (forward, backward) in enumerate(zip(up, down, strict=True)):
        _bent(axes, 2 * k, 2 * k + 2, BLUE)
        _bent(axes, 2 * k + 2, 2 * k, RED)
        axes.text(2 * k + 1, 0.86, forward, ha="center", color=BLUE, fontsize=11.5)
        axes.text(2 * k + 1, -0.86, backward, ha="center", va="top", color=RED, fontsize=11.5)
    _shapes(axes)
    axes.text(-1.2, 1.5, "$q$ adds\nnoise", color=BLUE, ha="right", va="center")
    axes.text(-1.2, -2.1, r"$p_\theta$ draws" + "\nback", color=RED, ha="right", va="center")
    axes.text(6.75, 0, r"$\sim\mathcal{N}(0, 1)$", va="center", color=RED, fontsize=11.5)
    axes.text(-0.5, 0, "$2 =$", ha="right", va="center", fontsize=15, color=BLUE)
    axes.set(xlim=(-2.3, 7.9), ylim=(-3.5, 2.7))
    return _bare(figure, axes)


@styled
def tangent_below() -> Figure:
    """-log r and the line 1 - r below it, which touch at r = 1."""
    figure, axes = plt.subplots(figsize=(6, 2.9))
    r = np.linspace(0.04, 3.2, 300)
    axes.plot(r, -np.log(r), color=BLUE, label="−log r")
    axes.plot(r, 1 - r, "--", color=RED, label="1 − r")
    axes.plot([1], [0], "o", color=INK, ms=6)
    axes.annotate("they touch at r = 1", (1, 0), (1.3, 1.0), arrowprops={"arrowstyle": "->", "color": INK})
    axes.set(xlabel="r", ylim=(-2.4, 3))
    axes.legend()
    return _laid(figure)


@styled
def two_hills(betas: Sequence[float] = (0.005, 0.6), seen: float = 0.1) -> Figure:
    """One reverse step from x_t = `seen` for data of two hills: the true density, and the best Gaussian."""
    figure, grid = plt.subplots(1, len(betas), figsize=(9, 2.8))
    x = np.linspace(-2, 2, 2001)
    for axes, beta in zip(grid, betas, strict=True):
        density = (_bell(x, -1, 0.09) + _bell(x, 1, 0.09)) * _bell(seen, math.sqrt(1 - beta) * x, beta)
        density /= np.trapezoid(density, x)
        mean = np.trapezoid(x * density, x)
        var = np.trapezoid((x - mean) ** 2 * density, x)
        axes.fill_between(x, density, color=BLUE, alpha=0.3, label=r"$q(x_{t-1}\mid x_t)$")
        axes.plot(x, _bell(x, mean, var), "--", color=RED, label="fitted Gaussian")
        axes.set(title=rf"$\beta_t = {beta:g}$", xlabel="$x_{t-1}$", yticks=[], ylim=(0, None))
    grid[0].legend(fontsize=9, loc="upper left")
    return _laid(figure)


@styled
def directions() -> Figure:
    """The two divergences between N(0, 1/4) and N(0, 1): what is averaged, with which weight."""
    figure, grid = plt.subplots(1, 2, figsize=(9, 2.9))
    x = np.linspace(-9, 9, 1801)
    q, p = _bell(x, 0, 0.25), _bell(x, 0, 1)
    sides = ((q, p, r"averaged over $q$: KL$(q\,\|\,p)$ ="), (p, q, r"averaged over $p$: KL$(p\,\|\,q)$ ="))
    for axes, (over, other, title) in zip(grid, sides, strict=True):
        axes.plot(x, q, color=BLUE, label="$q$")
        axes.plot(x, p, "--", color=RED, label="$p$")
        ratio = over * np.log(over / other)
        axes.fill_between(x, ratio, color=INK, alpha=0.35)
        axes.set(title=f"{title} {np.trapezoid(ratio, x):.3f}", yticks=[], xlim=(-4, 4))
    grid[0].legend()
    return _laid(figure)


@styled
def ledger(terms: Mapping[str, float], exact: float) -> Figure:
    """The terms of the bound stacked to its height, and -log p beside it, with the gap between them."""
    figure, axes = plt.subplots(figsize=(9, 2.3))
    left = 0.0
    inside: dict[str, Any] = {"ha": "center", "va": "center", "color": "white"}
    for (name, nats), colour in zip(terms.items(), (BLUE, ORANGE, GREEN, PURPLE), strict=True):
        axes.barh(1, nats, left=left, color=colour)
        axes.text(left + nats / 2, 1, f"{name}\n{nats:.3f}", **inside)
        left += nats
    axes.barh(0, exact, color=RED)
    axes.text(exact / 2, 0, rf"$-\log p_\theta(2)$ = {exact:.4f}", **inside)
    axes.barh(0, left - exact, left=exact, color=CLEAR, edgecolor=INK, hatch="///", lw=1)
    axes.text(left + 0.03, 0, f"gap {left - exact:.4f}", va="center")
    axes.text(left + 0.03, 1, f"−ELBO = {left:.4f}", va="center")
    axes.set(yticks=[], xlabel="nats", xlim=(0, left * 1.2))
    return _laid(figure)


@styled
def masses(greys: np.ndarray, mass: np.ndarray, mean: float, var: float) -> Figure:
    """The probability of each grey level, and the density times the bins' width around it."""
    figure, axes = plt.subplots(figsize=(7, 2.8))
    x, width = np.linspace(-1.1, 1.1, 400), float(greys[1] - greys[0])
    axes.bar(greys, mass, width=0.88 * width, color=BLUE, alpha=0.4, label="probability of each grey")
    axes.plot(x, width * _bell(x, mean, var), color=RED, label="density × width of a bin")
    axes.set(xlabel="grey value", xlim=(-1.1, 1.1))
    axes.legend(loc="upper left")
    return _laid(figure)


@styled
def gaps_by_steps(worlds: Mapping[str, Mapping[str, Sequence[float]]], steps: Sequence[int]) -> Figure:
    """A panel for each world: how far the bound lies above -log p, for each variance, against T."""
    figure, grid = plt.subplots(1, len(worlds), figsize=(9, 3), sharey=True)
    for axes, (name, curves) in zip(grid, worlds.items(), strict=True):
        for (label, nats), mark in zip(curves.items(), ("o-", "s--"), strict=True):
            axes.semilogx(steps, nats, mark, label=label)
        axes.set(title=name, xlabel="steps $T$")
    grid[0].set(ylabel="bound − exact, nats")
    grid[0].legend()
    return _laid(figure)


@styled
def floors(times: Sequence[int], nats: Sequence[float], floor: Sequence[float]) -> Figure:
    """The terms of the bound as bars, and the floor that no network goes below as dots."""
    figure, axes = plt.subplots(figsize=(8, 2.8))
    label = r"$L_{t-1}$ of the perfect network, $\sigma_t^2=\beta_t$"
    axes.bar(times, nats, color=BLUE, alpha=0.4, label=label)
    axes.plot(times, floor, "o", color=RED, ms=4, label="floor of any network")
    axes.set(xlabel="$t$", ylabel="nats")
    axes.legend()
    return _laid(figure)


@styled
def scatter(draws: Mapping[str, np.ndarray]) -> Figure:
    """Single draws of what estimates a term or the bound, less its mean, a row for each way to write it."""
    figure, axes = plt.subplots(figsize=(8, 2.3))
    for k, values in enumerate(draws.values()):
        axes.plot(values, np.full(len(values), k) + np.linspace(-0.2, 0.2, len(values)), ".", ms=3)
    axes.axvline(0, color=INK, lw=1)
    axes.set(yticks=range(len(draws)), yticklabels=list(draws), xlabel="nats", ylim=(len(draws) - 0.4, -0.6))
    return _laid(figure)


@styled
def family() -> Figure:
    """Latent variable models: the VAE and the DDPM, what is latent, what encodes and what decodes."""
    figure, axes = plt.subplots(figsize=(9, 3.4))
    _boxed(axes, 4.5, 3.4, "latent variable model\none bound, ELBO", INK)
    columns = (
        (
            2,
            BLUE,
            (
                "VAE: one latent $z$",
                "encoder $q(z\\mid x)$: learned",
                r"decoder $p_\theta(x\mid z)$: learned",
            ),
        ),
        (
            7,
            RED,
            (
                r"DDPM: $T$ latents $x_1,\dots,x_T$",
                r"encoder $q(x_t\mid x_{t-1})$: fixed",
                r"decoder $p_\theta(x_{t-1}\mid x_t)$: learned",
            ),
        ),
    )
    for x, colour, texts in columns:
        axes.plot([4.5 + math.copysign(1.0, x - 4.5), x], [3.0, 2.58], color=FAINT, lw=1.2)
        for k, text in enumerate(texts):
            _boxed(axes, x, 2.2 - k, text, colour)
            if k:
                axes.plot([x, x], [2.85 - k, 2.55 - k], color=FAINT, lw=1.2)
    axes.set(xlim=(0, 9), ylim=(-0.3, 3.9))
    return _bare(figure, axes)


@styled
def sequence() -> Figure:
    """The derivation as messages between the bound, the model, the forward process and Bayes' rule."""
    figure, axes = plt.subplots(figsize=(9, 4.4))
    lines = ("bound", "model $p_\\theta$", "forward $q$", "Bayes' rule", "mean over $q$")
    for x, name in enumerate(lines):
        axes.plot([x, x], [0.3, 6.6], color=FAINT, lw=1, alpha=0.6)
        axes.text(x, 6.85, name, ha="center", fontsize=11.5)
    told: tuple[tuple[int, str], ...] = (
        (1, r"$\log p_\theta(x_{0:T})$: $T+1$ logarithms"),
        (2, r"$\log q(x_{1:T}\mid x_0)$: $T$ logarithms"),
        (3, r"turn $q(x_t\mid x_{t-1})$ round for $t\geq 2$"),
        (0, "the marginals cancel, all but the last"),
        (4, r"mean log-ratios are divergences: $L_T,\ L_{t-1}$; alone: $L_0$"),
    )
    for k, (to, text) in enumerate(told):
        y = 5.9 - 1.2 * k
        axes.plot([0], [y], "o", color=BLUE, ms=7)
        if to:
            ways: dict[str, Any] = {"arrowstyle": "<|-|>", "mutation_scale": 14, "shrinkA": 6, "shrinkB": 0}
            axes.add_patch(FancyArrowPatch((0, y), (to, y), color=BLUE, **ways))
        axes.text(0.1, y + 0.16, f"{k + 1}  {text}", fontsize=11)
    axes.set(xlim=(-0.5, 4.6), ylim=(0, 7.4))
    return _bare(figure, axes)


# ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────


def _bell(x: np.ndarray | float, mean: np.ndarray | float, var: float) -> np.ndarray:
    return np.exp(-((np.asarray(x) - mean) ** 2) / (2 * var)) / math.sqrt(2 * math.pi * var)


def _shapes(axes: Axes) -> None:
    """Above each state of the chain its bell under q, below it the one under p; a mark at 2."""
    x, wide = np.linspace(-4, 4.4, 400), 0.2
    for k in range(4):
        for floor, colour in ((1.5, BLUE), (-2.9, RED)):
            axes.plot(2 * k + wide * x[[0, -1]], [floor, floor], color=FAINT, lw=1)
            mean, var = (
                (0.0, 1 + sum(MODEL[k:])) if floor < 0 else (START * SIGNALS[k - 1], NOISES[k - 1] ** 2)
            )
            if k or floor < 0:
                tall = _bell(x, mean, var) * (2.4 if floor < 0 else 0.75)
                axes.fill_between(2 * k + wide * x, floor, floor + tall, color=colour, alpha=0.35)
    axes.plot([wide * START] * 2, [1.5, 2.55], color=BLUE, lw=3)
    axes.plot([wide * START] * 2, [-3.0, -2.4], color=INK, lw=1.4)
    axes.text(wide * START, -3.35, "how likely is 2?", ha="center", fontsize=11)


def _boxed(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    box = {"boxstyle": "round,pad=0.4", "fc": CLEAR, "ec": colour, "lw": 1.4}
    axes.text(x, y, text, ha="center", va="center", fontsize=10.5, bbox=box)


def _bent(axes: Axes, tail: float, head: float, colour: str) -> None:
    lift = 0.3 if head > tail else -0.3
    way = FancyArrowPatch(
        (tail + math.copysign(0.36, head - tail), lift),
        (head - math.copysign(0.36, head - tail), lift),
        connectionstyle="arc3,rad=-0.25",
        arrowstyle="-|>",
        mutation_scale=15,
        lw=1.6,
        color=colour,
    )
    axes.add_patch(way)


def _bare(figure: Figure, axes: Axes) -> Figure:
    axes.set_axis_off()
    return _laid(figure)


def _laid(figure: Figure) -> Figure:
    figure.tight_layout()
    return figure
