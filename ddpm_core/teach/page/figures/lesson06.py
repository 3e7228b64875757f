"""The figures of lesson 06: a ledger of bits, the bill, what the bits buy, the race, and the competition."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from ....gaussian import Gaussian
from .style import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, RED, boxes_in_a_row, styled

STOPS = (
    "1  a probability\nis a length",
    "2  bits that\ncome back",
    "3  the bill",
    "4  where the\nbits go",
    "5  a race for\na sample",
    "6  real files,\nand rivals",
)
route = partial(boxes_in_a_row, STOPS)  # with the stop that is lit: route(2)


class Entry(NamedTuple):
    """A line of a ledger: what happens, and the bits written; those that are taken from the mail are < 0."""

    what: str
    bits: float


@styled
def written_and_back(entries: Sequence[Entry]) -> Figure:
    """A ledger from top to bottom: each entry's bits as a bar that begins where the one above ended."""
    figure, axes = plt.subplots(figsize=(8, 0.5 + 0.42 * (len(entries) + 1)), layout="constrained")
    at = 0.0
    for k, bits in enumerate(entry.bits for entry in entries):
        axes.barh(k, bits, left=at, height=0.62, color=GREEN if bits < 0 else ORANGE)
        axes.plot((at + bits, at + bits), (k - 0.31, k + 1.31), color=FAINT, lw=1)
        axes.text(max(at, at + bits) + 0.08, k, f"{bits:+g}".replace("-", "−"), va="center", color=INK)
        at += bits
    axes.barh(len(entries), at, height=0.62, color=BLUE)
    axes.text(at + 0.08, len(entries), f"net {at:g}", va="center", color=INK)
    axes.axvline(0, color=INK, lw=1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_yticks(range(len(entries) + 1), [*(entry.what for entry in entries), "what it cost"])
    axes.set(xlabel="bits", ylim=(len(entries) + 0.6, -0.6))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


@styled
def walks(chances: Sequence[float], nets: Sequence[float], exact: float) -> Figure:
    """The walks of a small chain as bars, as wide as their chance and as high as their net cost in bits.

    Lines mark the average and `exact`, -log2 of the probability of the data.
    """
    order = np.argsort(nets, kind="stable")
    wide, high = np.asarray(chances)[order], np.asarray(nets)[order]
    left, mean = np.cumsum(wide) - wide, float(wide @ high)
    figure, axes = plt.subplots(figsize=(7.5, 2.8), layout="constrained")
    axes.bar(left, np.maximum(high, 0.015), wide, align="edge", color=BLUE, alpha=0.35, ec=INK, lw=0.8)
    axes.axhline(mean, color=ORANGE, label=f"the average, {mean:g}: −ELBO")
    axes.axhline(exact, color=GREEN, ls="--", label=f"$-\\log_2 p(x_0)$, {exact:.3f}")
    axes.set(xlabel="chance of the walk, added up", ylabel="net bits", xlim=(0, 1), ylim=(0, 2.25))
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


@styled
def bill(spent: Tensor, mark: int, label: str) -> Figure:
    """The bill adding up: spent (T,) holds the bits paid by the time the chain is down at t = T .. 1.

    `mark` is the t at which the noise is half a grey wide; what is paid from there on is shaded.
    """
    figure, axes = plt.subplots(figsize=(7.5, 3.2))
    t = np.arange(len(spent), 0, -1)
    axes.plot(t, spent, color=BLUE)
    below = t <= mark
    axes.fill_between(t[below], spent[t == mark].item(), spent[below], color=RED, alpha=0.25)
    at, total = spent[t == mark].item(), spent[-1].item()
    axes.axvline(mark, color=FAINT, ls=":")
    axes.text(mark * 1.12, total * 0.96, label, ha="right", va="top")
    said = f"{total - at:.0f} of {total:.0f} bits\nfor noise below the greys"
    axes.text(mark**0.35, at * 0.82, said, ha="center", va="top", color=RED)
    axes.set(xscale="log", xlim=(len(spent), 1), ylim=(0, None), ylabel="bits for a digit so far")
    axes.set(xlabel="$t$, from noise at the left to the picture at the right")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.25)
    return figure


@styled
def what_bits_buy(times: Sequence[int], bits: Tensor, error: Tensor, read: Tensor) -> Figure:
    """Three views of one chain that is stopped at each of `times`: bits so far, error left, digits read."""
    figure, panels = plt.subplots(1, 3, figsize=(9.4, 3), layout="constrained")
    panels[0].plot(times, bits, color=BLUE)
    panels[0].set(xlabel="stop at $t$", ylabel="bits for a digit", xlim=(max(times), 0))
    panels[1].plot(bits, error, color=ORANGE)
    panels[1].set(xlabel="bits for a digit", ylabel="error left, in greys", ylim=(0, 5.5))
    panels[2].plot(bits, 100 * read, color=GREEN)
    panels[2].set(xlabel="bits for a digit", ylabel="digits read right, %", ylim=(0, 103))
    for axes in panels:
        axes.grid(alpha=0.25)
    return figure


@styled
def winners(q: Gaussian, p: Gaussian, won: Tensor, best: Tensor) -> Figure:
    """The densities of q and p in one dimension, with histograms of what won, and of what fits best."""
    figure, panels = plt.subplots(1, 2, figsize=(9, 2.9), sharex=True, layout="constrained")
    x = torch.linspace(-3, 3, 400, dtype=torch.float64)[:, None]
    for axes, values, title in zip(
        panels, (won, best), ("the winners of 400 races", "the best-fitting of 4,096 rows, 400 times"),
        strict=True,
    ):  # fmt: skip
        axes.hist(values, 40, (-0.5, 3), density=True, color=PURPLE, alpha=0.35)
        axes.plot(x, p.log_prob(x).exp(), color=INK, ls="--", label="p, the candidates'")
        axes.plot(x, q.log_prob(x).exp(), color=ORANGE, label="q, the one wanted")
        axes.set(title=title, xlabel="$x_s$", yticks=[], ylim=(0, 2.2))
    panels[0].legend(loc="upper left")
    return figure


@styled
def promise_to_file(parts: Sequence[Entry]) -> Figure:
    """What a digit takes, as bars that begin where the one above ended; the last one is the sum of all."""
    figure, axes = plt.subplots(figsize=(8.4, 0.6 + 0.46 * (len(parts) + 1)), layout="constrained")
    at = 0.0
    colours = BLUE, ORANGE, PURPLE, RED, GREEN
    for k, (bits, colour) in enumerate(zip((part.bits for part in parts), colours, strict=False)):
        axes.barh(k, bits, left=at, height=0.62, color=colour)
        axes.text(at + bits + 1, k, f"{bits:.1f}" if not k else f"+{bits:.1f}", va="center")
        at += bits
    axes.barh(len(parts), at, height=0.62, color=INK)
    axes.text(at + 1, len(parts), f"{at:.1f}", va="center")
    axes.set_yticks(range(len(parts) + 1), [*(part.what for part in parts), "in the file"])
    axes.set(xlabel="bits for a digit", ylim=(len(parts) + 0.6, -0.6), xlim=(0, 1.12 * at))
    axes.tick_params(axis="y", length=0)
    return figure


@styled
def competition(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], most: float) -> Figure:
    """Error against bits for several coders, by name; the first is ours, and is drawn thickest."""
    figure, axes = plt.subplots(figsize=(8, 4))
    looks = [("o-", PURPLE), ("^-", GREEN), ("--", BLUE), ("s--", FAINT), ("s:", INK)]
    for (name, (bits, error)), (look, colour) in zip(curves.items(), looks, strict=False):
        axes.plot(bits, error, look, color=colour, ms=5, lw=2.4 if look == "o-" else 1.5, label=name)
    _framed(axes, most)
    return figure


def _framed(axes: Axes, most: float) -> None:
    axes.set(xlabel="bits for a digit", ylabel="error in greys (root mean square)")
    axes.set(xlim=(0, most), ylim=(0, 4.5))
    axes.grid(alpha=0.25)
    axes.legend()
